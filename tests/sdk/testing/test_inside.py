"""A client inside this process, without a socket between it and the network."""

import asyncio
import math

import pytest

from onebar.testing import NetworkProfile, WeakNetwork, profile
from onebar.testing.inside import UNREAD_BYTES_MAX, Inside, join
from tests.sdk.testing.sockets import Listener, until

PERFECT = profile("perfect")


class Client(asyncio.Protocol):
    def __init__(self) -> None:
        self.heard = b""
        self.said: list[str] = []
        self.transport: Inside

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, Inside)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.heard += data

    def eof_received(self) -> None:
        self.said.append("end")

    def pause_writing(self) -> None:
        self.said.append("pause")

    def resume_writing(self) -> None:
        self.said.append("resume")

    def connection_lost(self, error: Exception | None) -> None:
        self.said.append(f"lost {type(error).__name__}")


async def test_a_client_inside_talks_to_a_server_outside(listener: Listener) -> None:
    network = WeakNetwork(NetworkProfile(name="slow", up_kbps=800, delay_ms=20), listener.to)
    network.begin()
    client = Client()
    network.enter(client)
    letter = bytes(range(256)) * 40  # more than a piece of the network
    client.transport.write(letter)
    server = await listener.next()
    await server.hears(letter)
    assert network.now_s() >= 0.06 + 0.1, "a handshake, one way, and 10 kB at 100 kB/s"
    server.says(b"welcome")
    await until(lambda: client.heard == b"welcome")
    assert (network.figures.up_bytes, network.figures.down_bytes) == (len(letter), 7)
    await network.close()
    await until(lambda: client.said == ["lost ConnectionResetError"])


async def test_a_dial_inside_takes_as_long_as_the_network_and_says_what_went_wrong(listener: Listener) -> None:
    network = WeakNetwork(NetworkProfile(name="slow", delay_ms=20), listener.to)
    network.begin()
    transport = await network.dial(Client())
    assert network.now_s() >= 0.04, "a handshake"
    transport.write(b"hello")
    await (await listener.next()).hears(b"hello")
    network.blackout(3600.0)
    hanging = asyncio.create_task(network.dial(Client()))
    await until(lambda: network.open_connections == 2)
    assert not hanging.done()
    hanging.cancel()
    await until(lambda: network.open_connections == 1)
    await network.close()
    for port, refusing in ((listener.to[1], True), (1, False)):
        network = WeakNetwork(PERFECT, ("127.0.0.1", port))
        network.begin()
        network.refusing = refusing
        with pytest.raises(ConnectionRefusedError):
            await network.dial(Client())
        await network.close()


async def test_the_end_and_the_abort_of_a_client_reach_the_server(listener: Listener) -> None:
    network = WeakNetwork(PERFECT, listener.to)
    network.begin()
    for end in ("close", "abort"):
        client = Client()
        network.enter(client)
        client.transport.write(b"hello")
        server = await listener.next()
        await server.hears(b"hello")
        getattr(client.transport, end)()
        client.transport.write(b"too late")
        assert client.transport.is_closing()
        if end == "abort":
            assert await server.is_cut()
        else:
            await server.hears_the_end()
            server.writer.close()
        await until(lambda: network.open_connections == 0)
    await network.close()


async def test_a_silent_network_tells_nobody_and_a_reset_tells_both(listener: Listener) -> None:
    network = WeakNetwork(PERFECT, listener.to)
    network.begin()
    client = Client()
    network.enter(client)
    server = await listener.next()
    network.silence()
    client.transport.write(b"anybody?")
    network.reset()
    assert await server.is_cut()
    await until(lambda: client.said == ["lost ConnectionResetError"])
    assert not client.heard
    await network.close()


async def test_a_writer_waits_for_a_reader_that_does_not_read() -> None:
    reader, writer = Client(), Client()
    join(reader, writer)
    reader.transport.pause_reading()
    writer.transport.write(bytes(UNREAD_BYTES_MAX))
    assert writer.said == []
    writer.transport.write(b"more")
    assert writer.said == ["pause"]
    assert writer.transport.get_write_buffer_size() == UNREAD_BYTES_MAX + 4
    assert not reader.heard
    assert not reader.transport.is_reading()
    reader.transport.resume_reading()
    await until(lambda: writer.said == ["pause", "resume"])
    assert len(reader.heard) == UNREAD_BYTES_MAX + 4
    writer.transport.write_eof()
    await until(lambda: "lost NoneType" in reader.said)
    assert reader.said[0] == "end"


@pytest.mark.parametrize("loss", [0.0, 0.2])
async def test_the_network_inside_is_as_slow_as_its_proxy(listener: Listener, loss: float) -> None:
    """The same seed draws the same fates, whichever door a client takes."""
    slow = NetworkProfile(name="slow", delay_ms=15, loss=loss)
    took = []
    for inside in (True, False):
        network = WeakNetwork(slow, listener.to, seed=5)
        if inside:
            network.begin()
            client = Client()
            network.enter(client)
            client.transport.write(b"hello")
        else:
            await network.start()
            (await listener.connected((network.host, network.port))).says(b"hello")
        await (await listener.next()).hears(b"hello")
        took.append(network.now_s())
        await network.close()
    assert math.isclose(*took, abs_tol=0.5), "a lost packet would cost 230 ms, more than once"
