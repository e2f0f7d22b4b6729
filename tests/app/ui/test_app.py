"""What the app asks of the phone it runs on, and when."""

from pathlib import Path

from onebar import Client
from onebar.testing import WeakNetwork, profile
from onebar_mockserver import MockServer
from onebar_mockserver.pytest_plugin import MakePhone
from tests.app.stage import Stage
from tests.app.ui.test_conversation import ALICE, BOB, open_chat, registered


async def test_notifications_are_asked_for_once_with_the_first_chat(
    onebar_server: MockServer, onebar_phone: MakePhone, tmp_path: Path
) -> None:
    database, bob = tmp_path / "alice.db", await onebar_phone(BOB)
    await registered(onebar_server, database)
    asked: list[int] = []
    async with Client.open(database, server=onebar_server.url) as alice:
        for expected in (1, 1):
            async with Stage(alice, database) as stage:
                stage.app.ask_to_notify = lambda: asked.append(1)
                await stage.until(lambda: stage.shell.chats.loaded)
                if not asked:
                    assert not stage.shell.chats.chats
                    await (await bob.chat(ALICE).send("hello")).delivered(30)
                    await alice.chat(BOB).accept()
                    stage.shell.chats.look()
                await stage.until(lambda: stage.shell.chats.chats)
                await stage.frames()
                assert len(asked) == expected


async def test_what_was_not_sent_is_left_to_the_service(
    onebar_server: MockServer, onebar_phone: MakePhone, tmp_path: Path
) -> None:
    database, bob = tmp_path / "alice.db", await onebar_phone(BOB)
    await registered(onebar_server, database)
    async with (
        WeakNetwork(profile("perfect"), ("127.0.0.1", onebar_server.port)) as network,
        Client.open(database, server=f"http://{network.host}:{network.port}") as alice,
    ):
        await (await bob.chat(ALICE).send("hello")).delivered(30)
        await alice.chat(BOB).accept()
        async with Stage(alice, database) as stage:
            started: list[int] = []
            stage.app.sync_later = lambda: started.append(1)
            await open_chat(stage, BOB)
            await stage.until(lambda: stage.shell.chats.unsent == 0)
            stage.app.on_pause()
            stage.app.on_resume()
            assert started == []
            network.refusing = True
            network.reset()
            await stage.screen.chat.send("from the tunnel")
            await stage.until(lambda: stage.shell.chats.unsent == 1)
            stage.app.on_pause()
            assert started == [1]
            stage.app.on_resume()
