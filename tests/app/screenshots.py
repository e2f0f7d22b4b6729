"""`make screenshots`: every screen, light and dark, phone and tablet, both directions, into build/screenshots.

ONLY=chat,settings draws some; SIZES=phone one size.
"""

import asyncio
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import pytest
from PIL import Image, ImageDraw

from onebar import Client
from onebar.testing import WeakNetwork, profile
from onebar_app.demo import ALICE, BOB, STRANGER, furnish
from onebar_app.view_models.weather import Weather
from onebar_mockserver import MockServer
from tests.app.camera import Lens, held_up
from tests.app.stage import Stage, prepare

OUT: Final = Path(__file__).resolve().parents[2] / "build" / "screenshots"
# Rows of pixels are a multiple of four bytes only if the width is: Kivy saves others askew.
SIZES: Final = {"phone": (390, 800, 2.0), "tablet": (1088, 760, 1.25), "turned": (800, 390, 2.0)}
THEMES: Final = ("light", "dark")
LANGUAGES: Final = ("en", "ar")
TURNED: Final = {"chats", "chat", "request", "contact", "question", "message_menu"}  # a phone on its side
GERMAN: Final = {"settings", "privacy", "contact", "chats"}  # long words: a few are enough

Scene = Callable[[Stage], Awaitable[None]]


async def chats(stage: Stage) -> None:
    await stage.until(lambda: stage.shell.chats.loaded)


async def requests(stage: Stage) -> None:
    from onebar_app.ui.screens.chats import ChatsOfScreen

    stage.shell.go(lambda: ChatsOfScreen(stage.shell, "requests"))


async def chat(stage: Stage) -> None:
    await open_chat(stage, BOB)


async def chat_top(stage: Stage) -> None:
    await open_chat(stage, BOB)
    stage.screen.list.scroll_by(-100_000)


async def arabic(stage: Stage) -> None:
    await open_chat(stage, "+201005550104")


async def chinese(stage: Stage) -> None:
    await open_chat(stage, "+818055550106")


async def request(stage: Stage) -> None:
    await open_chat(stage, STRANGER)


async def message_menu(stage: Stage) -> None:
    await open_chat(stage, BOB)
    stage.screen.menu(next(message for message in reversed(stage.screen.chat.messages) if not message.outgoing))


TUNNEL: Final = (
    "I am in the tunnel now, this goes out by itself",
    "No signal at all in here",
    "Still under the mountain",
    "I can see light",
    "Out soon",
    "One more tunnel",
    "The last one, they say",
    "Tell the others",
)


async def offline(stage: Stage) -> None:
    from onebar_app.ui.net_banner import NetBanner

    await open_chat(stage, "+919955550108")
    weather = stage.shell.weather
    weather.network.refusing = True
    weather.network.reset()
    await stage.until(lambda: any(banner.text for banner in stage.widgets(NetBanner)))
    said = {message.text for message in stage.screen.chat.messages}
    await stage.screen.chat.send(next(line for line in TUNNEL if line not in said))
    stage.screen.composer.entry.text = "And one more"
    await stage.until(lambda: stage.shell.session.link.next_try_ms is not None)
    await asyncio.sleep(1.1)


async def contact(stage: Stage) -> None:
    from onebar_app.ui.screens.contact import ContactScreen

    stage.shell.go(lambda: ContactScreen(stage.shell, BOB))
    await stage.until(lambda: stage.screen.contact.loaded)


async def safety(stage: Stage) -> None:
    await contact(stage)
    stage.screen.list.scroll_by(100_000)


async def media(stage: Stage) -> None:
    from onebar_app.ui.screens.media import MediaScreen

    page = await stage.shell.session.client.chat(BOB).history(limit=50)
    photo = next(message for message in page if message.attachment and message.attachment.kind == "photo")
    stage.shell.go(lambda: MediaScreen(stage.shell, photo))
    await asyncio.sleep(0.5)


async def video(stage: Stage) -> None:
    from onebar_app.ui.screens.media import MediaScreen

    page = await stage.shell.session.client.chat(BOB).history(limit=50)
    film = next(message for message in page if message.attachment and message.attachment.kind == "video")
    await stage.shell.session.client.file(film).fetch()
    async for attachment in stage.shell.session.client.file(film).progress():
        if attachment.state == "done":
            break
    stage.shell.go(lambda: MediaScreen(stage.shell, film))
    playback = stage.screen.video.playback
    await stage.until(lambda: playback.position_s > 0.1)
    playback.pause()
    playback.seek(0.4)
    await stage.until(lambda: not playback._wants_frame)


