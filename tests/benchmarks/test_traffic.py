import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.raw_links import RawDevice, RawLink, close_all, connect_all
from benchmarks.report import BenchError
from benchmarks.server import register
from benchmarks.traffic import Traffic
from websockets.frames import Frame, Opcode

from onebar.core.frames import Accepted, Deliver, Note, Pong, ServerFrame, encode_message
from onebar.crypto.keys import DeviceKeys
from onebar_mockserver import MockServer
from onebar_mockserver.limits import ServerLimits

KEYS = DeviceKeys(bytes(32), bytes(32))


@pytest.fixture
def pair() -> Iterator[tuple[Traffic, list[socket.socket]]]:
    sockets = [socket.socketpair() for _ in range(2)]
    links = [RawLink(near, RawDevice(number, number, KEYS)) for number, (near, _) in enumerate(sockets, 1)]
    traffic = Traffic(links, b"body")
    yield traffic, [far for _, far in sockets]
    traffic.close()
    for ends in sockets:
        for end in ends:
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
def test_what_is_wrong_fails_the_run(
    pair: tuple[Traffic, list[socket.socket]], frame: ServerFrame, problem: str
) -> None:
    traffic, (_, recipient) = pair
    say(recipient, frame)
    with pytest.raises(BenchError, match=problem):
        traffic.run(1, 0.0)


def test_a_server_that_ends_fails_the_run(pair: tuple[Traffic, list[socket.socket]]) -> None:
    traffic, (sender, _) = pair
    sender.shutdown(socket.SHUT_WR)
    with pytest.raises(BenchError, match="closed a link"):
        traffic.run(1, 0.0)


async def test_a_real_server_delivers_all_of_it(tmp_path: Path) -> None:
    devices = register(tmp_path / "data", 4)

    def drive(port: int) -> list[int]:
        links = connect_all(port, devices)
        traffic = Traffic(links, bytes(100))
        try:
            return [traffic.run(window, 0.05) for window in (1, 8)]
        finally:
            traffic.close()
            close_all(links)

    async with MockServer(tmp_path / "data", limits=ServerLimits(rates={})) as server:
        assert min(await asyncio.to_thread(drive, server.port)) > 0
