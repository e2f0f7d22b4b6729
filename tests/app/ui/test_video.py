"""A video with a finger: it plays, a tap pauses it, a touch on the line goes there."""

from pathlib import Path

import pytest

from onebar import Client
from onebar.models import TransferState
from onebar_app.view_models.rows import MediaRow
from onebar_mockserver import MockServer
from onebar_mockserver.pytest_plugin import MakePhone
from tests.app.stage import Stage
from tests.app.ui.test_conversation import ALICE, BOB, open_chat, registered
from tests.sdk.media.recorded import clip


async def test_it_plays_pauses_and_jumps(onebar_server: MockServer, onebar_phone: MakePhone, tmp_path: Path) -> None:
    database, bob = tmp_path / "alice.db", await onebar_phone(BOB)
    path = clip(tmp_path / "a.mp4", frames=240)
    await registered(onebar_server, database)
    async with Client.open(database, server=onebar_server.url) as alice:
        await (await bob.chat(ALICE).send("hello")).delivered(30)
        await alice.chat(BOB).accept()
        await (await bob.chat(ALICE).send_video(path)).delivered(30)
        async with Stage(alice, database) as stage:
            await open_chat(stage, BOB)

            def row() -> MediaRow | None:
                return next((row for row in stage.screen.chat.rows if isinstance(row, MediaRow)), None)

            def here() -> bool:
                found = row()
                return bool(found and found.message.attachment and found.message.attachment.state is TransferState.DONE)

            await stage.until(here)
            found = row()
            assert found is not None
            left, _, across, _ = stage.screen.list._shown[found.key]._frame
            await stage.tap_row(found.key, x=left + across / 2)
            video = stage.screen.video
            playback = video.playback
            await stage.until(lambda: playback.position_s > 0.2)
            assert video._texture.colorfmt == "rgb"
            await stage.tap(video.center_x, video.center_y)
            assert playback.state == "paused"
            left, middle, length = video.seek_bar
            await stage.tap(left + length / 2, middle)
            await stage.until(lambda: not playback._wants_frame)
            assert playback.position_s == pytest.approx(playback.duration_s / 2, abs=0.2)
            await stage.tap(video.center_x, video.center_y)
            await stage.until(lambda: playback.position_s > playback.duration_s / 2 + 0.2)
            stage.screen.pause()
            assert playback.state == "paused"
            stage.shell.back()
            await stage.until(lambda: not list(tmp_path.glob("*.plain/*")))