async def recording(stage: Stage) -> None:
    await open_chat(stage, BOB)
    screen = stage.screen
    screen.recording.state = "recording"
    screen.recording.duration_s = 7.4
    screen.recording.levels = [abs(math.sin(at * 0.21)) * abs(math.sin(at * 0.037 + 1)) for at in range(90)]
    screen.recording.changed()


async def found(stage: Stage) -> None:
    from onebar_app.ui.screens import chats as screens

    page = await stage.shell.session.client.chat(BOB).history(limit=50)
    around = next(message for message in page if "cheese" in message.text)
    screens.open_chat(stage.shell, BOB, around=around)
    await stage.until(lambda: stage.screen.chat.loaded and stage.screen.found)
    stage.screen._darken = lambda: None  # a picture takes longer than the light


async def scan(stage: Stage) -> None:
    from onebar_app.ui.screens.scan import tell
    from onebar_app.view_models.scan import Verdict

    await contact(stage)
    stage.screen.list.scroll_by(100_000)
    await tell(stage.shell, stage.screen.contact, stage.shell.reader, Verdict.DIFFERS)


async def camera(stage: Stage) -> None:
    from onebar_app.ui.screens import scan as screens

    await contact(stage)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(screens, "Camera", Lens)
        screens.scan(stage.shell, stage.screen.contact, lambda _: [])
    number = await stage.shell.session.client.chat(BOB).safety_number()
    stage.screen.camera.see(held_up(number.qr()))


async def new_chat(stage: Stage) -> None:
    from onebar_app.ui.screens.new_chat import NewChatScreen

    stage.shell.go(lambda: NewChatScreen(stage.shell))


async def search(stage: Stage) -> None:
    from onebar_app.ui.screens.search import SearchScreen

    stage.shell.go(lambda: SearchScreen(stage.shell))
    await stage.frames()
    stage.screen.entry.text = "ar"
    await stage.until(lambda: stage.screen.search.answered and stage.screen.search.messages)


async def search_empty(stage: Stage) -> None:
    from onebar_app.ui.screens.search import SearchScreen

    stage.shell.go(lambda: SearchScreen(stage.shell))


def settings_page(name: str) -> Scene:
    async def show(stage: Stage) -> None:
        from onebar_app.ui.screens import settings

        stage.shell.go(lambda: getattr(settings, name)(stage.shell))
        await stage.until(lambda: stage.screen.list.rows)

    return show


async def theme_menu(stage: Stage) -> None:
    await settings_page("AppearanceScreen")(stage)
    stage.screen._theme()


async def question(stage: Stage) -> None:
    await settings_page("TwoStepScreen")(stage)
    stage.screen._ask()
    await stage.frames(4)


async def authenticator(stage: Stage) -> None:
    from onebar_app.ui.screens.security import AuthenticatorScreen
    from onebar_app.view_models.two_step import TwoStep

    two_step = TwoStep(stage.shell.session)
    await two_step.look()
    stage.shell.go(lambda: AuthenticatorScreen(stage.shell, two_step, two_step.new_totp()))


async def drawer(stage: Stage) -> None:
    from onebar_app.ui.screens.drawer import DrawerScreen

    stage.shell.go(lambda: DrawerScreen(stage.shell))
    await stage.until(lambda: stage.screen.list.rows)


async def large_text(stage: Stage) -> None:
    stage.app.phone.settings.choose(text_size=1.6)
    await open_chat(stage, BOB)


async def large_list(stage: Stage) -> None:
    stage.app.phone.settings.choose(text_size=1.6)
    await chats(stage)


async def open_chat(stage: Stage, phone: str) -> None:
    from onebar_app.ui.screens.chats import open_chat as go

    go(stage.shell, phone)
    await stage.until(lambda: stage.screen.chat.loaded)
    await asyncio.sleep(0.4)
    stage.screen.list.scroll_to_end()


SCENES: Final[dict[str, Scene]] = {
    "chats": chats,
    "requests": requests,
    "chat": chat,
    "chat_top": chat_top,
    "arabic": arabic,
    "chinese": chinese,
    "request": request,
    "message_menu": message_menu,
    "offline": offline,
    "contact": contact,
    "safety": safety,
    "media": media,
    "video": video,
    "recording": recording,
    "found": found,
    "scan": scan,
    "camera": camera,
    "new_chat": new_chat,
    "search": search,
    "search_empty": search_empty,
    "settings": settings_page("SettingsScreen"),
    "profile": settings_page("ProfileScreen"),
    "privacy": settings_page("PrivacyScreen"),
    "two_step": settings_page("TwoStepScreen"),
    "question": question,
    "authenticator": authenticator,
    "devices": settings_page("DevicesScreen"),
    "appearance": settings_page("AppearanceScreen"),
    "theme_menu": theme_menu,
    "storage": settings_page("StorageScreen"),
    "about": settings_page("AboutScreen"),
    "large_text": large_text,
    "large_list": large_list,
    "drawer": drawer,
}


