"""Message requests, blocking and reports, against a real backend."""

import asyncio
from pathlib import Path

import pytest

from onebar import Client, InputError, MessageReceived, MessageState, WaitTimeoutError
from onebar.errors import RefusedError
from onebar.events import ChatRequested
from onebar.models import Standing
from onebar_mockserver import MockServer
from tests.sdk.clients import ALICE, BOB, HASTY, PATIENCE_S, next_of, pair, registered, texts


async def told(client: Client) -> None:
    """Wait until the server knows what is blocked: it answers in order."""
    await client.account.blocked(PATIENCE_S)


async def test_a_stranger_comes_as_a_request_and_is_told_of_nothing_read_until_it_is_accepted(
    tmp_path: Path, server: MockServer
) -> None:
    async with pair(tmp_path, server) as (alice, bob):
        first = await bob.chat(ALICE).send("I am Bob")
        events = alice.events()
        request = await next_of(events, ChatRequested)
        assert isinstance(request, ChatRequested)
        [message] = await alice.chat(BOB).history()
        assert (request.chat, request.message_no) == (BOB, message.message_no)
        assert await texts(events, 1) == ["I am Bob"]
        assert [chat.standing for chat in await alice.chats()] == [Standing.REQUESTED]
        assert await bob.chat(ALICE).standing() is Standing.ACCEPTED
        await alice.chat(BOB).mark_read(message)
        await first.delivered(PATIENCE_S)
        second = await bob.chat(ALICE).send("do you know me?")
        received = await next_of(events, MessageReceived)
        assert isinstance(received, MessageReceived)
        assert await first.state() is MessageState.DELIVERED
        await alice.chat(BOB).accept()
        await first.read(PATIENCE_S)
        assert await second.state() is not MessageState.READ
        await alice.chat(BOB).mark_read(received.message_no)
        await second.read(PATIENCE_S)
        assert await alice.chat(BOB).standing() is Standing.ACCEPTED


async def test_a_blocked_number_is_not_heard_and_not_told(tmp_path: Path, server: MockServer) -> None:
    async with pair(tmp_path, server) as (alice, bob):
        await alice.chat(BOB).block()
        await told(alice)
        message = await bob.chat(ALICE).send("hello?")
        await message.sent(PATIENCE_S)
        with pytest.raises(InputError, match="unblock it first"):
            await alice.chat(BOB).send("no")
        assert await alice.chat(BOB).standing() is Standing.BLOCKED
        assert await alice.chats() == []
        await alice.chat(BOB).unblock()
        await told(alice)
        await (await bob.chat(ALICE).send("hello again")).delivered(PATIENCE_S)
        assert [message.text for message in await alice.chat(BOB).history()] == ["hello again"]
        assert await message.state() is MessageState.SENT


async def test_a_block_without_a_network_is_told_later(tmp_path: Path, server: MockServer) -> None:
    async with registered(tmp_path / "bob.db", BOB, server) as bob:
        async with registered(tmp_path / "alice.db", ALICE, server) as alice:
            await server.stop()
            await alice.chat(BOB).block()
        await server.start()
        async with Client.open(tmp_path / "alice.db", server=server.url, config=HASTY) as alice:
            async with asyncio.timeout(PATIENCE_S):
                assert await alice.account.blocked() == [BOB]
            await (await bob.chat(ALICE).send("hello?")).sent(PATIENCE_S)
            assert await alice.chat(BOB).history() == []


async def test_a_report_names_a_message_that_came(tmp_path: Path, server: MockServer) -> None:
    async with pair(tmp_path, server) as (alice, bob):
        sent = await bob.chat(ALICE).send("buy now")
        await sent.delivered(PATIENCE_S)
        [message] = await alice.chat(BOB).history()
        assert await alice.chat(BOB).standing() is Standing.REQUESTED
        await alice.chat(BOB).send("no, thank you")
        assert await alice.chat(BOB).standing() is Standing.ACCEPTED, "sending accepts"
        await alice.chat(BOB).report(message, PATIENCE_S)
        with pytest.raises(InputError, match="did not come in"):
            await bob.chat(ALICE).report(sent.message_no)
        with pytest.raises(InputError, match="did not come in"):
            await alice.chat("+12025550109").report(message)
        await bob.account.delete(PATIENCE_S)
        with pytest.raises(RefusedError, match="not_delivered"):
            await alice.chat(BOB).report(message, PATIENCE_S)
        await server.stop()
        with pytest.raises(WaitTimeoutError):
            await alice.chat(BOB).report(message, timeout_s=0)
