"""What a user does with a finger: register, write in a tunnel, send a photo through a cut, compare, search."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import segno

from onebar import Client, MessageState, Trust
from onebar.models import TransferState
from onebar.testing import WeakNetwork, profile
from onebar_app.demo import mountains
from onebar_app.view_models.rows import BubbleRow, MediaRow
from onebar_app.view_models.weather import Weather
from onebar_mockserver import MockServer
from onebar_mockserver.limits import ServerLimits
from onebar_mockserver.pytest_plugin import MakePhone
from tests.app.stage import Stage

ALICE, BOB = "+12025550101", "+12025550102"


@pytest.fixture
async def weather(onebar_server: MockServer) -> AsyncIterator[Weather]:
    async with WeakNetwork(profile("perfect"), ("127.0.0.1", onebar_server.port)) as network:
        yield Weather(network)


@pytest.fixture
async def bob(onebar_phone: MakePhone) -> Client:
    return await onebar_phone(BOB)


async def registered(server: MockServer, database: Path, phone: str = ALICE) -> None:
    async with Client.open(database, server=server.url) as client:
        await client.register(phone, code=lambda: server.sms(phone))


async def open_chat(stage: Stage, phone: str) -> None:
    await stage.until(lambda: phone in stage.screen.list._shown)
    await stage.tap_row(phone)
    await stage.until(lambda: stage.screen.chat.loaded)
    await stage.frames()


def states(stage: Stage) -> list[MessageState]:
    return [row.message.state for row in stage.screen.chat.rows if isinstance(row, BubbleRow) and row.message.outgoing]


async def test_from_the_number_to_ticks_after_a_tunnel(
    onebar_server: MockServer, tmp_path: Path, weather: Weather, bob: Client
) -> None:
    database = tmp_path / "alice.db"
    async with Client.open(database, server=weather.url) as alice, Stage(alice, database, weather) as stage:
        welcome = stage.app.welcome
        assert welcome is not None
        assert welcome.entry is not None
        welcome.entry.text = "+1 202 555 0101"
        await stage.tap_on(welcome.button)
        await stage.until(lambda: welcome.model.step == "code")
        welcome.entry.text = onebar_server.sms(ALICE)
        await stage.tap_on(stage.button("Continue"))
        await stage.until(lambda: stage.app.shell is not None and stage.shell.chats.loaded)

        await stage.tap_on(stage.button("New chat"))
        stage.screen.phone.text, stage.screen.name.text = BOB, "Bob Marsh"
        await stage.tap_on(stage.button("Start chat"))
        await stage.until(lambda: getattr(stage.screen, "chat", None) and stage.screen.composer)
        composer = stage.screen.composer
        composer.entry.text = "Can you hear me?"
        await stage.tap_on(composer.button)
        await stage.until(lambda: states(stage) == [MessageState.DELIVERED])

        weather.network.refusing = True
        weather.network.reset()
        await stage.until(lambda: "Waiting for network" in stage.screen.banner.text)
        composer.entry.text = "I am in the tunnel"
        await stage.tap_on(composer.button)
        assert composer.entry.text == ""
        await stage.until(lambda: states(stage) == [MessageState.DELIVERED, MessageState.QUEUED])

        weather.network.refusing = False
        if stage.screen.banner.text:  # it may have tried by itself just now
            await stage.tap_on(stage.screen.banner)
        await stage.until(lambda: states(stage) == [MessageState.DELIVERED] * 2)
        await stage.until(lambda: not stage.screen.banner.text)
        assert [message.text for message in await bob.chat(ALICE).history()] == [
            "Can you hear me?",
            "I am in the tunnel",
        ]
        await bob.chat(ALICE).mark_read((await bob.chat(ALICE).history())[-1])
        await bob.chat(ALICE).accept()
        await bob.chat(ALICE).mark_read((await bob.chat(ALICE).history())[-1])
        await stage.until(lambda: states(stage)[-1] in {MessageState.READ, MessageState.DELIVERED})


async def test_a_photo_shows_its_progress_through_a_cut(
    onebar_server: MockServer, tmp_path: Path, weather: Weather, bob: Client
) -> None:
    database, photo = tmp_path / "alice.db", tmp_path / "photo.jpg"
    photo.write_bytes(mountains())
    await registered(onebar_server, database)
    async with Client.open(database, server=weather.url) as alice:
        await (await bob.chat(ALICE).send("Show me!")).delivered(30)
        await alice.chat(BOB).accept()
        async with Stage(alice, database, weather) as stage:
            await open_chat(stage, BOB)
            weather.choose("edge")
            stage.screen.send_file(photo)

            def file() -> Any:
                return next(row.message.attachment for row in stage.screen.chat.rows if isinstance(row, MediaRow))

            def key() -> int:
                return next((row.key for row in stage.screen.chat.rows if isinstance(row, MediaRow)), 0)

            await stage.until(lambda: key() and file().bytes_done > 0)
            weather.reset()
            left, _, across, _ = stage.screen.list._shown[key()]._frame
            await stage.tap_row(key(), x=left + across / 2)
            await stage.until(lambda: file().state is TransferState.PAUSED)
            before = file().bytes_done
            weather.choose("perfect")
            await stage.tap_row(key(), x=left + across / 2)
            await stage.until(lambda: file().state is TransferState.DONE)
            assert file().bytes_total > before > 0
            await stage.until(lambda: states(stage)[-1] is MessageState.DELIVERED)


async def test_a_safety_number_is_compared(onebar_server: MockServer, tmp_path: Path, bob: Client) -> None:
    database = tmp_path / "alice.db"
    await registered(onebar_server, database)
    async with Client.open(database, server=onebar_server.url) as alice:
        await (await bob.chat(ALICE).send("Hello")).delivered(30)
        await alice.chat(BOB).accept()
        async with Stage(alice, database) as stage:
            await open_chat(stage, BOB)
            stage.screen._info()
            await stage.until(lambda: stage.screen.contact.number)
            theirs = await bob.chat(ALICE).safety_number()
            assert "".join(stage.screen.contact.digits()) == theirs.digits
            stage.screen.list.scroll_by(10_000)
            await stage.tap_row("verify")
            await stage.until(lambda: stage.screen.contact.trust is Trust.VERIFIED)
            assert await alice.chat(BOB).trust() is Trust.VERIFIED


async def test_a_code_is_scanned_from_a_picture(onebar_server: MockServer, tmp_path: Path, bob: Client) -> None:
    from onebar_app.ui.sheets import Question

    database, folder = tmp_path / "alice.db", tmp_path / "pictures"
    folder.mkdir()
    await registered(onebar_server, database)
    async with Client.open(database, server=onebar_server.url) as alice:
        await (await bob.chat(ALICE).send("Hello")).delivered(30)
        await alice.chat(BOB).accept()
        theirs, ours = await bob.chat(ALICE).safety_number(), await alice.chat(BOB).safety_number()
        for name, content in (("theirs.png", theirs.qr()), ("ours.png", ours.qr())):
            segno.make_qr(content, error="l", mode="byte").save(str(folder / name), scale=5)
        async with Stage(alice, database) as stage:
            await open_chat(stage, BOB)
            stage.screen._info()
            await stage.until(lambda: stage.screen.contact.number)
            stage.shell.folder = folder
            contact = stage.screen
            for name, said in (("ours.png", Trust.UNVERIFIED), ("theirs.png", Trust.VERIFIED)):
                contact.list.scroll_by(10_000)
                await stage.tap_row("scan")
                await stage.tap_row(str(folder / name))
                if said is Trust.UNVERIFIED:
                    await stage.until(lambda: list(stage.widgets(Question)))
                    await stage.tap_on(stage.button("Cancel"))
                await stage.until(lambda said=said: contact.contact.trust is said)  # type: ignore[misc]
            assert await alice.chat(BOB).trust() is Trust.VERIFIED


async def test_a_photo_of_oneself_and_of_others(onebar_server: MockServer, tmp_path: Path, bob: Client) -> None:
    from onebar_app.ui.screens.settings import ProfileScreen

    database, folder = tmp_path / "alice.db", tmp_path / "pictures"
    folder.mkdir()
    (folder / "me.jpg").write_bytes(mountains(300, 300))
    await bob.account.set_profile(name="Bob", photo=mountains(256, 256))
    await registered(onebar_server, database)
    async with Client.open(database, server=onebar_server.url) as alice:
        await (await bob.chat(ALICE).send("Hello")).delivered(30)
        await alice.chat(BOB).accept()
        async with Stage(alice, database) as stage:
            await stage.until(lambda: stage.shell.portraits.get(BOB))
            view = stage.screen.list._shown[BOB]
            await stage.until(lambda: view._face._photo._colour.a == 1)
            stage.shell.folder = folder
            stage.shell.go(lambda: ProfileScreen(stage.shell))
            await stage.tap_row("photo")
            await stage.tap_row(str(folder / "me.jpg"))
            await stage.until(lambda: stage.shell.portraits.get(ALICE))
            await stage.tap_row("photo")
            remove = next(one for one in stage.widgets() if getattr(one, "_choice", None) and one._choice.danger)
            await stage.tap_on(remove)
            await stage.until(lambda: stage.shell.portraits.get(ALICE) is None)
            assert (await alice.account.profile()).photo == b""


async def test_search_leads_into_the_chat(onebar_server: MockServer, tmp_path: Path, bob: Client) -> None:
    database = tmp_path / "alice.db"
    await registered(onebar_server, database)
    async with Client.open(database, server=onebar_server.url) as alice:
        for number in range(70):
            await bob.chat(ALICE).send(f"needle {number}" if number == 3 else f"straw {number}")
        await (await bob.chat(ALICE).send("the end")).delivered(60)
        await alice.chat(BOB).accept()
        async with Stage(alice, database) as stage:
            await stage.until(lambda: stage.shell.chats.chats)
            stage.screen._search()
            await stage.frames()
            stage.screen.entry.text = "NEEDLE"
            await stage.until(lambda: stage.screen.search.messages)
            found = stage.screen.search.messages[0]
            await stage.tap_row(f"message {found.key}", stage.screen.results)
            await stage.until(lambda: getattr(stage.screen, "chat", None) and stage.screen.chat.loaded)
            await stage.until(lambda: found.key in stage.screen.list._shown)
            assert stage.screen.list._shown[found.key].row.message.text == "needle 3"
            assert found.spans == ((0, 6),)
            assert stage.screen.found == found.key
            await stage.until(lambda: stage.screen.found == 0)


async def test_a_request_is_answered_only_when_it_is_accepted(
    onebar_server: MockServer, tmp_path: Path, bob: Client
) -> None:
    database = tmp_path / "alice.db"
    await registered(onebar_server, database)
    async with Client.open(database, server=onebar_server.url) as alice:
        await (await bob.chat(ALICE).send("Is the bicycle for sale?")).delivered(30)
        async with Stage(alice, database) as stage:
            await stage.tap_row("requests")
            await stage.tap_row(BOB)
            await stage.until(lambda: stage.screen.chat.loaded)
            assert stage.screen.composer is None
            await stage.tap_on(stage.button("Accept"))
            await stage.until(lambda: stage.screen.composer)
            await stage.until(lambda: not stage.shell.chats.requests and stage.shell.chats.chats)


async def test_rotation_puts_chats_and_chat_beside_each_other(
    onebar_server: MockServer, tmp_path: Path, bob: Client
) -> None:
    from kivy.core.window import Window

    database = tmp_path / "alice.db"
    await registered(onebar_server, database)
    async with Client.open(database, server=onebar_server.url) as alice:
        await (await bob.chat(ALICE).send("Turn the phone")).delivered(30)
        await alice.chat(BOB).accept()
        async with Stage(alice, database) as stage:
            await open_chat(stage, BOB)
            stage.screen.composer.entry.text = "half a sen"
            upright = Window.size
            try:
                Window.size = (900, 500)
                await stage.until(lambda: stage.shell.navigator.wide)
                await stage.frames(4)
                left, right = (screen for screen in stage.shell.navigator._screens)
                assert left.right <= right.x + 1
                assert right.composer.entry.text == "half a sen"
                assert not right.bar._back.width  # the list is beside it
                assert stage.shell.navigator.subject_beside == BOB
                left._search()
                await stage.frames(4)
                assert stage.screen.results.x == stage.screen.x == right.x
                stage.shell.back()
            finally:
                Window.size = upright
            await stage.until(lambda: not stage.shell.navigator.wide)
            await stage.frames(4)
            assert stage.screen.bar._back.width


async def test_another_language_turns_the_screens_round(onebar_server: MockServer, tmp_path: Path) -> None:
    database = tmp_path / "alice.db"
    await registered(onebar_server, database)
    async with Client.open(database, server=onebar_server.url) as alice, Stage(alice, database) as stage:
        await stage.until(lambda: stage.shell.chats.loaded)
        at_right = stage.screen.floating.x
        stage.app.phone.settings.choose(language="ar", theme="dark", text_size=1.6)
        await stage.frames(4)
        assert stage.screen.floating.x < at_right
        stage.app.phone.settings.choose(language="en", theme="light", text_size=1.0)
        await stage.frames(2)


async def test_a_long_chat_keeps_its_place_while_pages_come_and_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from onebar_app.view_models import chat

    monkeypatch.setattr(chat, "PAGE", 16)
    monkeypatch.setattr(chat, "KEPT_MAX", 48)
    database = tmp_path / "alice.db"
    async with (
        MockServer(tmp_path / "server", limits=ServerLimits(rates={})) as server,
        Client.open(tmp_path / "bob.db", server=server.url) as bob,
        Client.open(database, server=server.url) as alice,
    ):
        await alice.register(ALICE, code=lambda: server.sms(ALICE))
        await bob.register(BOB, code=lambda: server.sms(BOB))
        for number in range(100):
            await bob.chat(ALICE).send(f"line {number} " + "word " * (number % 23))
        await (await bob.chat(ALICE).send("the end")).delivered(60)
        await alice.chat(BOB).accept()
        await alice.chat(BOB).mark_read((await alice.chat(BOB).history())[-1])
        async with Stage(alice, database) as stage:
            await open_chat(stage, BOB)
            rows = stage.screen.list
            assert rows.at_end
            for _ in range(40):
                await stage.drag(200, 650, 250, steps=4)
                if stage.screen.chat.begin_reached:
                    break
            await stage.until(lambda: stage.screen.chat.begin_reached)
            assert len(stage.screen.chat.messages) <= 48
            assert len(rows._shown) < 60
            for _ in range(80):
                await stage.drag(200, 250, 650, steps=4)
                if rows.at_end:
                    break
            assert rows.at_end
            assert rows.rows[-1].message.text == "the end"
            assert len(stage.screen.chat.messages) <= 48
            while not stage.screen.chat.begin_reached:
                await stage.drag(200, 650, 250, steps=4)
            await stage.tap_on(stage.screen.jump)
            await stage.until(lambda: rows.at_end)
            assert rows.rows[-1].message.text == "the end"
