"""Each fault happens as often as it was asked for, and then no more."""

import asyncio

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from onebar.core import frames
from onebar.core.frames import Accepted, CaughtUp, Deliver, Ping, Pong, Response, Stock, Welcome
from onebar.core.questions import AccountInfo, Added, Bundle
from onebar_mockserver import Faults, MockServer
from tests.mockserver.rawclient import Line, Phone, post, submit

ENVELOPE = Deliver(0, 1, 1, 1, 1, 0, 0, b"abc")


def test_nothing_happens_unasked() -> None:
    said: list[frames.ServerFrame] = [Accepted(1), ENVELOPE]
    assert Faults().shape(said) == (said, False, 0.0)


def test_a_fault_ends_after_its_count_and_on_clear() -> None:
    faults = Faults()
    faults.corrupt_envelopes(1)
    assert faults.shape([ENVELOPE, ENVELOPE]).frames == [
        Deliver(0, 1, 1, 1, 1, 0, 0, b"ab" + bytes([ord("c") ^ 1])),
        ENVELOPE,
    ]
    faults.drop_delivers(5)
    faults.deliver_twice(5)
    faults.clear()
    assert faults.shape([ENVELOPE]).frames == [ENVELOPE]


def test_twice_and_dropped() -> None:
    faults = Faults()
    faults.deliver_twice()
    assert faults.shape([ENVELOPE, ENVELOPE]).frames == [ENVELOPE] * 3
    faults.drop_delivers()
    assert faults.shape([ENVELOPE, CaughtUp(1)]).frames == [CaughtUp(1)]


def test_cut_after_counts_frames_over_messages() -> None:
    faults = Faults()
    faults.cut_after(3)
    assert faults.shape([Pong(1), Pong(2)]).cut is False
    assert faults.shape([Pong(3), Pong(4)]) == ([Pong(3)], True, 0.0)
    assert faults.shape([Pong(5)]).cut is False


def test_one_time_prekeys_are_left_out_of_bundles_only() -> None:
    faults = Faults()
    faults.drop_one_time()
    full, bare = (Response(1, "", msgspec.Raw(frames.encode(one))) for one in (Bundle(b"s", b"x", b"k"), Bundle(b"s")))
    said: list[frames.ServerFrame] = [
        Response(2, "no_bundle"),
        Response(3, "", msgspec.Raw(frames.encode(Stock()))),
        Response(4, "", msgspec.Raw(frames.encode(AccountInfo(1, "+491", b"list", b"certificate")))),
        Response(5, "", msgspec.Raw(frames.encode(Added(7)))),
    ]
    assert faults.shape([*said, full, full]).frames == [*said, bare, full]
    faults.drop_one_time()
    faults.clear()
    assert faults.shape([full]).frames == [full]


async def test_a_dropped_ack_was_committed(server: MockServer, alice: Phone, bob: Phone) -> None:
    server.faults.drop_acks()
    line = await alice.dial(submit(1, (bob.account, [(bob.device, b"x")])))
    assert await line.closed() == 1006
    assert line.waiting == []
    again = await alice.dial()
    assert (await again.take(Welcome)).mark == 1
    await again.close()


async def test_refusals_hit_requests_and_upgrades(server: MockServer, alice: Phone) -> None:
    server.faults.refuse(2)
    answer = await post(server.url, "/v1/codes", {"phone": "+4915112345679"})
    assert (answer.status_code, answer.json()["error"]) == (503, "unavailable")
    with pytest.raises(InvalidStatus) as caught:
        await alice.dial()
    assert caught.value.response.status_code == 503
    await (await alice.dial()).close()


async def test_delayed_outputs_keep_their_order(server: MockServer, alice: Phone) -> None:
    line = await alice.dial()
    await line.until(CaughtUp)
    began = asyncio.get_running_loop().time()
    server.faults.delay_outputs(0.1)
    await line.send(Ping(1))
    await line.send(Ping(2))
    server.faults.delay_outputs(0)
    await line.send(Ping(3))
    assert [await line.take(Pong) for _ in range(3)] == [Pong(1), Pong(2), Pong(3)]
    assert asyncio.get_running_loop().time() >= began
    await line.close()


async def test_links_can_be_cut_abruptly(server: MockServer, alice: Phone) -> None:
    line = await alice.dial()
    await line.until(CaughtUp)
    server.drop_links()
    with pytest.raises(ConnectionClosed):
        await Line.message(line)
