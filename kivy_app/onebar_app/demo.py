"""`make app`: a backend on this machine and two accounts in two windows, who have a lot to say to each other."""

import asyncio
import io
import math
import struct
import sys
import tempfile
import wave
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, Final

from PIL import Image, ImageDraw, ImageFilter

from onebar import Client
from onebar_app.messenger import Messenger
from onebar_mockserver import MockServer

# Who has a window.
ALICE: Final = "+12025550101"
BOB: Final = "+12025550102"

# Who they are: the test numbers of several countries, a name, and what was said; a line of theirs begins with "<".
PEOPLE: Final[dict[str, tuple[str, Sequence[str]]]] = {
    "+491705550103": (
        "Lena Fischer",
        (
            "<Kommst du am Samstag zum Kartoffelfeuer? 🥔🔥",
            "Na klar, ich bringe Kuchen mit",
            "<Donaudampfschifffahrtsgesellschaftskapitän Jörg kommt auch!",
        ),
    ),
    "+201005550104": (
        "أمل حسن",
        (
            "<مرحبا! وصلتُ إلى القاهرة، الشبكة ضعيفة جدًا هنا 😅",
            "الحمد لله على السلامة! 🌷",
            "<رقم الحجز 4471-B، هل تراه في الموقع؟",
        ),
    ),
    "+97235550105": ("נועה לוי", ("<הרכבת של 18:40 מאחרת שוב", "אין בעיה, אני מחכה ברציף 3", "<תודה! 🙏")),
    "+818055550106": (
        "陳 美玲",
        ("你好！今天的會議改到下午三點，地點不變。", "<好的，收到。謝謝您！", "<日本語でも大丈夫ですか？"),
    ),
    "+821055550107": ("김민준", ("<내일 산에 같이 갈래요?", "좋아요! 몇 시에 만날까요?")),
    "+919955550108": ("Priya Nair", ("<नमस्ते! टिकट मिल गए 🎟️", "Wonderful, thank you!")),
    BOB: (
        "Bob Marsh",
        (
            "<Are you on the train already?",
            "Yes! One bar of signal, and it comes and goes 🙈",
            "<It will get through 👍🏽",
            "<The hut is here, see https://example.org/huts/greenstone?from=station for the way up",
            "<We will be there around eight",
            "Perfect. I am bringing the good cheese 🧀",
            "🎉🎉",
        ),
    ),
}
STRANGER: Final = "+447700900110"

# Who has a photo: colours of the sky, the shirt, the skin and the hair.
PORTRAITS: Final = {
    BOB: ("#9cc7d8", "#2f5d50", "#e3b58f", "#5b3a22"),
    "+201005550104": ("#f0d5b0", "#7a3e5c", "#c98f66", "#2a1c18"),
    "+919955550108": ("#c9d8a8", "#c65b34", "#a86f48", "#17110f"),
}


async def register(server: MockServer, folder: Path, phone: str, stack: AsyncExitStack) -> Client:
    """Return a phone with an account."""
    client = await stack.enter_async_context(Client.open(folder / f"{phone[1:]}.db", server=server.url))
    await client.register(phone, code=lambda: server.sms(phone))
    return client


async def furnish(server: MockServer, folder: Path, *, media: bool = True) -> None:
    """Register Alice and Bob, whose databases are then in the folder, and let a few people talk to Alice."""
    async with AsyncExitStack() as stack:
        alice = await register(server, folder, ALICE, stack)
        notes = messenger(alice, folder, ALICE)
        for phone, (name, lines) in PEOPLE.items():
            other = await register(server, folder, phone, stack)
            await notes.rename(phone, name)
            if media and phone in PORTRAITS:
                await other.account.set_profile(photo=portrait(*PORTRAITS[phone]))
            await talk(alice, other, phone, lines)
            if phone == BOB:
                await messenger(other, folder, BOB).rename(ALICE, "Alice Winter")
                if media:
                    await send_media(alice, other)
                    await read(alice, BOB)
        stranger = await register(server, folder, STRANGER, stack)
        await (await stranger.chat(ALICE).send("Hi, is the bicycle still for sale?")).delivered(timeout_s=30)
        await notes.set_profile("Alice Winter", "On one bar of signal")
        await notes.keep("+491705550103", "pinned", True)
        await notes.keep("+97235550105", "muted", True)
        await notes.keep("+821055550107", "draft", "여덟 시 어때요?")


def messenger(client: Client, folder: Path, phone: str) -> Messenger:
    """Return what the app of a phone will find."""
    return Messenger(client, folder / f"{phone[1:]}.app.json")


async def talk(alice: Client, other: Client, phone: str, lines: Sequence[str]) -> None:
    """Let two people say their lines in order."""
    for line in lines:
        theirs = line.startswith("<")
        chat = other.chat(ALICE) if theirs else alice.chat(phone)
        await (await chat.send(line.removeprefix("<"))).delivered(timeout_s=30)
        if not theirs:
            await read(other, ALICE)
            await read(alice, phone)  # who answers has read


async def read(client: Client, phone: str) -> None:
    """Let somebody look at a chat down to its end."""
    (newest,) = await client.chat(phone).history(limit=1)
    await client.chat(phone).mark_read(newest)


