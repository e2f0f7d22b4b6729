"""The caps that keep one peer from the others' memory and time (RULES R19, R25), on a real server."""

import asyncio
import contextlib

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from onebar.core import frames
from onebar.core.frames import Accepted, Ack, CaughtUp, Deliver, Ping, Pong
from onebar_mockserver import MockServer, link_protocol
from onebar_mockserver.app import Backend
from onebar_mockserver.limits import (
    CREDIT_BYTES_MAX,
    ENTRY_OVERHEAD_BYTES,
    LINK_PENDING_BYTES_MAX,
    LINK_PENDING_MAX,
    MAIL_MESSAGE_BYTES,
    STRANGER_BYTES_MAX,
)
from onebar_mockserver.link_protocol import LinkProtocol
from onebar_mockserver.router import Input
from tests.mockserver.rawclient import PATIENCE_S, Line, Phone, register, submit

WAITING = 10_000
BURST = frames.encode_message([Ping(2**62)] * frames.FRAMES_MAX)


def backend(server: MockServer) -> Backend:
    running = server._backend
    assert running is not None
    return running


def newest(server: MockServer) -> tuple[int, LinkProtocol]:
    """Return the server's side of the link that was opened last."""
    link, socket = list(backend(server).gateway._sockets.items())[-1]
    assert isinstance(socket, LinkProtocol)
    return link, socket


async def opened(phone: Phone) -> Line:
    line = await phone.dial()
    await line.until(CaughtUp)
    return line


async def send(line: Line, to: Phone, out_no: int, text: bytes) -> Accepted:
    await line.send(submit(out_no, (to.account, [(to.device, text)])))
    return await line.until(Accepted)


@pytest.mark.slow
async def test_a_slow_reader_is_closed_and_costs_no_more_than_its_buffer(
    server: MockServer, alice: Phone, bob: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    cap = 64 * 1024
    monkeypatch.setattr(link_protocol, "WRITE_BUFFER_BYTES_MAX", cap)
    monkeypatch.setattr(link_protocol, "CLOSE_S", PATIENCE_S)
    honest = await opened(bob)
    slow = await opened(alice)
    slow.websocket.transport.pause_reading()
    _, socket = newest(server)
    held = 0
    async with asyncio.timeout(PATIENCE_S):
        while socket._websocket.state is State.OPEN:
            await slow.websocket.send(BURST)
            held = max(held, socket._transport.get_write_buffer_size())
            await asyncio.sleep(0)
    held = max(held, socket._transport.get_write_buffer_size())
    await send(honest, alice, 1, b"still served")
    assert cap < held < cap + frames.MESSAGE_BYTES_MAX
    slow.websocket.transport.resume_reading()
    assert await slow.closed() == 4002
    await honest.close()


@pytest.mark.slow
async def test_a_flood_on_one_link_does_not_hold_up_the_others(
    server: MockServer, alice: Phone, bob: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, reader = await opened(bob), await opened(await register(server, "+4915112345673"))
    flooding = await opened(alice)
    link, _ = newest(server)
    turns, gateway = backend(server)._turns, backend(server).gateway
    waiting, sent, answered = 0, 0, 0
    begun = asyncio.Event()

    put = turns.put

    def counted(number: int, item: Input) -> None:
        nonlocal waiting
        put(number, item)
        waiting = max(waiting, turns.pending(link))

    monkeypatch.setattr(turns, "put", counted)

    async def flood() -> None:
        nonlocal sent
        with contextlib.suppress(ConnectionClosed):
            while True:
                await flooding.websocket.send(BURST)
                sent += frames.FRAMES_MAX
                assert gateway._pending_bytes.get(link, 0) <= LINK_PENDING_BYTES_MAX + frames.MESSAGE_BYTES_MAX

    async def hear() -> None:
        nonlocal answered
        with contextlib.suppress(ConnectionClosed):
            while True:
                answered += len(await flooding.message())
                begun.set()

    tasks = [asyncio.create_task(flood()), asyncio.create_task(hear())]
    await asyncio.wait_for(begun.wait(), PATIENCE_S)
    for out_no in range(1, 21):
        before = answered
        assert (await send(honest, alice, out_no, b"x")).mark == out_no
        assert answered - before < 16 * frames.FRAMES_MAX, "it waited for the flood's own answers"
    assert sent > answered, "there was a flood all the time"
    assert LINK_PENDING_MAX < waiting <= LINK_PENDING_MAX + frames.FRAMES_MAX + 1
    for line in (flooding, honest, reader):
        await line.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_stranger_fills_no_more_than_its_share_of_a_mailbox(
    server: MockServer, alice: Phone, bob: Phone
) -> None:
    friend = await register(server, "+4915112345673")
    size = 16_000
    enemy, other = await opened(alice), await opened(friend)
    fitting = STRANGER_BYTES_MAX // (size + ENTRY_OVERHEAD_BYTES)
    for out_no in range(1, fitting + 2):
        verdict = await send(enemy, bob, out_no, bytes(size))
    assert [(note.out_no, note.reason) for note in verdict.notes] == [(fitting + 1, "mailbox_full")]
    assert (await send(other, bob, 1, bytes(size))).notes == ()
    reader = await bob.dial()
    last = await reader.until(Deliver)
    await reader.send(Ack(1, last.seq), submit(1, (alice.account, [(alice.device, b"who are you?")])))
    await reader.until(Accepted)
    verdict = await send(enemy, bob, fitting + 2, bytes(size))
    assert fitting + 2 not in {note.out_no for note in verdict.notes}
    verdict = await send(enemy, bob, fitting + 3, bytes(size))
    assert fitting + 3 not in {note.out_no for note in verdict.notes}, "a stranger no more"
    for line in (enemy, other, reader):
        await line.close()


@pytest.mark.slow
async def test_ten_thousand_waiting_entries_come_in_order_and_within_the_credit(
    server: MockServer, alice: Phone, bob: Phone
) -> None:
    writer, reader = await opened(alice), await opened(bob)
    await send(reader, alice, 1, b"no stranger")
    await reader.close()
    for first in range(1, WAITING + 1, 500):
        batch = [
            submit(no, (bob.account, [(bob.device, b"%d" % no)]), floor=no - 1) for no in range(first, first + 500)
        ]
        await writer.send(*batch)
        while (await writer.until(Accepted)).mark < first + 499:
            pass
    reader = await bob.dial()
    link, _ = newest(server)
    state = backend(server)._turns._router._links
    texts: list[bytes] = []
    while True:
        unacked = 0
        await reader.send(Ping(len(texts)))
        while not isinstance(frame := await reader.next(), Pong | CaughtUp):
            if isinstance(frame, Deliver):
                texts.append(frame.ciphertext)
                bob.cursor = frame.seq
                unacked += len(frame.ciphertext) + ENTRY_OVERHEAD_BYTES
            assert unacked <= CREDIT_BYTES_MAX
            assert state[link].unacked_bytes <= CREDIT_BYTES_MAX
        if isinstance(frame, CaughtUp):
            break
        await reader.send(Ack(1, bob.cursor))
    assert texts == [b"%d" % number for number in range(1, WAITING + 1)]
    assert MAIL_MESSAGE_BYTES < CREDIT_BYTES_MAX
    await writer.close()
    await reader.close()
