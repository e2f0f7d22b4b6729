import asyncio
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from benchmarks.raw_links import RawDevice, RawLink
from benchmarks.report import BenchError
from benchmarks.servers.measure import close_ends
from benchmarks.servers.pairs import Pairs, Turns, Window
from benchmarks.servers.with_onebar import OnebarEnd, OnebarPeer, pair_up, register
from websockets.frames import Frame, Opcode

from onebar.core.frames import Accepted, Deliver, Note, Pong, ServerFrame, encode_message
from onebar.crypto.keys import DeviceKeys
from onebar_mockserver import MockServer
from onebar_mockserver.limits import ServerLimits

KEYS = DeviceKeys(bytes(32), bytes(32))


@pytest.fixture
def pair() -> Iterator[tuple[Pairs, list[socket.socket]]]:
    sockets = [socket.socketpair() for _ in range(2)]
    devices = [RawDevice(number, number, KEYS) for number in (1, 2)]
    ends = [
        OnebarEnd(RawLink(near, device), other)
        for (near, _), device, other in zip(sockets, devices, reversed(devices), strict=True)
    ]
    with closing(Pairs([(ends[0], ends[1])])) as pairs:
        yield pairs, [far for _, far in sockets]
    for both in sockets:
        for end in both:
            end.close()


def say(end: socket.socket, frame: ServerFrame) -> None:
    end.sendall(Frame(Opcode.BINARY, encode_message([frame])).serialize(mask=False))


@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        (Deliver(0, 1, 1, 1, 2, 0, 0, b"body"), "lost, doubled or reordered"),
        (Deliver(1, 2, 1, 1, 1, 0, 0, b"body"), "lost, doubled or reordered"),
        (Accepted(1, (Note(1, "mailbox_full"),)), "not plainly accept"),
        (Pong(1), "not expected"),
    ],
)
def test_what_is_wrong_fails_the_run(pair: tuple[Pairs, list[socket.socket]], frame: ServerFrame, problem: str) -> None:
    pairs, (_, reader) = pair
    say(reader, frame)
    with pytest.raises(BenchError, match=problem):
        pairs.run(Window(1), 0.0)


def test_a_server_that_ends_fails_the_run(pair: tuple[Pairs, list[socket.socket]]) -> None:
    pairs, (sender, _) = pair
    sender.shutdown(socket.SHUT_WR)
    with pytest.raises(BenchError, match="closed a link"):
        pairs.run(Window(1), 0.0)


async def test_a_real_server_delivers_all_of_it(tmp_path: Path) -> None:
    devices = register(tmp_path / "data", 4)

    def drive(port: int) -> list[int]:
        ends = pair_up(port, devices[:2], devices[2:])
        with closing(Pairs(ends)) as pairs:
            done = [pairs.run(load, 0.05).done for load in (Window(1), Window(8))]
        with closing(Pairs(ends)) as again:  # whose ends have talked before
            turns = again.run(Turns(1), 0.05)
        close_ends([end for pair in ends for end in pair])
        return [*done, turns.done]

    async with MockServer(tmp_path / "data", limits=ServerLimits(rates={})) as server:
        assert min(await asyncio.to_thread(drive, server.port)) > 0


@pytest.mark.process
def test_mail_is_stored_for_a_reader_who_left_and_drained_when_it_comes_back(tmp_path: Path) -> None:
    peer = OnebarPeer()
    with peer.serving(tmp_path, 2, pin=False) as server:
        peer.leave(peer.connect(server.port, [(1, 0)]))
        (sender,) = peer.connect(server.port, [(0, 1)])
        with closing(Pairs([(sender, sender)])) as pairs:
            pairs.say(5, 2)
        assert sender.accepted == 5
        (reader,) = peer.come_back(server.port, [(1, 0)])
        with closing(Pairs([(sender, reader)])) as pairs:
            pairs.drain(5)
        assert reader.received == 5
        close_ends([sender, reader])
