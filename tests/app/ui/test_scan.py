"""The camera's picture is looked at until the code of the chat is in it."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import segno
from PIL import Image

from onebar import Client, Trust
from onebar_mockserver import MockServer
from onebar_mockserver.pytest_plugin import MakePhone
from tests.app.stage import Stage
from tests.app.ui.test_conversation import ALICE, BOB, registered


def held_up(content: bytes | str) -> Image.Image:
    """Return what a camera sees of a phone that shows a code."""
    out = io.BytesIO()
    segno.make_qr(content, error="l", mode="byte").save(out, kind="png", scale=5)
    picture = Image.new("RGB", (640, 480), "#3a4a44")
    picture.paste(Image.open(out).convert("RGB"), (150, 60))
    return picture.rotate(4, fillcolor="#3a4a44")


class Lens:
    """Stands for Kivy's camera."""

    def __init__(self, **options: object) -> None:
        self.texture: Any = None
        self.running = False
        self._told: Callable[[object], None] = lambda _: None

    def bind(self, on_texture: Callable[[object], None]) -> None:
        self._told = on_texture

    def start(self) -> None:
        self.running = True

    def stop(self) -> None:
        self.running = False

    def see(self, picture: Image.Image) -> None:
        from onebar_app.ui.textures import upload

        self.texture = upload(picture)
        self._told(self)


async def test_a_code_in_front_of_the_camera_verifies(
    onebar_server: MockServer, onebar_phone: MakePhone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from onebar_app.ui.screens import scan
    from onebar_app.ui.screens.contact import ContactScreen
    from onebar_app.ui.sheets import Question, Toast

    monkeypatch.setattr(scan, "Camera", Lens)
    database, bob = tmp_path / "alice.db", await onebar_phone(BOB)
    await registered(onebar_server, database)
    async with Client.open(database, server=onebar_server.url) as alice:
        await (await bob.chat(ALICE).send("Hello")).delivered(30)
        await alice.chat(BOB).accept()
        theirs, ours = await bob.chat(ALICE).safety_number(), await alice.chat(BOB).safety_number()
        async with Stage(alice, database) as stage:
            stage.shell.go(lambda: ContactScreen(stage.shell, BOB))
            await stage.until(lambda: stage.screen.contact.number)

            async def begin() -> Lens:
                stage.screen.list.scroll_by(10_000)
                await stage.tap_row("scan")
                lens: Lens = stage.screen.camera
                assert lens.running
                return lens

            lens = await begin()
            lens.see(held_up("https://example.org"))
            await stage.until(lambda: list(stage.widgets(Toast)))
            assert lens.running
            lens.see(held_up(ours.qr()))
            await stage.until(lambda: list(stage.widgets(Question)))
            assert not lens.running
            await stage.tap_on(stage.button("Cancel"))
            assert await alice.chat(BOB).trust() is Trust.UNVERIFIED

            lens = await begin()
            lens.see(held_up(theirs.qr()))
            await stage.until(lambda: getattr(stage.screen, "contact", None) and stage.screen.contact.trust)
            await stage.until(lambda: stage.screen.contact.trust is Trust.VERIFIED)
            assert not lens.running


async def test_one_who_may_not_use_the_camera_chooses_a_picture(
    onebar_server: MockServer, onebar_phone: MakePhone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from onebar_app.ui.screens import scan
    from onebar_app.ui.screens.contact import ContactScreen
    from onebar_app.ui.screens.files import FilesScreen

    monkeypatch.setattr(scan, "Camera", Lens)
    database, bob = tmp_path / "alice.db", await onebar_phone(BOB)
    await registered(onebar_server, database)
    async with Client.open(database, server=onebar_server.url) as alice:
        await (await bob.chat(ALICE).send("Hello")).delivered(30)
        await alice.chat(BOB).accept()
        async with Stage(alice, database) as stage:
            stage.shell.folder = tmp_path
            stage.shell.go(lambda: ContactScreen(stage.shell, BOB))
            await stage.until(lambda: stage.screen.contact.number)
            stage.shell.before_camera = lambda: False
            stage.screen.list.scroll_by(10_000)
            await stage.tap_row("scan")
            await stage.until(lambda: isinstance(stage.screen, FilesScreen))
            stage.shell.back()
            stage.shell.before_camera = lambda: True
            await stage.frames()
            await stage.tap_row("scan")
            assert stage.screen.camera.running
            stage.screen._choose()
            await stage.until(lambda: isinstance(stage.screen, FilesScreen))
