"""Files that are sent arrive whole, behind texts that go first, and survive whatever happens on the way."""

import asyncio
import os
from pathlib import Path

import pytest

from onebar import Client, InputError, MessageFailedError, MessageReceived, MessageState, NotRegisteredError
from onebar.config import Config
from onebar.events import AttachmentReceived, ChatChanged, MessageEvent
from onebar.media.errors import UnsupportedMediaError
from onebar.models import TransferState
from onebar_mockserver import MockServer
from tests.sdk.clients import ALICE, BOB, NOWHERE, PATIENCE_S, next_of, pair, registered
from tests.sdk.media.made import with_metadata

SOURCE = Path(__file__).read_bytes()


async def arrival(client: Client, kind: type[MessageEvent] = AttachmentReceived) -> MessageEvent:
    event = await next_of(client.events(), kind)
    assert isinstance(event, MessageEvent)
    return event


async def test_a_photo_arrives_with_its_caption_and_leaves_the_server(tmp_path: Path, server: MockServer) -> None:
    async with pair(tmp_path, server) as (alice, bob):
        sent = await alice.chat(BOB).send_photo(with_metadata("JPEG"), caption="the house", key="once")
        again = await alice.chat(BOB).send_photo(b"never looked at", key="once")
        assert again.message_no == sent.message_no
        await bob.chat(ALICE).accept()  # else her files wait for a tap
        came = await arrival(bob)
        message = await bob.message(came.message_no)
        assert message
        assert message.attachment
        assert (message.text, message.chat) == ("the house", ALICE)
        assert (message.attachment.kind, message.attachment.media_type) == ("photo", "image/jpeg")
        assert (message.attachment.width, message.attachment.height) == (320, 240)
        assert message.attachment.thumbhash
        assert message.attachment.state is TransferState.DONE
        data = await bob.file(message).read()
        assert data == await sent.file.read()
        assert data[:2] == b"\xff\xd8"
        assert b"Secret" not in data
        await sent.delivered(PATIENCE_S)
        await bob.file(came.message_no).save(tmp_path / "house.jpg")
        assert (tmp_path / "house.jpg").read_bytes() == data
        for path in (tmp_path / "bob.db-files").iterdir():
            assert data[:64] not in path.read_bytes(), "what is on the disk is sealed"


async def test_texts_pass_a_file_that_waits_and_its_place_is_kept(tmp_path: Path, server: MockServer) -> None:
    document = tmp_path / "plan.bin"
    document.write_bytes(os.urandom(300_000))
    async with pair(tmp_path, server) as (alice, bob):
        await server.stop()
        chat = alice.chat(BOB)
        before = await chat.send("one")
        sent = await chat.send_file(document, caption="two")
        after = await chat.send("three")
        await sent.file.pause()
        await server.start()
        alice.network_changed()
        await after.delivered(PATIENCE_S)
        assert await sent.state() is MessageState.QUEUED
        gap = (await bob.chat(ALICE).history())[-1]
        assert (gap.text, gap.missing_before) == ("three", 1)
        await sent.file.resume()
        seen = [at.bytes_done async for at in sent.file.progress()]
        assert seen == sorted(seen)
        assert seen[-1] > 300_000
        await sent.delivered(PATIENCE_S)
        await bob.chat(ALICE).accept()  # else her files wait for a tap
        await arrival(bob)
        history = await bob.chat(ALICE).history()
        assert [message.text for message in history] == ["one", "two", "three"]
        assert history[-1].missing_before == 0
        assert await before.state() is MessageState.DELIVERED
        assert await bob.file(history[1]).read() == document.read_bytes()


async def test_what_is_large_waits_until_it_is_asked_for(tmp_path: Path, server: MockServer) -> None:
    async with (
        registered(tmp_path / "alice.db", ALICE, server) as alice,
        registered(tmp_path / "bob.db", BOB, server, Config(download_bytes_max=1000)) as bob,
    ):
        await alice.chat(BOB).send_file(Path(__file__), name="test.py")
        came = await arrival(bob, MessageReceived)
        file = bob.file(came.message_no)
        offered = await file.look()
        assert (offered.state, offered.name, offered.kind) == (TransferState.OFFERED, "test.py", "file")
        with pytest.raises(InputError, match="fetch"):
            await file.read()
        await file.fetch()
        assert [at.state async for at in file.progress()][-1] is TransferState.DONE
        assert await file.read() == SOURCE


