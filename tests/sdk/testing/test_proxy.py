import asyncio
import socket
import sys
from dataclasses import replace

import pytest

from onebar.testing import NetworkProfile, Timeline, WeakNetwork, WeatherEvent, profile
from tests.sdk.testing.sockets import Listener, until

PERFECT = profile("perfect")
FAR_AWAY_S = 3600.0


def way(network: WeakNetwork) -> tuple[str, int]:
    return network.host, network.port


async def works(network: WeakNetwork, listener: Listener) -> None:
    client, server = await listener.pair(way(network))
    client.says(b"hello")
    await server.hears(b"hello")
    server.says(b"welcome")
    await client.hears(b"welcome")


async def test_bytes_pass_both_ways_and_are_counted(listener: Listener) -> None:
    async with WeakNetwork(PERFECT, listener.to) as network:
        await works(network, listener)
        assert (network.figures.up_bytes, network.figures.down_bytes, network.figures.connections) == (5, 7, 1)
        assert network.open_connections == 1


async def test_a_network_can_be_used_only_while_it_is_open(listener: Listener) -> None:
    network = WeakNetwork(PERFECT, listener.to)
    assert network.port == 0
    async with network:
        client, server = await listener.pair(way(network))
        to = way(network)
    assert await client.is_cut()
    assert await server.is_cut()
    assert network.open_connections == 0
    with pytest.raises(ConnectionRefusedError):
        await listener.connected(to)


async def test_an_address_that_is_taken_is_an_error(listener: Listener) -> None:
    with pytest.raises(OSError, match="ddress already in use"):
        await WeakNetwork(PERFECT, listener.to, listen=listener.to).start()


async def test_bytes_need_the_time_of_the_profile(listener: Listener) -> None:
    async with WeakNetwork(NetworkProfile(name="late", delay_ms=50), listener.to) as network:
        client = await listener.connected(way(network))
        client.says(b"hello")
        server = await listener.next()
        await server.hears(b"hello")
        assert network.now_s() >= 0.15, "a handshake and one way"


async def test_connections_share_the_radio(listener: Listener) -> None:
    async with WeakNetwork(NetworkProfile(name="slow", up_kbps=64, queue_ms=2000), listener.to) as network:
        photo, _ = await listener.pair(way(network))
        text, text_server = await listener.pair(way(network))
        photo.says(bytes(5000))
        await until(lambda: network.weather.up.free_s > network.now_s() + 0.3)
        free_s = network.weather.up.free_s
        text.says(b"hello")
        await text_server.hears(b"hello")
        assert network.now_s() >= free_s


async def test_a_client_cannot_send_much_into_a_slow_network(listener: Listener) -> None:
    async with WeakNetwork(NetworkProfile(name="slow", up_kbps=64), listener.to) as network:
        client, server = await listener.pair(way(network))
        client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
        client.says(bytes(8_000_000))
        await server.hears(bytes(1000))
        assert client.writer.transport.get_write_buffer_size() > 7_500_000


async def test_a_reader_that_does_not_read_stops_the_sender(listener: Listener) -> None:
    async with WeakNetwork(PERFECT, listener.to) as network:
        client, server = await listener.pair(way(network))
        client.stops_reading()
        server.says(bytes(50_000_000))
        await until(lambda: network.figures.down_bytes > 0)
        await works(network, listener)
        assert server.writer.transport.get_write_buffer_size() > 20_000_000
        client.reads_on()
        await client.hears(bytes(50_000_000))


async def test_a_blackout_holds_everything_back_and_cuts_nothing(listener: Listener) -> None:
    async with WeakNetwork(PERFECT, listener.to) as network:
        client, server = await listener.pair(way(network))
        network.blackout(0.2)
        ends_s = network.now_s() + 0.19
        client.says(b"up")
        server.says(b"down")
        await server.hears(b"up")
        assert network.now_s() >= ends_s
        await client.hears(b"down")


async def test_what_is_under_way_when_a_blackout_begins_is_held_too(listener: Listener) -> None:
    async with WeakNetwork(NetworkProfile(name="late", delay_ms=100), listener.to) as network:
        client, server = await listener.pair(way(network))
        client.says(b"x")
        await until(lambda: network._lines and any(pipe._queue for line in network._lines for pipe in line._pipes))
        network.blackout(0.3)
        ends_s = network.frozen_until_s
        await server.hears(b"x")
        assert network.now_s() >= ends_s - 0.001


async def test_silence_tells_nobody_and_new_connections_work(listener: Listener) -> None:
    async with WeakNetwork(PERFECT, listener.to) as network:
        client, server = await listener.pair(way(network))
        network.silence()
        client.says(b"lost")
        server.says(b"lost too")
        hearing = [asyncio.create_task(peer.reader.read(1)) for peer in (client, server)]
        await works(network, listener)
        assert not any(task.done() for task in hearing)
        assert network.figures.silenced == 1
        assert network.figures.up_bytes == 5
    await asyncio.wait(hearing)
    assert all(isinstance(task.exception(), ConnectionResetError) for task in hearing)


async def test_a_silent_end_that_hangs_up_is_let_go(listener: Listener) -> None:
    async with WeakNetwork(PERFECT, listener.to) as network:
        client, server = await listener.pair(way(network))
        network.silence()
        client.writer.close()
        hearing = asyncio.create_task(server.reader.read(1))
        await works(network, listener)
        assert not hearing.done(), "the server is not told"
        server.writer.close()
        await until(lambda: network.open_connections == 1)
        await asyncio.wait([hearing])
        assert hearing.result() == b""