async def draw(size: str, only: set[str]) -> None:
    """Draw the pictures of one size."""
    prepare(*SIZES[size])
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        async with MockServer(folder / "server") as server:
            await furnish(server, folder)
            for theme in THEMES:
                for language in (*LANGUAGES, "de"):
                    wanted = {name for name in SCENES if name in only} if only else set(SCENES)
                    wanted &= GERMAN if language == "de" else wanted
                    wanted &= TURNED if size == "turned" else wanted
                    await scenes(server, folder, size, theme, language, sorted(wanted, key=list(SCENES).index))
                    if not only or "welcome" in only:
                        await welcome(server, folder, size, theme, language)


async def scenes(server: MockServer, folder: Path, size: str, theme: str, language: str, names: list[str]) -> None:
    for name in names:
        database = folder / f"{ALICE[1:]}.db"
        async with (
            WeakNetwork(profile("perfect"), ("127.0.0.1", server.port)) as network,
            Client.open(database, server=f"http://{network.host}:{network.port}") as alice,
            Stage(alice, database, Weather(network), theme=theme, language=language, text_size=1.0) as stage,
        ):
            await SCENES[name](stage)
            await keep(stage, name, size, theme, language)


async def welcome(server: MockServer, folder: Path, size: str, theme: str, language: str) -> None:
    """Draw the registration's steps, and the list of somebody who has no chats."""
    database = folder / f"new-{theme}-{language}-{size}.db"
    phone = f"+1202555{abs(hash((theme, language, size))) % 9000 + 1000}"
    async with (
        Client.open(database, server=server.url) as client,
        Stage(client, database, theme=theme, language=language) as stage,
    ):
        await keep(stage, "register_number", size, theme, language)
        model = stage.app.welcome.model  # type: ignore[union-attr]
        await model.give_number("12")
        await keep(stage, "register_error", size, theme, language)
        await model.give_number(phone)
        await keep(stage, "register_code", size, theme, language)
        await model.give_code(server.sms(phone))
        await stage.until(lambda: stage.app.shell is not None and stage.shell.chats.loaded)
        await keep(stage, "chats_empty", size, theme, language)


async def keep(stage: Stage, name: str, size: str, theme: str, language: str) -> None:
    if stage.app.shell is not None:
        await stage.frames()
        await stage.until(lambda: not stage.shell.portraits.reading)
    picture = await stage.picture()
    (OUT / size).mkdir(parents=True, exist_ok=True)
    picture.save(OUT / size / f"{name}-{theme}-{language}.png")


def contact_sheet(size: str, across_px: int) -> None:
    """Put all pictures of a size on one."""
    paths = sorted((OUT / size).glob("*.png"), key=lambda path: (path.stem.split("-")[1:], path.stem))
    if not paths:
        return
    thumbs = []
    for path in paths:
        picture = Image.open(path)
        picture.thumbnail((across_px, across_px * 3))
        thumbs.append(picture)
    columns = max(1, 2400 // (across_px + 16))
    high = max(thumb.height for thumb in thumbs) + 34
    rows = -(-len(thumbs) // columns)
    sheet = Image.new("RGB", (columns * (across_px + 16), rows * high), (120, 126, 124))
    pen = ImageDraw.Draw(sheet)
    for number, (path, thumb) in enumerate(zip(paths, thumbs, strict=True)):
        x, y = number % columns * (across_px + 16) + 8, number // columns * high + 26
        sheet.paste(thumb, (x, y))
        pen.text((x, y - 18), path.stem, (255, 255, 255))
    sheet.save(OUT / f"contact-sheet-{size}.png")


def main() -> None:
    """Draw one size, or start a process for each: Kivy has one window, whose density is chosen once."""
    only = set(filter(None, os.environ.get("ONLY", "").split(",")))
    if len(sys.argv) > 1:
        asyncio.run(draw(sys.argv[1], only))
        return
    for size in filter(None, (os.environ.get("SIZES") or ",".join(SIZES)).split(",")):
        subprocess.run([sys.executable, "-m", "tests.app.screenshots", size], check=True)
        contact_sheet(size, 260 if size == "phone" else 480)
    print(f"{len(list(OUT.glob('*/*.png')))} pictures in {OUT}, with a contact sheet for each size")


if __name__ == "__main__":
    main()
