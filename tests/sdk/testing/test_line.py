"""How one connection begins, ends and dies; what the boxes on its way do is seen by a real server."""

import asyncio
from dataclasses import replace

from onebar.testing import NetworkProfile, WeakNetwork, profile
from tests.sdk.testing.sockets import Listener, until

PERFECT = profile("perfect")
REQUEST = b"GET /v1/link HTTP/1.1\r\nHost: example.org\r\n\r\n"


def way(network: WeakNetwork) -> tuple[str, int]:
    return network.host, network.port


async def test_either_side_may_end_first_and_the_other_goes_on(listener: Listener) -> None:
    async with WeakNetwork(PERFECT, listener.to) as network:
        client, server = await listener.pair(way(network))
        client.says(b"last words")
        client.writer.write_eof()
        await server.hears(b"last words")
        await server.hears_the_end()
        server.says(b"an answer")
        await client.hears(b"an answer")
        server.writer.close()
        await client.hears_the_end()
        await until(lambda: network.open_connections == 0)


async def test_a_cut_by_one_end_reaches_the_other_after_the_bytes_before_it(listener: Listener) -> None:
    async with WeakNetwork(NetworkProfile(name="late", delay_ms=20), listener.to) as network:
        client, server = await listener.pair(way(network))
        client.says(b"hello")
        await server.hears(b"hello")
        server.resets()
        assert await client.is_cut()
        await until(lambda: network.open_connections == 0)


async def test_a_client_that_closes_while_it_is_sent_to_is_told_to_the_server(listener: Listener) -> None:
    async with WeakNetwork(PERFECT, listener.to) as network:
        client, server = await listener.pair(way(network))
        client.stops_reading()
        server.says(bytes(5_000_000))
        await until(lambda: network.figures.down_bytes > 0)
        client.writer.transport.abort()
        assert await server.is_cut()
        await until(lambda: network.open_connections == 0)


async def test_bytes_sent_before_the_connection_is_through_are_kept(listener: Listener) -> None:
    async with WeakNetwork(NetworkProfile(name="late", delay_ms=50), listener.to) as network:
        client = await listener.connected(way(network))
        client.says(b"early")
        assert listener.accepted.empty()
        await (await listener.next()).hears(b"early")


async def test_a_flow_dies_silently_when_its_time_has_come(listener: Listener) -> None:
    async with WeakNetwork(replace(PERFECT, half_open_every_s=0.01), listener.to, seed=3) as network:
        client = await listener.connected(way(network))
        await until(lambda: network.figures.silenced == 1)
        network.profile = PERFECT
        client.says(b"lost")
        hearing = asyncio.create_task(client.reader.read(1))
        other, _ = await listener.pair(way(network))
        other.says(b"heard")
        await until(lambda: network.figures.up_bytes == len(b"heard"))
        assert not hearing.done()
    await asyncio.wait([hearing])
    assert isinstance(hearing.exception(), ConnectionResetError)


async def test_an_idle_connection_is_forgotten(listener: Listener) -> None:
    async with WeakNetwork(replace(PERFECT, nat_timeout_s=0.05), listener.to) as network:
        client, _ = await listener.pair(way(network))
        opened_s = network.now_s()
        await until(lambda: network.now_s() > opened_s + 0.1)
        client.says(b"too late")
        await until(lambda: network.figures.silenced == 1)
        assert network.figures.up_bytes == 0


async def test_a_dial_that_the_kernel_gives_up_hears_nothing(listener: Listener) -> None:
    async with WeakNetwork(PERFECT, listener.to) as network:
        network.blackout(3600)
        client = network.enter(asyncio.Protocol())  # a socket's own kernel would not even get through to the proxy
        await until(lambda: network.figures.silenced == 1)
        assert listener.accepted.empty()
        client.close()
        await until(lambda: network.open_connections == 0)


async def test_a_cut_while_the_dial_is_under_way_leaves_nothing(listener: Listener) -> None:
    async with WeakNetwork(NetworkProfile(name="late", delay_ms=100), listener.to) as network:
        client = await listener.connected(way(network))
        await until(lambda: network.open_connections == 1)
        network.reset()
        assert await client.is_cut()
        await until(lambda: network.open_connections == 0)
        assert listener.accepted.empty()


async def test_silence_while_the_dial_is_under_way_reaches_no_server(listener: Listener) -> None:
    async with WeakNetwork(NetworkProfile(name="late", delay_ms=50), listener.to) as network:
        client = await listener.connected(way(network))
        await until(lambda: network.open_connections == 1)
        network.silence()
        client.says(b"lost")
        _, server = await listener.pair(way(network))
        assert listener.accepted.empty()
        assert server.reader.at_eof() is False


async def test_an_upgrade_comes_twice_and_the_rest_once(listener: Listener) -> None:
    async with WeakNetwork(replace(PERFECT, duplicate_upgrade=1.0), listener.to) as network:
        client = await listener.connected(way(network))
        client.says(REQUEST + b"frames")
        twin, server = await listener.next(), await listener.next()
        await twin.hears(REQUEST)
        await server.hears(REQUEST + b"frames")
        twin.says(b"nobody hears this")
        server.says(b"welcome")
        await client.hears(b"welcome")
        client.writer.close()
        server.writer.close()
        assert await twin.is_cut() or twin.reader.at_eof()


async def test_a_captive_portal_answers_instead_of_the_server(listener: Listener) -> None:
    async with WeakNetwork(replace(PERFECT, captive_portal=True), listener.to) as network:
        client = await listener.connected(way(network))
        client.says(REQUEST)
        await client.hears(b"HTTP/1.1 302 Found\r\n")
        tls = await listener.connected(way(network))
        tls.says(b"\x16\x03\x01\x02\x00")
        assert await tls.is_cut()
        client.writer.close()
        await until(lambda: network.open_connections == 0)
        assert listener.accepted.empty()