async def test_reset_cuts_both_ends(listener: Listener) -> None:
    async with WeakNetwork(PERFECT, listener.to) as network:
        client, server = await listener.pair(way(network))
        network.reset()
        assert await client.is_cut()
        assert await server.is_cut()
        await until(lambda: network.open_connections == 0)
        assert network.figures.resets == 1
        await works(network, listener)


async def test_after_a_handover_new_connections_come_from_another_address(listener: Listener) -> None:
    async with WeakNetwork(PERFECT, listener.to) as network:
        client, server = await listener.pair(way(network))
        network.handover()
        hearing = asyncio.create_task(client.reader.read(1))
        _, again = await listener.pair(way(network))
        await works(network, listener)
        assert not hearing.done()
        if sys.platform == "linux":
            assert (server.address, again.address) == ("127.0.0.1", "127.0.0.2")
    await asyncio.wait([hearing])
    assert isinstance(hearing.exception(), ConnectionResetError)


async def test_a_handover_may_be_dark_for_a_moment(listener: Listener) -> None:
    async with WeakNetwork(PERFECT, listener.to) as network:
        network.handover(dark_s=0.1)
        assert network.weather.dark(network.now_s())
        await works(network, listener)
        assert network.now_s() >= 0.1


async def test_a_refusing_network_cuts_every_dial(listener: Listener) -> None:
    async with WeakNetwork(PERFECT, listener.to) as network:
        network.refusing = True
        assert await (await listener.connected(way(network))).is_cut()
        assert network.figures.refused == 1
        network.refusing = False
        await works(network, listener)
    async with WeakNetwork(replace(PERFECT, refuse=1.0), listener.to) as network:
        assert await (await listener.connected(way(network))).is_cut()


async def test_a_server_that_is_down_cuts_the_dial_and_may_come_back_elsewhere(listener: Listener) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = taken.getsockname()
    async with WeakNetwork(PERFECT, nobody) as network:
        assert await (await listener.connected(way(network))).is_cut()
        network.to = listener.to
        await works(network, listener)


async def test_another_profile_counts_at_once(listener: Listener) -> None:
    async with WeakNetwork(replace(PERFECT, half_open_every_s=FAR_AWAY_S), listener.to) as network:
        client, server = await listener.pair(way(network))
        network.profile = NetworkProfile(name="late", delay_ms=100)
        began_s = network.now_s()
        client.says(b"hello")
        await server.hears(b"hello")
        assert network.now_s() >= began_s + 0.1
        assert network.profile.name == "late"


async def test_a_profile_that_kills_does_so_to_old_connections_too(listener: Listener) -> None:
    async with WeakNetwork(PERFECT, listener.to) as network:
        client, _ = await listener.pair(way(network))
        network.profile = replace(PERFECT, reset_every_s=0.01)
        assert await client.is_cut()


async def test_a_script_runs_and_is_told(listener: Listener) -> None:
    script = Timeline().wait(0.05).switch(replace(PERFECT, name="other")).wait(0.05).handover(0.01).reset()
    async with WeakNetwork(PERFECT, listener.to, scripted=script) as network:
        events: list[WeatherEvent] = []
        network.watch(events.append)
        await until(lambda: len(events) == 4)
        assert [event.kind for event in events] == ["switch", "handover", "signal", "reset"]
        assert network.profile.name == "other"
        _, server = await listener.pair(way(network))
        if sys.platform == "linux":
            assert server.address == "127.0.0.2"


async def test_a_scripted_reset_cuts(listener: Listener) -> None:
    async with WeakNetwork(PERFECT, listener.to, scripted=Timeline().wait(0.2).reset()) as network:
        client = await listener.connected(way(network))
        assert await client.is_cut()
        assert network.figures.resets == 1


async def test_many_bytes_pass_unchanged_at_any_profile(listener: Listener) -> None:
    stream = bytes(range(256)) * 400
    fast = replace(profile("wifi"), loss=0.0)
    async with WeakNetwork(fast, listener.to) as network:
        pairs = [await listener.pair(way(network)) for _ in range(5)]
        for client, server in pairs:
            client.says(stream)
            server.says(stream)
        for client, server in pairs:
            await client.hears(stream)
            await server.hears(stream)


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels do not drop what finds the queue full")
async def test_in_a_blackout_a_dial_hangs_and_a_fresh_one_works_as_soon_as_it_is_over(listener: Listener) -> None:
    async with WeakNetwork(PERFECT, listener.to) as network:
        network.blackout(0.3)
        ends_s = network.frozen_until_s
        await until(lambda: network._door is not None and network._door._plug is not None)
        dialing = asyncio.create_task(listener.connected(way(network)))
        await until(lambda: network.now_s() > ends_s - 0.1)
        assert not dialing.done()
        await until(lambda: network._door is not None and network._door._plug is None)
        assert network.now_s() >= ends_s
        await works(network, listener)
        await dialing


async def test_a_network_that_becomes_another_one_in_the_dark_lets_in_who_comes(listener: Listener) -> None:
    endless = NetworkProfile(name="endless", blackout_every_s=0.001, blackout_lasts_s=7200.0)
    async with WeakNetwork(endless, listener.to) as network:
        await until(lambda: network.weather.dark(network.now_s()))
        await until(lambda: (network._door is not None and network._door._plug is not None) or sys.platform != "linux")
        network.profile = PERFECT
        await works(network, listener)


async def test_a_blackout_lasts_and_ends_whatever_the_network_becomes_meanwhile(listener: Listener) -> None:
    async with WeakNetwork(PERFECT, listener.to) as network:
        signals: list[str] = []
        network.watch(lambda event: signals.append(event.kind))
        network.blackout(0.2)
        ends_s = network.frozen_until_s
        network.profile = NetworkProfile(name="other", delay_ms=1)
        await until(lambda: "signal" in signals)
        assert network.now_s() >= ends_s - 0.001
        await works(network, listener)
