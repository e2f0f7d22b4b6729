"""How a link comes to be, over several ways and addresses, and how its socket is set."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme
import uvloop
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection, serve

from onebar.drivers import dialing
from onebar.drivers.address import Address, parse_address
from onebar.drivers.dialing import SEND_BUFFER_BYTES, UNACKED_MS_MAX, dial
from onebar.drivers.endpoints import Endpoint
from onebar.drivers.tls import Tls
from onebar.drivers.websocket import WebSocketLink
from onebar.testing import NetworkProfile, WeakNetwork, profile
from tests.sdk.drivers.authority import Authority
from tests.sdk.drivers.loopback import PATIENCE_S, serving

HERE = "127.0.0.1"
AT_ONCE_S = 0.001
PIECE = bytes(8 * 1024)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, trustme.CA())


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start the next way at once, so that all of them race."""
    monkeypatch.setattr(dialing, "STAGGER_S", AT_ONCE_S)


@asynccontextmanager
async def behind_tls(
    authority: Authority, handler: Callable[[ServerConnection], object], *, tls: bool = True
) -> AsyncIterator[tuple[int, Tls]]:
    file = authority.issue(HERE)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)

    async def handle(connection: ServerConnection) -> None:
        result = handler(connection)
        if asyncio.iscoroutine(result):
            await result

    async with serve(handle, HERE, 0, ssl=context if tls else None, compression=None) as server:
        yield server.sockets[0].getsockname()[1], Tls(authority.file)


def test_a_link_on_an_app_s_own_uvloop(authority: Authority) -> None:
    async def visit() -> str:
        said: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def hear(connection: ServerConnection) -> None:
            said.set_result(str(await connection.recv()))

        async with behind_tls(authority, hear) as (port, tls):
            connection, _ = await dial(parse_address(f"https://{HERE}:{port}", tls), b"")
            await connection.send("hello")
            async with asyncio.timeout(PATIENCE_S):
                heard = await said
            await connection.close()
            return heard

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(visit()) == "hello"


@asynccontextmanager
async def silence() -> AsyncIterator[int]:
    """A way that takes connections and never says a word, as a network that swallows what is sent."""
    over = asyncio.Event()

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.transport.abort()

    async with await asyncio.start_server(swallow, HERE, 0) as server:
        yield server.sockets[0].getsockname()[1]
        over.set()


async def dialled(address: Address) -> tuple[ClientConnection, Endpoint]:
    async with asyncio.timeout(PATIENCE_S):
        return await dial(address, b"flight")


async def hang_up(connection: ClientConnection) -> None:
    connection.transport.abort()
    await connection.wait_closed()


async def test_a_way_that_stays_silent_in_tls_loses_and_is_not_the_first_again(authority: Authority) -> None:
    hosts: asyncio.Queue[str] = asyncio.Queue()

    async def handler(connection: ServerConnection) -> None:
        assert connection.request is not None
        hosts.put_nowait(connection.request.headers["Host"])
        await connection.send(b"welcome")
        await connection.wait_closed()

    async with silence() as dead, behind_tls(authority, handler) as (port, tls):
        address = parse_address(f"https://{HERE}:{dead}", tls, [f"{HERE}:{port}"])
        heard: asyncio.Queue[object] = asyncio.Queue()
        link = WebSocketLink(1, address, b"flight", heard.put)
        async with asyncio.timeout(PATIENCE_S):
            await heard.get()  # connected
            await heard.get()  # a message: the way is good
            assert await hosts.get() == f"{HERE}:{dead}", "the server's name stays, whichever way it goes"
        link.task.cancel()
        await asyncio.wait([link.task])
        assert address.endpoints.in_order() == (Endpoint(HERE, port), Endpoint(HERE, dead))


@pytest.mark.usefixtures("impatient")
async def test_one_upgrade_however_many_ways_are_ready(authority: Authority) -> None:
    """R15, R16: over the weak network, with the slower way ready before the faster one is through with TLS."""
    upgrades: list[ServerConnection] = []

    async def handler(connection: ServerConnection) -> None:
        upgrades.append(connection)
        await connection.wait_closed()

    async with (
        behind_tls(authority, handler) as (port, tls),
        WeakNetwork(profile("3g"), (HERE, port)) as slow,
        WeakNetwork(profile("lte"), (HERE, port)) as fast,
    ):
        address = parse_address(f"https://{HERE}:{slow.port}", tls, [f"{HERE}:{fast.port}"])
        connection, endpoint = await dialled(address)
        assert endpoint == Endpoint(HERE, fast.port)
        await connection.ping()
        await hang_up(connection)
        assert (slow.figures.connections, fast.figures.connections) == (1, 1)
    assert len(upgrades) == 1


