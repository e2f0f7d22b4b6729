"""Pictures made to do harm end in a named error, soon, and with little memory."""

import random
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from onebar.media.errors import MediaError
from onebar.media.offload import Stop
from onebar.media.photos import Photo, prepare_photo
from tests.sdk.media.made import corpus, png_of, saved, scene

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
SEED = 20_261_124
CHANGES_PER_FILE = 24

BOMBS_MB_MAX = 96
"""Memory that all bombs together may add to a process: Pillow's own code and two of our pictures have room in it."""


def changed(data: bytes, dice: random.Random) -> bytes:
    """Cut, flip, blow up a length, repeat or drop a part, or put a part of another file in."""
    made = bytearray(data)
    at = dice.randrange(len(made))
    end = min(len(made), at + dice.randrange(1, 64))
    match dice.randrange(6):
        case 0:
            del made[at:]
        case 1:
            for _ in range(dice.randrange(1, 12)):
                made[dice.randrange(len(made))] ^= 1 << dice.randrange(8)
        case 2:
            made[at : at + 4] = dice.choice((b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", bytes(4), b"\0\0\xff\xff"))
        case 3:
            made[at:at] = made[at:end] * dice.randrange(1, 40)
        case 4:
            del made[at:end]
        case _:
            made[at:end] = dice.choice(list(corpus().values()))[at:end]
    return bytes(made)


@pytest.mark.filterwarnings("ignore")  # decoders complain about what they meet; the app hears the error
@pytest.mark.parametrize("name", list(corpus()))
def test_a_fuzzed_file_is_a_photo_or_a_named_error(name: str) -> None:
    data, dice = corpus()[name], random.Random(f"{SEED} {name}")
    for number in range(CHANGES_PER_FILE):
        hostile = changed(data, dice)
        try:
            photo = prepare_photo(Stop(), hostile)
        except MediaError:
            continue
        assert isinstance(photo, Photo), number
        assert max(photo.width, photo.height) <= 1600


def bombs() -> Iterator[tuple[str, bytes]]:
    """Small files that want much: pixels, passes, canvases, inflated metadata."""
    yield "png of 900 megapixels", png_of(30_000, 30_000, bytes(1000))
    yield "png of 4 billion pixels", png_of(65_535, 65_535, b"")
    webp = bytearray(
        saved(scene(64, 48).convert("RGBA"), "WEBP", save_all=True, append_images=[scene(64, 48).rotate(90)])
    )
    canvas = webp.index(b"VP8X") + 12
    webp[canvas : canvas + 6] = b"\xfe\x3f\x00\xfe\x3f\x00"
    yield "webp with a canvas of 268 megapixels", bytes(webp)
    gif = bytearray(saved(scene(64, 48).quantize(8), "GIF"))
    gif[6:10] = b"\xff\xff\xff\xff"
    yield "gif with a screen of 4 gigapixels", bytes(gif)
    frame = gif.index(b"\x2c", 13 + 3 * 8)
    gif[6:10], gif[frame + 5 : frame + 9] = b"\x40\0\x30\0", b"\xff\xff\xff\xff"
    yield "gif with a frame larger than its screen", bytes(gif)
    jpeg = bytearray(saved(scene(64, 48), "JPEG"))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = b"\x1a\0\x1d\0"
    yield "jpeg that says 49 megapixels and has none", bytes(jpeg)
    passes = bytearray(saved(scene(64, 48), "JPEG", progressive=True))
    frame, scan = passes.index(b"\xff\xc2"), passes.index(b"\xff\xda")
    passes[frame + 5 : frame + 9] = b"\x1a\0\x1d\0"
    yield "jpeg of 2000 passes", bytes(passes[:scan] + passes[scan : passes.index(b"\xff\xda", scan + 2)] * 2000)
    profile = zlib.compress(bytes(50_000_000), 9)
    yield "png with a profile of 50 MB", with_chunk(b"iCCP", b"a\0\0" + profile)
    yield "png with a text of 50 MB", with_chunk(b"zTXt", b"a\0\0" + profile)
    bmp = bytearray(saved(scene(64, 48), "BMP"))
    bmp[18:26] = (60_000).to_bytes(4, "little") * 2
    yield "bmp of 3.6 gigapixels", bytes(bmp)
    avif = bytearray(saved(scene(64, 48), "AVIF", speed=10))
    size = avif.index(b"ispe") + 8
    avif[size : size + 8] = (60_000).to_bytes(4, "big") * 2
    yield "avif that says 3.6 gigapixels", bytes(avif)


def with_chunk(name: bytes, body: bytes) -> bytes:
    png = saved(scene(64, 48), "PNG")
    chunk = len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")
    return png[:33] + chunk + png[33:]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("bomb", [pytest.param(data, id=name) for name, data in bombs()])
def test_a_bomb_is_a_small_file_and_does_no_harm(bomb: bytes) -> None:
    assert len(bomb) < 300_000
    try:
        photo = prepare_photo(Stop(), bomb)
    except MediaError:
        return
    assert max(photo.width, photo.height) <= 1600, "bad metadata is ignored, and JPEG paints what is missing grey"


CHILD = """
import warnings
from pathlib import Path
from onebar.media.errors import MediaError
from onebar.media.offload import Stop
from onebar.media.photos import prepare_photo
from tests.sdk.media.test_hostile_pictures import bombs, saved, scene


def peak_kb():  # not getrusage: its peak survives exec, so it would be that of the process that started this one
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


warnings.simplefilter("ignore")
prepare_photo(Stop(), saved(scene(), "PNG"))
made = list(bombs())
before = peak_kb()
for name, data in made:
    try:
        prepare_photo(Stop(), data)
    except MediaError:
        pass
    print(peak_kb() - before, name)
"""


@pytest.mark.process
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is read from Linux's /proc")
def test_bombs_take_little_memory() -> None:
    done = subprocess.run([sys.executable, "-c", CHILD], cwd=ROOT, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr
    grown = [int(line.split()[0]) / 1024 for line in done.stdout.splitlines()]
    assert grown[-1] < BOMBS_MB_MAX, done.stdout
