"""`make bench-media`: photos, videos and voice notes: bytes and time at equal quality, encryption, memory, uploads.

Photos are compared with mozjpeg at WhatsApp's settings (found in files that WhatsApp wrote: long side 1600, quality 80,
4:2:0, progressive) by SSIMULACRA2. The photos come from Debian packages; without them, without Node.js, or without the
package `ssimulacra2`, that part is left out by name. `MEDIA=folder` looks there instead of /usr/share.

PARTS=kills,texts   only these; all are photos, work (voice notes, videos, encryption, memory), kills and texts
NETWORKS=edge       kills on these networks only; the chart has the others as they were measured before
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Final

from PIL import Image
from tests.interop.with_libsignal import MissingError

from benchmarks import transfers_chart
from benchmarks.contact_sheet import Row, draw
from benchmarks.goals import MEDIA
from benchmarks.media_samples import CAMERA, CLIPS, SPEECH, WALLPAPERS
from benchmarks.photo_quality import Compared, Peer, Score, compare, geometric_mean
from benchmarks.report import REPORTS, BenchError, Report
from benchmarks.rounds import summarize
from benchmarks.transfers import NETWORKS, measure_kills, measure_texts
from onebar.crypto.attachments import AttachmentOpener, AttachmentSealer
from onebar.media.offload import Stop
from onebar.media.photos import RECIPES, Codec, PhotoMode, prepare_photo
from onebar.media.pixels import plain_pixels
from onebar.media.videos import prepare_video
from onebar.media.voice import prepare_voice_note

PARTS: Final = ("photos", "work", "kills", "texts")
"""What is measured, in this order."""

CHART: Final = REPORTS / "bench-media-transfers.png"
"""How uploads went."""

SHEET: Final = REPORTS / "bench-media-photos.png"
"""What the photos look like."""

SEALED_MB: Final = 64
"""Length of the file that is sealed and opened, in each round."""

ROUNDS: Final = 5
"""How often."""

BIG: Final = (8160, 6120)
"""50 megapixels: the largest photo that is taken."""

CHILD: Final = """
import sys
from pathlib import Path
from onebar.media.offload import Stop
from onebar.media.photos import prepare_photo
from PIL import Image
Image.init()
def peak_kb():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
before = peak_kb()
prepare_photo(Stop(), Path(sys.argv[1]))
print(peak_kb() - before)
"""


def main() -> int:
    """Measure everything that can be; return the exit code."""
    parts = tuple(filter(None, os.environ.get("PARTS", "").split(","))) or PARTS
    if unknown := set(parts) - set(PARTS):
        print(f"PARTS: {', '.join(sorted(unknown))} is none of {', '.join(PARTS)}", file=sys.stderr)
        return 2
    networks = tuple(filter(None, os.environ.get("NETWORKS", "").split(","))) or NETWORKS
    missing = [reason for samples in (CAMERA, WALLPAPERS, CLIPS, SPEECH) if (reason := samples.missing())]
    keys: list[str] = []
    report = Report(MEDIA, "Media", keys)
    if "photos" in parts:
        try:
            keys += measure_photos(report)
        except MissingError as error:
            missing.append(f"photos at equal quality: {error}")
    try:
        if "work" in parts:
            measure_work(report)
        rows = measure_kills(report, networks) if "kills" in parts else []
        alone, beside = measure_texts(report) if "texts" in parts else ([], [])
    except BenchError as error:
        return report.fail(error)
    keys += ["resend_overhead_pct"] * bool(rows) + ["text_p95_ratio"] * bool(alone)
    if rows or alone:
        transfers_chart.draw_with_known(rows, alone, beside, CHART)
        report.say(f"how uploads went: {CHART.relative_to(REPORTS.parent.parent)}")
    for reason in missing:
        report.say(f"not run: {reason}")
    return report.finish()


def measure_work(report: Report) -> None:
    """Add the figures of what a phone does before a file leaves it.

    Raises:
        BenchError: Something failed.
    """
    measure_speech(report)
    measure_clips(report)
    measure_sealing(report)
    measure_memory(report)


# --- photos ---------------------------------------------------------------------------------------


def measure_photos(report: Report) -> list[str]:
    """Compare the photos that are here, and draw them; return the keys of the figures for the last line.

    Raises:
        MissingError: The metric or the peer is not here.
    """
    photos = CAMERA.found() + WALLPAPERS.found()
    compared = compare_all(report, photos)
    if not compared:
        return []
    add_photos(report, compared)
    draw([row(path) for path in photos], SHEET)
    report.say(f"what they look like: {SHEET.relative_to(REPORTS.parent.parent)}")
    return ["jpeg_ratio", "avif_ratio"]


def compare_all(report: Report, photos: list[Path]) -> list[Compared]:
    """Compare every photo with the peer, which takes half a minute each.

    Raises:
        MissingError: The metric or the peer is not here.
    """
    score = metric()
    if not photos:
        return []
    compared = []
    with Peer() as peer:
        for number, path in enumerate(photos, 1):
            one = compare(pixels(path), peer, score)
            compared.append(one)
            ratios = ", ".join(
                f"{codec.partition('/')[2].upper()} {one.equal_bytes[codec] / one.peer.size:.2f} x" for codec in Codec
            )
            name = f"photo {number} of {len(photos)}, {path.parent.parent.parent.name}/{path.name}"
            report.say(f"{name}: {one.peer.size / 1000:.0f} kB at {one.peer.score:.1f}; at that quality {ratios}")
    return compared


def metric() -> Score:
    """Return SSIMULACRA2.

    Raises:
        MissingError: It is not installed.
    """
    try:
        from ssimulacra2 import compute_ssimulacra2
    except ImportError:
        raise MissingError("the package ssimulacra2 is not installed") from None

    def score(reference: Path, made: Path) -> float:
        return float(compute_ssimulacra2(str(reference), str(made)))

    return score


def pixels(path: Path) -> Image.Image:
    """Return what is encoded: the photo upright, in sRGB, of the standard size."""
    return plain_pixels(path.read_bytes(), RECIPES[PhotoMode.STANDARD, Codec.JPEG].side_px, Stop().check)


def add_photos(report: Report, compared: list[Compared]) -> None:
    """Add the figures of all photos together."""
    peer_bytes = median([one.peer.size for one in compared])
    peer_score = sum(one.peer.score for one in compared) / len(compared)
    report.add("peer_kb", "WhatsApp's encoder, median photo", peer_bytes / 1000, "kB", f"SSIMULACRA2 {peer_score:.1f}")
    report.add("peer_ms", "  its time", median([one.peer_ms for one in compared]), "ms")
    for codec in Codec:
        name = codec.partition("/")[2]
        ratios = [one.equal_bytes[codec] / one.peer.size for one in compared]
        spread = f"{summarize(ratios)}, one for each photo"
        report.add(f"{name}_ratio", f"{name.upper()}, bytes at equal quality", geometric_mean(ratios), "x", spread)
        total = sum(one.equal_bytes[codec] for one in compared) / sum(one.peer.size for one in compared)
        report.add(f"{name}_total_ratio", "  of all photos together", total, "x")
        report.add(f"{name}_median_ratio", "  of the median photo", median(ratios), "x")
        sent = [one.ours[codec].size / one.peer.size for one in compared]
        score = sum(one.ours[codec].score for one in compared) / len(compared)
        note = f"SSIMULACRA2 {score:.1f} at quality {RECIPES[PhotoMode.STANDARD, codec].quality}"
        report.add(f"{name}_sent_ratio", f"{name.upper()}, bytes as sent", geometric_mean(sent), "x", note)
        report.add(f"{name}_ms", "  its time", median([one.ms[codec] for one in compared]), "ms")


def row(path: Path) -> Row:
    """Return a photo in the forms that are sent."""
    jpeg, avif = (prepare_photo(Stop(), path, PhotoMode.STANDARD, codec) for codec in (Codec.JPEG, Codec.AVIF))
    return Row(pixels(path), path.stat().st_size, jpeg, avif)


# --- the rest -------------------------------------------------------------------------------------


def measure_speech(report: Report) -> None:
    """Make voice notes of a book read aloud."""
    if not (found := SPEECH.found()):
        return
    begun_s = time.process_time()
    notes = [prepare_voice_note(Stop(), path) for path in found]
    took_s = time.process_time() - begun_s
    minutes = sum(note.duration_ms for note in notes) / 60_000
    report.add("voice_kb_min", "voice note", sum(len(note.data) for note in notes) / 1000 / minutes, "kB/min")
    report.add("voice_cpu", "  CPU for a second of it", took_s / minutes / 60 * 1000, "ms")


def measure_clips(report: Report) -> None:
    """Make small videos of two clips."""
    with tempfile.TemporaryDirectory() as scratch:
        for number, path in enumerate(CLIPS.found(), 1):
            begun_s = time.perf_counter()
            video = prepare_video(Stop(), path, Path(scratch) / "made.mp4")
            took_s = time.perf_counter() - begun_s
            note = f"of {path.stat().st_size / 1000:.0f} kB, {video.duration_ms / 1000:.1f} s, in {took_s:.1f} s"
            report.add(f"video{number}_kb", f"video {number}", video.file_bytes / 1000, "kB", note)


def measure_sealing(report: Report) -> None:
    """Seal and open a file."""
    data = os.urandom(1_000_000)
    report.say(f"sealing and opening {SEALED_MB} MB, {ROUNDS} times")
    seals, opens = zip(*(seal_and_open(data) for _ in range(ROUNDS)), strict=True)
    report.add("seal_mb_s", "sealing a file", median(seals), "MB/s", str(summarize(seals)))
    report.add("open_mb_s", "opening it", median(opens), "MB/s", str(summarize(opens)))


def seal_and_open(data: bytes) -> tuple[float, float]:
    """Return the speeds in MB/s, both hashes included."""
    sealer = AttachmentSealer(os.urandom)
    begun_s = time.perf_counter()
    parts = [sealer.feed(data) for _ in range(SEALED_MB)]
    rest, secret = sealer.finish()
    sealed_s = time.perf_counter()
    opener = AttachmentOpener(secret)
    for part in (*parts, rest):
        opener.feed(part)
    opener.finish()
    return SEALED_MB / (sealed_s - begun_s), SEALED_MB / (time.perf_counter() - sealed_s)


def measure_memory(report: Report) -> None:
    """Prepare photos of 50 megapixels in new processes, and read their peaks.

    Raises:
        BenchError: Such a process failed.
    """
    if not Path("/proc/self/status").exists():
        report.say("not run: peak memory, which is read from Linux's /proc")
        return
    scene = Image.effect_mandelbrot((1020, 765), (-2.0, -1.5, 1.0, 1.5), 80).resize(BIG).convert("RGB")
    with tempfile.TemporaryDirectory() as scratch:
        for kind, options in (("JPEG", {}), ("PNG", {"compress_level": 1})):
            path = Path(scratch) / kind
            scene.save(path, kind, **options)
            report.say(f"a {kind} of 50 megapixels in a process of its own")
            done = subprocess.run([sys.executable, "-c", CHILD, str(path)], capture_output=True, text=True, check=False)
            if done.returncode:
                raise BenchError(f"a photo of 50 megapixels failed: {done.stderr.strip().splitlines()[-1:]}")
            report.add(f"peak_{kind.lower()}_mb", f"peak memory, {kind} of 50 MP", int(done.stdout) / 1024, "MB")


if __name__ == "__main__":
    sys.exit(main())
