import asyncio
import errno
import itertools
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from onebar_mockserver import acceptor, connections
from onebar_mockserver.acceptor import Acceptor
from onebar_mockserver.app import listen
from onebar_mockserver.buckets import Buckets
from onebar_mockserver.connections import Connections
from onebar_mockserver.limits import ACCEPTS_PER_STEP
from onebar_mockserver.tls import server_context

PATIENCE_S = 5.0


class Guest(asyncio.Protocol):
    """Says hello."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"hello")
        transport.close()


class FullAtFirst(socket.socket):
    """A listening socket whose process has no file left the first time."""

    tries = 0

    def accept(self) -> Any:
        self.tries += 1
        if self.tries == 1:
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    made = listen("127.0.0.1", 0)
    yield made
    made.close()


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    leaf = trustme.CA().issue_cert("127.0.0.1")
    leaf.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    leaf.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    return server_context((tmp_path / "cert.pem", tmp_path / "key.pem"))


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not done():  # noqa: ASYNC110 - what it looks at has no event
            await asyncio.sleep(0)


async def read(connection: socket.socket) -> bytes:
    connection.setblocking(False)
    async with asyncio.timeout(PATIENCE_S):
        return await asyncio.get_running_loop().sock_recv(connection, 100)


async def test_a_storm_comes_in_a_few_at_a_time(listener: socket.socket) -> None:
    clients = [socket.create_connection(listener.getsockname()) for _ in range(3 * ACCEPTS_PER_STEP)]
    made: list[Guest] = []

    def make() -> Guest:
        made.append(Guest())
        return made[-1]

    counts = [0]

    def all_in() -> bool:  # looks once in each step of the loop
        counts.append(len(made))
        return len(made) == len(clients)

    taking = Acceptor(listener, make, None)
    await until(all_in)
    assert max(after - before for before, after in itertools.pairwise(counts)) <= ACCEPTS_PER_STEP
    for client in clients:
        assert await read(client) == b"hello"
        client.close()
    taking.close()


async def test_without_a_file_left_it_tries_again_later(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(acceptor, "ACCEPT_AGAIN_S", 0.01)
    with FullAtFirst() as full:
        full.bind(("127.0.0.1", 0))
        full.listen()
        full.setblocking(False)
        taking = Acceptor(full, Guest, None)
        with socket.create_connection(full.getsockname()) as client:
            assert await read(client) == b"hello"
        taking.close()
    assert "raise the limit of open files" in caplog.text


async def test_who_speaks_no_tls_or_nothing_at_all_is_cut(
    monkeypatch: pytest.MonkeyPatch, listener: socket.socket, tls: ssl.SSLContext
) -> None:
    monkeypatch.setattr(acceptor, "HANDSHAKE_S", 0.05)
    taking = Acceptor(listener, Guest, tls)
    with socket.create_connection(listener.getsockname()) as silent:
        assert await read(silent) == b""
    with socket.create_connection(listener.getsockname()) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert b"hello" not in await read(plain)
    taking.close()


@pytest.mark.parametrize("limit", ["connections_open_max", "handshakes_max"])
async def test_handshakes_that_are_not_over_count_as_connections_of_their_address(
    monkeypatch: pytest.MonkeyPatch, listener: socket.socket, tls: ssl.SSLContext, limit: str
) -> None:
    monkeypatch.setattr(connections, "owner_of", lambda host: host)
    monkeypatch.setattr(connections, limit.upper(), 2)
    buckets = Buckets({})
    among = Connections(buckets, lambda: 1000.0)
    taking = Acceptor(listener, Guest, tls, among)
    half_open = [socket.create_connection(listener.getsockname()) for _ in range(2)]
    with socket.create_connection(listener.getsockname()) as refused:
        assert await read(refused) == b""
    assert buckets.refused == {limit: 1}
    for one in half_open:
        one.close()
    await until(lambda: not taking._shaking)
    assert among.begin("127.0.0.1")
    taking.close()


async def test_closing_gives_up_the_handshakes(listener: socket.socket, tls: ssl.SSLContext) -> None:
    taking = Acceptor(listener, Guest, tls)
    with socket.create_connection(listener.getsockname()) as waiting:
        await until(lambda: bool(taking._shaking))
        taking.close()
        assert await read(waiting) == b""
    await until(lambda: not taking._shaking)
