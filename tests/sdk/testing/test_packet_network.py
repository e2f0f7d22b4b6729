"""Two kernels' TCP over the weather. What needs root is skipped without it, and says so."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from onebar.testing import NetworkProfile, Timeline, WeatherEvent, packet_network, profile
from onebar.testing.namespaces import obstacle
from onebar.testing.packet_network import PacketNetwork
from tests.sdk.testing.inside import made_inside
from tests.sdk.testing.sockets import until

needs_root = pytest.mark.skipif(bool(obstacle()), reason=obstacle() or "it can be done")

PERFECT = profile("perfect")
CALM = NetworkProfile(name="calm", delay_ms=10)


@asynccontextmanager
async def serving(network: PacketNetwork) -> AsyncIterator[None]:
    """Echo on port 80 of the server's side, for every connection that comes."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
        except OSError:
            pass
        finally:
            writer.transport.abort()

    listener = made_inside(network.server)
    listener.bind((network.server.address, 80))
    server = await asyncio.start_server(echo, sock=listener)
    try:
        yield
    finally:
        server.close()


async def dialled(network: PacketNetwork) -> socket.socket:
    sock = made_inside(network.phone)
    sock.setblocking(False)
    try:
        async with asyncio.timeout(20):
            await asyncio.get_running_loop().sock_connect(sock, (network.server.address, 80))
    except OSError:
        sock.close()
        raise
    return sock


async def echoed(sock: socket.socket, data: bytes) -> bytes:
    loop, back = asyncio.get_running_loop(), b""
    async with asyncio.timeout(20):
        sending = asyncio.create_task(loop.sock_sendall(sock, data))
        while len(back) < len(data):
            back += await loop.sock_recv(sock, 65536)
        await sending
    return back


async def fails(sock: socket.socket) -> int | None:
    """Return the error that a socket which waits for data gets."""
    with pytest.raises(OSError, match="onnection") as caught:
        async with asyncio.timeout(20):
            await asyncio.get_running_loop().sock_recv(sock, 1)
    sock.close()
    return caught.value.errno


@needs_root
async def test_bytes_come_through_loss_whole_and_in_order() -> None:
    async with PacketNetwork(replace(CALM, loss=0.02), seed=7) as network, serving(network):
        with await dialled(network) as sock:
            data = b"".join(number.to_bytes(4) for number in range(50_000))
            assert await echoed(sock, data) == data
        assert network.figures.lost > 0
        assert network.figures.up_bytes > len(data)


@needs_root
async def test_a_handover_takes_the_address_and_ends_connections_as_android_does() -> None:
    async with PacketNetwork(CALM) as network, serving(network):
        sock = await dialled(network)
        assert await echoed(sock, b"hello") == b"hello"
        network.handover(0.05)
        assert await fails(sock) == errno.ECONNABORTED
        with pytest.raises(OSError, match="unreachable"):
            await dialled(network)
        network.handover(0.01)  # in the dark of the first
        await until(lambda: network.phone.address != "10.77.1.1")
        with await dialled(network) as fresh:
            assert fresh.getsockname()[0] == network.phone.address == "10.77.1.3"
            assert await echoed(fresh, b"here again") == b"here again"


@needs_root
async def test_a_scripted_handover_is_told_and_may_leave_sockets_alone() -> None:
    told: asyncio.Queue[WeatherEvent] = asyncio.Queue()
    script = Timeline().wait(0.3).handover(0.02)
    async with PacketNetwork(CALM, scripted=script, kill_sockets=False) as network, serving(network):
        network.watch(told.put_nowait)
        old = await dialled(network)
        async with asyncio.timeout(20):
            assert (await told.get()).kind == "handover"
            assert (await told.get()).kind == "signal"
            await until(lambda: network.phone.address != "10.77.1.1")
        with await dialled(network) as fresh, old:
            assert await echoed(fresh, b"here again") == b"here again"
            old.send(b"anybody there?")
            with pytest.raises(BlockingIOError):
                old.recv(1)


@needs_root
async def test_both_kernels_believe_a_reset() -> None:
    async with PacketNetwork(CALM) as network, serving(network):
        sock = await dialled(network)
        assert await echoed(sock, b"hello") == b"hello"
        network.reset()
        assert await fails(sock) == errno.ECONNRESET
        network.profile = replace(CALM, refuse=1.0)
        with pytest.raises(ConnectionRefusedError):
            await dialled(network)


@needs_root
async def test_silence_and_darkness_swallow_and_a_new_connection_lives() -> None:
    async with PacketNetwork(PERFECT) as network, serving(network):
        old = await dialled(network)
        assert await echoed(old, b"hello") == b"hello"
        network.silence()
        old.send(b"anybody there?")
        network.blackout(0.05)
        lost = network.figures.lost
        with await dialled(network) as fresh, old:
            assert network.figures.lost > lost, "the first SYN"
            assert await echoed(fresh, b"here again") == b"here again"
            with pytest.raises(BlockingIOError):
                old.recv(1)


async def test_where_it_cannot_be_done_it_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packet_network, "obstacle", lambda: "network namespaces need root")
    with pytest.raises(OSError, match="network namespaces need root"):
        await PacketNetwork(PERFECT).start()


def test_a_login_page_needs_another_network() -> None:
    with pytest.raises(ValueError, match="captive: captive_portal needs a box"):
        PacketNetwork(profile("captive"))
