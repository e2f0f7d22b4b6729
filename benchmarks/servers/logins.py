"""Logins of the peers' protocols: what is sent, and what the answer must contain before the next step."""

import socket
from collections.abc import Sequence
from typing import Final

from benchmarks.report import BenchError
from benchmarks.servers.pairs import PATIENCE_S, RECEIVE_BYTES

AT_ONCE: Final = 100
"""Logins under way at once."""

Step = tuple[bytes, bytes]
"""What is sent, and a part of the answer that ends the step."""


def log_in(port: int, scripts: Sequence[Sequence[Step]]) -> list[tuple[socket.socket, bytes]]:
    """Open a link for each script and go through its steps, some links at a time.

    Returns:
        The sockets, each with what came after the last awaited part.

    Raises:
        BenchError: An answer does not come.
    """
    found = []
    for start in range(0, len(scripts), AT_ONCE):
        batch = scripts[start : start + AT_ONCE]
        socks = [dial(port) for _ in batch]
        rests = [b""] * len(batch)
        for number in range(len(batch[0])):
            for sock, script in zip(socks, batch, strict=True):
                sock.sendall(script[number][0])
            rests = [
                await_part(sock, rest, script[number][1])
                for sock, rest, script in zip(socks, rests, batch, strict=True)
            ]
        found += list(zip(socks, rests, strict=True))
    return found


def dial(port: int) -> socket.socket:
    """Connect, without Nagle's delay."""
    sock = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def await_part(sock: socket.socket, came: bytes, part: bytes) -> bytes:
    """Read until the answer contains a part; return what follows it."""
    while part not in came:
        try:
            data = sock.recv(RECEIVE_BYTES)
        except TimeoutError:
            data = b""
        if not data:
            raise BenchError(f"a login failed: {part!r} was awaited, {came[-300:]!r} came")
        came += data
    return came.partition(part)[2]


def say_goodbye(socks: Sequence[socket.socket], words: bytes) -> None:
    """Say the last words of a protocol, and wait until the server has closed each link."""
    for sock in socks:
        sock.setblocking(True)
        sock.settimeout(PATIENCE_S)
        if words:
            sock.sendall(words)
        else:
            sock.shutdown(socket.SHUT_WR)
    for sock in socks:
        while sock.recv(RECEIVE_BYTES):
            pass
        sock.close()