async def test_the_addresses_of_one_name_race(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 8305: the first address is a black hole, where not even a SYN is answered."""
    with socket.socket() as hole, socket.socket() as filling:
        hole.bind((HERE, 0))
        hole.listen(0)
        filling.connect(hole.getsockname())  # the only place in its backlog
        async with serving(lambda c: c.wait_closed()) as server:
            port = server.endpoints.own.port

            async def getaddrinfo(host: str, *args: object, **kwargs: object) -> list[object]:
                ways = [hole.getsockname(), (HERE, port)]
                return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", way) for way in ways]

            monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
            connection, _ = await dialled(parse_address("http://two.localhost"))
            assert connection.remote_address == (HERE, port)
            await hang_up(connection)


def test_the_families_of_addresses_take_turns() -> None:
    six, four = socket.AF_INET6, socket.AF_INET
    given = [(six, ("::1", 1)), (six, ("::1", 1)), (six, ("::2", 1)), (four, ("127.0.0.1", 1))]
    assert dialing.interleaved(given) == [(six, ("::1", 1)), (four, ("127.0.0.1", 1)), (six, ("::2", 1))]


async def test_a_session_is_resumed_on_whichever_way_wins(authority: Authority) -> None:
    async with (
        behind_tls(authority, lambda c: c.send(b"welcome")) as (port, tls),
        WeakNetwork(profile("perfect"), (HERE, port)) as other,
    ):
        address = parse_address(f"https://{HERE}:{port}", tls, [f"{HERE}:{other.port}"])
        reused = []
        for _ in range(2):
            connection, endpoint = await dialled(address)
            await connection.recv()
            reused.append((endpoint.port, connection.transport.get_extra_info("ssl_object").session_reused))
            await hang_up(connection)  # this way is now the last one
        assert reused == [(port, False), (other.port, True)]


async def test_the_socket_holds_little_and_waits_for_nothing() -> None:
    async with serving(lambda c: c.wait_closed()) as address:
        connection, _ = await dialled(address)
        sock = connection.transport.get_extra_info("socket")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) in {SEND_BUFFER_BYTES, 2 * SEND_BUFFER_BYTES}
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == UNACKED_MS_MAX
        await hang_up(connection)


@pytest.mark.parametrize("tls", [False, True])
async def test_little_counts_as_sent_on_a_link_that_stands_still(authority: Authority, tls: bool) -> None:
    """With the system's buffers 2.9 MB would, as measured: lost with the link, and never to be overtaken."""
    weather = NetworkProfile(name="small", up_kbps=1000, down_kbps=1000, queue_ms=50)
    async with (
        behind_tls(authority, lambda c: c.wait_closed(), tls=tls) as (port, ca),
        WeakNetwork(weather, (HERE, port)) as network,
    ):
        url = f"{'https' if tls else 'http'}://{HERE}:{network.port}"
        connection, _ = await dialled(parse_address(url, ca if tls else None))
        network.blackout(3600)
        sent = 0
        while await ends_soon(asyncio.create_task(connection.send(PIECE))):
            sent += len(PIECE)
        assert len(PIECE) <= sent <= 128 * 1024
        assert connection.transport.get_write_buffer_size() < 2 * len(PIECE)
        await hang_up(connection)


async def ends_soon(sending: asyncio.Task[None]) -> bool:
    for _ in range(100):  # a machine's own network is as fast as its loop
        await asyncio.sleep(0)
    if sending.done():
        return True
    sending.cancel()
    await asyncio.wait([sending])
    return False


async def test_where_the_environment_has_proxies_one_of_them_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: asyncio.Queue[bytes] = asyncio.Queue()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.put_nowait(await reader.readuntil(b"\r\n"))
        writer.write(b"HTTP/1.1 407 X\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, HERE, 0) as server:
        monkeypatch.setenv("http_proxy", f"http://{HERE}:{server.sockets[0].getsockname()[1]}")
        heard: asyncio.Queue[object] = asyncio.Queue()
        link = WebSocketLink(1, parse_address("http://chat.example", endpoints=[HERE]), b"flight", heard.put)
        async with asyncio.timeout(PATIENCE_S):
            assert await asked.get() == b"CONNECT chat.example:80 HTTP/1.1\r\n"
            assert getattr(await heard.get(), "why", "") == "this network's proxy answered HTTP 407"
            await link.task
