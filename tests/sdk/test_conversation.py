"""A chat against a real backend: what was read, and whether the other side is who it seems."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from onebar import Client, InputError, MessageRead, MessageState, SafetyNumber, SafetyNumberChanged, Trust
from onebar.errors import (
    NotASafetyNumberError,
    NotRegisteredError,
    OnebarError,
    SafetyNumberMismatchError,
    WaitTimeoutError,
)
from onebar.events import ChatChanged
from onebar.models import Message
from onebar_mockserver import MockServer
from tests.sdk.clients import ALICE, BOB, CAROL, PATIENCE_S, next_of, pair, registered, texts


async def talked(alice: Client, bob: Client) -> None:
    """Say something in both directions, so that each knows the other."""
    await (await alice.chat(BOB).send("hi")).delivered(timeout_s=PATIENCE_S)
    await (await bob.chat(ALICE).send("hello")).delivered(timeout_s=PATIENCE_S)


async def test_read_receipts_reach_the_author(tmp_path: Path, server: MockServer) -> None:
    async with pair(tmp_path, server) as (alice, bob):
        messages = [await alice.chat(BOB).send(f"{number}") for number in range(3)]
        await messages[2].delivered(timeout_s=PATIENCE_S)
        assert await texts(bob.events(), 3) == ["0", "1", "2"]
        history = await bob.chat(ALICE).history()
        await bob.chat(ALICE).accept()
        with pytest.raises(WaitTimeoutError):
            await messages[0].read(timeout_s=0)
        await bob.chat(ALICE).mark_read(history[1])
        await messages[0].read(timeout_s=PATIENCE_S)
        await messages[1].read(timeout_s=PATIENCE_S)
        await messages[1].delivered(timeout_s=0)  # what was read was delivered, and sent
        await messages[1].sent(timeout_s=0)
        assert await messages[2].state() is MessageState.DELIVERED
        event = await next_of(alice.events(), MessageRead)
        assert isinstance(event, MessageRead)
        assert event.message_no == messages[0].message_no
        await bob.chat(ALICE).mark_read(history[2].message_no)
        await messages[2].read(timeout_s=PATIENCE_S)


async def test_who_tells_nothing_is_not_heard_to_read(tmp_path: Path, server: MockServer) -> None:
    async with pair(tmp_path, server) as (alice, bob):
        assert bob.read_receipts
        await bob.set_read_receipts(False)
        assert not bob.read_receipts
        await bob.chat(ALICE).accept()
        secret = await alice.chat(BOB).send("read in secret")
        await secret.delivered(timeout_s=PATIENCE_S)
        await bob.chat(ALICE).mark_read((await bob.chat(ALICE).history())[-1])
        await bob.set_read_receipts(True)
        shown = await alice.chat(BOB).send("read in public")
        await shown.delivered(timeout_s=PATIENCE_S)
        await bob.chat(ALICE).mark_read((await bob.chat(ALICE).history())[-1])
        await shown.read(timeout_s=PATIENCE_S)
    async with Client.open(tmp_path / "bob.db", server=server.url) as bob:
        await bob.set_read_receipts(False)
    async with Client.open(tmp_path / "bob.db", server=server.url) as bob:
        assert not bob.read_receipts


async def test_a_message_of_another_chat_is_not_marked(tmp_path: Path, server: MockServer) -> None:
    async with registered(tmp_path / "alice.db", ALICE, server) as alice:
        message = Message(1, CAROL, False, MessageState.RECEIVED, "hi", 0)
        with pytest.raises(InputError, match="another chat"):
            await alice.chat(BOB).mark_read(message)


async def test_both_sides_see_one_number_and_verify_it(tmp_path: Path, server: MockServer) -> None:
    async with pair(tmp_path, server) as (alice, bob):
        await talked(alice, bob)
        hers, his = await alice.chat(BOB).safety_number(), await bob.chat(ALICE).safety_number()
        assert hers.digits == his.digits
        assert len(hers.digits) == 60
        assert await alice.chat(BOB).trust() is Trust.UNVERIFIED
        await alice.chat(BOB).verify(his.qr())
        assert await alice.chat(BOB).trust() is Trust.VERIFIED
        await bob.chat(ALICE).mark_verified(his)
        assert await bob.chat(ALICE).trust() is Trust.VERIFIED
        await talked(alice, bob)


async def test_a_wrong_code_verifies_nothing(tmp_path: Path, server: MockServer) -> None:
    async with pair(tmp_path, server) as (alice, bob):
        await talked(alice, bob)
        own = await alice.chat(BOB).safety_number()
        with pytest.raises(NotASafetyNumberError):
            await alice.chat(BOB).verify(b"https://example.org")
        with pytest.raises(SafetyNumberMismatchError):
            await alice.chat(BOB).verify(own.qr())
        with pytest.raises(InputError, match="changed since it was shown"):
            await alice.chat(BOB).mark_verified(SafetyNumber(own.own, own.own))
        assert await alice.chat(BOB).trust() is Trust.UNVERIFIED


async def test_no_number_before_anything_is_known(tmp_path: Path, server: MockServer) -> None:
    async with Client.open(tmp_path / "alice.db", server=server.url) as alice:
        with pytest.raises(NotRegisteredError):
            await alice.chat(BOB).safety_number()
        await alice.register(ALICE, code=lambda: server.sms(ALICE))
        for phone in (BOB, ALICE):
            with pytest.raises(InputError, match="send a message in this chat first"):
                await alice.chat(phone).safety_number()
        assert await alice.chat(BOB).trust() is Trust.UNVERIFIED


async def test_a_verified_chat_waits_when_the_number_changes(tmp_path: Path, server: MockServer) -> None:
    async with pair(tmp_path, server) as (alice, bob):
        await talked(alice, bob)
        shown = await alice.chat(BOB).safety_number()
        await alice.chat(BOB).mark_verified(shown)
        async with registered(tmp_path / "new-bob.db", BOB, server) as new:
            greeting = await new.chat(ALICE).send("new phone")
            event = await next_of(alice.events(), SafetyNumberChanged)
            assert isinstance(event, SafetyNumberChanged)
            assert event.chat == BOB
            assert await alice.chat(BOB).trust() is Trust.CHANGED
            held = await alice.chat(BOB).send("is it you?")
            await greeting.delivered(timeout_s=PATIENCE_S)
            with pytest.raises(WaitTimeoutError):
                await held.sent(timeout_s=0)
            with pytest.raises(InputError, match="changed since it was shown"):
                await alice.chat(BOB).accept_safety_number(shown)
            changed = await alice.chat(BOB).safety_number()
            assert changed.digits != shown.digits
            assert changed.digits == (await new.chat(ALICE).safety_number()).digits
            await alice.chat(BOB).accept_safety_number(changed)
            assert await alice.chat(BOB).trust() is Trust.UNVERIFIED
            await held.delivered(timeout_s=PATIENCE_S)
            assert await texts(new.events(), 1) == ["is it you?"]


async def test_a_guest_looks_and_the_holder_decides(tmp_path: Path, server: MockServer) -> None:
    async with pair(tmp_path, server) as (alice, bob):
        await talked(alice, bob)
        async with Client.open(tmp_path / "alice.db", server=server.url) as guest:
            number = await guest.chat(BOB).safety_number()
            assert number == await alice.chat(BOB).safety_number()
            for decide in (guest.chat(BOB).mark_verified, guest.chat(BOB).accept_safety_number):
                with pytest.raises(OnebarError, match="another process has this database open"):
                    await decide(number)
            with pytest.raises(OnebarError, match="another process has this database open"):
                await guest.chat(BOB).mark_read(1)
            with pytest.raises(OnebarError, match="another process has this database open"):
                await guest.set_read_receipts(False)
            assert await guest.chat(BOB).trust() is Trust.UNVERIFIED
            assert guest.read_receipts


async def test_a_list_of_chats_has_all_that_it_shows(tmp_path: Path, server: MockServer) -> None:
    until = datetime(2099, 1, 1, tzinfo=UTC)
    async with pair(tmp_path, server) as (alice, bob):
        events = bob.events()
        for number in range(3):
            await alice.chat(BOB).send(f"{number}")
        assert await texts(events, 3) == ["0", "1", "2"]
        chat = bob.chat(ALICE)
        [row] = await bob.chats()
        assert (row.phone, row.unread, row.last and row.last.text) == (ALICE, 3, "2")
        await chat.mark_read((await chat.history())[0])
        assert isinstance(await next_of(events, ChatChanged), ChatChanged)
        await chat.set_draft("on my w")
        await chat.mute(until)
        await chat.pin()
        await chat.archive()
        assert await bob.chats() == []
        [row] = await bob.chats(archived=True)
        assert row == await chat.summary()
        assert (row.unread, row.draft, row.muted_until, row.pinned, row.archived) == (2, "on my w", until, True, True)
        await chat.mark_read()
        await chat.mute(None)
        await chat.send("on my w")
        await chat.archive(False)
        [row] = await bob.chats()
        assert (row.unread, row.draft, row.muted_until, row.archived) == (0, "", None, False)
        with pytest.raises(InputError, match="no chat"):
            await bob.chat(CAROL).pin()
        assert await bob.chat(CAROL).summary() is None
