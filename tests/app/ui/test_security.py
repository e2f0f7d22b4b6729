"""Settings that protect the account, by finger."""

from pathlib import Path

import pytest

from onebar import Client
from onebar.crypto import pins
from onebar.models import Protection
from onebar_mockserver import MockServer, router
from onebar_mockserver.pytest_plugin import MakePhone
from tests.app.stage import Stage
from tests.app.ui.test_conversation import ALICE, registered


def shown(stage: Stage) -> set[str]:
    """What can be chosen."""
    return {row.key for row in stage.screen.list.rows}


async def test_a_pin_is_set_and_then_there_is_one_to_remove(
    onebar_server: MockServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pins, "PIN_MEMORY_BYTES", 8 * 1024 * pins.PIN_PASSES)  # a PIN costs nothing here
    database = tmp_path / "alice.db"
    await registered(onebar_server, database)
    async with Client.open(database, server=onebar_server.url) as alice, Stage(alice, database) as stage:
        from onebar_app.ui.screens.security import TwoStepScreen
        from onebar_app.ui.sheets import Question

        stage.shell.go(lambda: TwoStepScreen(stage.shell))
        await stage.until(lambda: stage.screen._two_step.known)
        assert "remove" not in shown(stage)
        await stage.tap_row("set")
        for _ in range(2):
            question = next(iter(stage.widgets(Question)))
            question.entry.text = "2468"
            question._yes()
            await stage.frames()
        await stage.until(lambda: "remove" in shown(stage))
        assert [row.text for row in stage.screen.list.rows if row.key == "set"] == ["Turned on"]
        assert await alice.account.last_protection() == Protection(pin=True, totp=False)
        await stage.tap_row("totp")
        await stage.until(lambda: "code" in shown(stage))
        assert "remove" not in shown(stage)
        totp = stage.screen._totp
        stage.app.phone.settings.choose(theme="dark")
        await stage.frames()
        assert stage.screen._totp == totp, "built anew, it shows the code that was scanned"


async def test_a_server_that_cannot_say_leaves_both_to_be_removed(
    onebar_phone: MakePhone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await onebar_phone(ALICE)

    monkeypatch.delitem(router._KINDS, "protection")
    async with Stage(alice, tmp_path / "alice.db") as stage:
        from onebar_app.ui.screens.security import TwoStepScreen

        stage.shell.go(lambda: TwoStepScreen(stage.shell))
        await stage.until(lambda: "remove" in shown(stage))
        await stage.tap_row("totp")
        await stage.until(lambda: "code" in shown(stage))
        assert "remove" in shown(stage)
