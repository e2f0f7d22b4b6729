"""The camera's picture is looked at until the code of the chat is in it."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from onebar import Trust
from onebar_mockserver import MockServer
from onebar_mockserver.pytest_plugin import MakePhone
from tests.app.camera import Lens, held_up
from tests.app.ui.talking import talking
from tests.app.ui.test_conversation import ALICE, BOB


async def test_a_code_in_front_of_the_camera_verifies(
    onebar_server: MockServer, onebar_phone: MakePhone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from onebar_app.ui.screens import scan
    from onebar_app.ui.screens.contact import ContactScreen
    from onebar_app.ui.sheets import Question, Toast

    monkeypatch.setattr(scan, "Camera", Lens)
    async with talking(onebar_server, onebar_phone, tmp_path / "alice.db") as (stage, alice, bob):
        theirs, ours = await bob.chat(ALICE).safety_number(), await alice.chat(BOB).safety_number()
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
    async with talking(onebar_server, onebar_phone, tmp_path / "alice.db") as (stage, _, _):
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


def test_the_middle_of_the_cameras_picture_fills_the_screen() -> None:
    from onebar_app.ui.screens.scan import middle_of

    upright = SimpleNamespace(width=640, height=480, tex_coords=(0, 1, 1, 1, 1, 0, 0, 0))
    assert middle_of(upright, 640 / 480) == [0, 1, 1, 1, 1, 0, 0, 0]
    assert middle_of(upright, 320 / 480) == [0.25, 1, 0.75, 1, 0.75, 0, 0.25, 0]
    assert middle_of(upright, 640 / 240) == [0, 0.75, 1, 0.75, 1, 0.25, 0, 0.25]