async def send_media(alice: Client, bob: Client) -> None:
    """Let them send each other a photo, a voice note and a file."""
    with tempfile.TemporaryDirectory() as folder:
        clip = film(Path(folder) / "clip.mp4")
        video = await bob.chat(ALICE).send_video(clip)
        await video.delivered(timeout_s=60)
    photo = await bob.chat(ALICE).send_photo(mountains(), caption="The view from up here. Hurry!")
    await photo.delivered(timeout_s=60)
    with tempfile.TemporaryDirectory() as folder:
        sound, plan = Path(folder) / "note.wav", Path(folder) / "Packing list.txt"
        sound.write_bytes(hum())
        plan.write_text("Tent\nStove\nThe good cheese\n")
        note = await alice.chat(BOB).send_voice_note(sound)
        await note.delivered(timeout_s=60)
        file = await alice.chat(BOB).send_file(plan)
        await file.delivered(timeout_s=60)
    async with asyncio.timeout(60):
        async for attachment in alice.file((await alice.chat(BOB).history(limit=3))[0]).progress():
            if attachment.state == "done":
                break


def mountains(width: int = 1200, height: int = 900) -> bytes:
    """Return a painted photo."""
    sky = Image.linear_gradient("L").resize((width, height))
    picture = Image.merge(
        "RGB",
        [sky.point(lambda v, a=a, b=b: int(a + (b - a) * v / 255)) for a, b in ((96, 250), (142, 205), (196, 168))],
    )
    pen = ImageDraw.Draw(picture)
    pen.ellipse((width * 0.66, height * 0.2, width * 0.75, height * 0.32), fill=(255, 236, 190))
    for layer, colour in enumerate(((122, 134, 162), (84, 102, 130), (52, 76, 92), (27, 50, 52))):
        ridge = [
            (
                x,
                height * (0.42 + 0.13 * layer)
                - height * 0.09 * math.sin(x / (170 - 22 * layer) + layer * 2.1)
                - height * 0.04 * math.sin(x / 47 + layer),
            )
            for x in range(0, width + 20, 20)
        ]
        pen.polygon([(0, height), *ridge, (width, height)], fill=colour)
    out = io.BytesIO()
    picture.filter(ImageFilter.GaussianBlur(1)).save(out, "JPEG", quality=90)
    return out.getvalue()


def portrait(sky: str, shirt: str, skin: str, hair: str, side: int = 512) -> bytes:
    """Return a painted photo of somebody."""
    picture = Image.new("RGB", (side, side), sky)
    pen = ImageDraw.Draw(picture)

    def oval(left: float, top: float, right: float, bottom: float, colour: str) -> None:
        pen.ellipse((left * side, top * side, right * side, bottom * side), fill=colour)

    oval(0.14, 0.72, 0.86, 1.4, shirt)
    pen.rectangle((0.43 * side, 0.58 * side, 0.57 * side, 0.76 * side), fill=skin)
    oval(0.29, 0.14, 0.71, 0.6, hair)
    oval(0.33, 0.22, 0.67, 0.66, skin)
    pen.pieslice((0.31 * side, 0.15 * side, 0.69 * side, 0.52 * side), 180, 360, fill=hair)
    out = io.BytesIO()
    picture.filter(ImageFilter.GaussianBlur(1.2)).save(out, "JPEG", quality=90)
    return out.getvalue()


def film(path: Path, seconds: float = 6.0, rate: int = 15) -> Path:
    """Write a video of clouds that pass the mountains, with somebody humming."""
    import av

    ground = Image.open(io.BytesIO(mountains(640, 480)))
    sound = io.BytesIO(hum(seconds))
    with av.open(str(path), "w") as made, av.open(sound, "r") as heard:
        picture: Any = made.add_stream("libx264", rate=rate, options={"preset": "ultrafast"})
        picture.width, picture.height, picture.pix_fmt = *ground.size, "yuv420p"
        voice: Any = made.add_stream("aac", rate=16_000, layout="mono")
        for number in range(round(seconds * rate)):
            sky = ground.copy()
            pen = ImageDraw.Draw(sky)
            for cloud in range(4):
                x, y = (number * 3 + cloud * 190) % 800 - 120, 30 + 28 * (cloud % 3)
                for puff in range(3):
                    pen.ellipse((x + 26 * puff, y - 6 * (puff % 2), x + 26 * puff + 52, y + 26), fill="#fff3e2")
            made.mux(picture.encode(av.VideoFrame.from_image(sky)))  # type: ignore[no-untyped-call]
        made.mux(picture.encode(None))
        for frame in heard.decode(audio=0):
            made.mux(voice.encode(frame))
        made.mux(voice.encode(None))
    return path


def hum(seconds: float = 4.0, rate_hz: int = 16_000) -> bytes:
    """Return a hummed voice note as WAV."""
    samples = [
        int(
            9000
            * math.sin(2 * math.pi * (180 + 40 * math.sin(t * 3 / rate_hz)) * t / rate_hz)
            * abs(math.sin(t * 2.3 / rate_hz))
            * abs(math.sin(t * 7.1 / rate_hz))
        )
        for t in range(int(seconds * rate_hz))
    ]
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate_hz)
        sound.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return out.getvalue()


async def main() -> None:
    """Start the backend, furnish it, open both windows, and end when both are closed."""
    with tempfile.TemporaryDirectory(prefix="onebar-app-") as temporary:
        folder = Path(temporary)
        async with MockServer(folder / "server") as server:
            print("Two accounts are being made, and a few messages sent …", flush=True)  # noqa: T201
            await furnish(server, folder)
            print(f"The backend is at {server.url}. Close both windows to end.", flush=True)  # noqa: T201
            windows = [
                await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "onebar_app",
                    "--server",
                    server.url,
                    "--developer",
                    "--title",
                    name,
                    "--left",
                    str(left),
                    "--database",
                    str(folder / f"{phone[1:]}.db"),
                )
                for phone, name, left in ((ALICE, "Onebar: Alice", 80), (BOB, "Onebar: Bob", 520))  # side by side
            ]
            await asyncio.gather(*(window.wait() for window in windows))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