async def test_nobody_waits_for_a_file_that_was_given_up(tmp_path: Path, server: MockServer) -> None:
    async with pair(tmp_path, server) as (alice, bob):
        await server.stop()
        chat, document = alice.chat(BOB), tmp_path / "plan.bin"
        document.write_bytes(os.urandom(300_000))
        await chat.send("one")
        sent = await chat.send_file(document, caption="two")
        after = await chat.send("three")
        await sent.file.pause()
        await server.start()
        alice.network_changed()
        await after.delivered(PATIENCE_S)
        assert [message.missing_before for message in await bob.chat(ALICE).history()] == [0, 1]
        heard = bob.events("gaps")
        await sent.file.cancel()
        changed = await next_of(heard, ChatChanged)
        assert isinstance(changed, ChatChanged)
        assert changed.chat == ALICE
        history = await bob.chat(ALICE).history()
        assert [(message.text, message.missing_before) for message in history] == [("one", 0), ("three", 0)]
        last = await chat.send("four")
        await last.delivered(PATIENCE_S)
        assert (await bob.chat(ALICE).history())[-1].missing_before == 0


async def test_nor_does_ones_own_tablet_wait_for_it(tmp_path: Path, server: MockServer) -> None:
    async with pair(tmp_path, server) as (alice, bob), Client.open(tmp_path / "tablet.db", server=server.url) as tablet:
        await tablet.join(await alice.approve_device(await tablet.device_request(), timeout_s=PATIENCE_S))
        chat = alice.chat(BOB)
        await (await chat.send("one")).delivered(PATIENCE_S)
        document = tmp_path / "plan.bin"
        document.write_bytes(os.urandom(300_000))
        sent = await chat.send_file(document)
        await sent.file.pause()
        await (await chat.send("three")).delivered(PATIENCE_S)
        await sent.file.cancel()
        for reader, phone in ((tablet, BOB), (bob, ALICE)):  # who hears of it before the third has no gap at any time
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    news = reader._opened().news()
                    history = await reader.chat(phone).history()
                    if [(message.text, message.missing_before) for message in history] == [("one", 0), ("three", 0)]:
                        break
                    await news.wait()


async def test_a_cancelled_upload_ends_and_leaves_nothing_at_the_server(tmp_path: Path, server: MockServer) -> None:
    async with pair(tmp_path, server) as (alice, _):
        await server.stop()
        sent = await alice.chat(BOB).send_file(Path(__file__))
        await sent.file.cancel()
        with pytest.raises(MessageFailedError, match="cancelled"):
            await sent.delivered(PATIENCE_S)
        assert (await sent.file.look()).state is TransferState.FAILED
        with pytest.raises(InputError, match="sent already, or has ended"):
            await sent.file.cancel()


async def test_what_is_forwarded_is_not_sent_again(tmp_path: Path, server: MockServer) -> None:
    async with pair(tmp_path, server) as (alice, bob):
        sent = await alice.chat(BOB).send_file(Path(__file__), caption="mine")
        await bob.chat(ALICE).accept()  # else her files wait for a tap
        came = await arrival(bob)
        back = await bob.chat(ALICE).forward(came.message_no)
        received = await arrival(alice)
        assert await alice.file(received.message_no).read() == await sent.file.read()
        await back.delivered(PATIENCE_S)
        text = await alice.chat(BOB).send("words")
        assert await (await alice.chat(BOB).forward(text.message_no)).state() is MessageState.QUEUED
        with pytest.raises(InputError, match="no message 999"):
            await alice.chat(BOB).forward(999)


async def test_what_cannot_be_sent_is_refused_at_once(tmp_path: Path, server: MockServer) -> None:
    async with registered(tmp_path / "alice.db", ALICE, server) as alice:
        chat = alice.chat(BOB)
        with pytest.raises(UnsupportedMediaError):
            await chat.send_photo(b"no picture")
        with pytest.raises(InputError, match="text has"):
            await chat.send_file(Path(__file__), caption="x" * 5000)
        with pytest.raises(InputError, match="own number"):
            await alice.chat(ALICE).send_file(Path(__file__))
        with pytest.raises(InputError, match="slash"):
            await chat.send_file(Path(__file__), name="../x")
        with pytest.raises(FileNotFoundError):
            await chat.send_file(tmp_path / "absent")
        with pytest.raises(InputError, match="no message 7"):
            await alice.file(7).look()
        assert not await alice.outbox()
    async with Client.open(tmp_path / "new.db", server=NOWHERE) as stranger:
        with pytest.raises(NotRegisteredError):
            await stranger.chat(BOB).send_photo(b"")
