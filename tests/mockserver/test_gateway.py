"""The gateway: splitting messages, back pressure, refusing while stopping."""

import asyncio
from typing import cast

from onebar.core import frames
from onebar.core.frames import Accepted, CaughtUp, Deliver, GoAway, Hello, Ping, Pong, Refused, ServerFrame
from onebar_mockserver.faults import Faults
from onebar_mockserver.flight import Flight
from onebar_mockserver.gateway import Gateway, encode_messages
from onebar_mockserver.limits import LINK_PENDING_BYTES_MAX, LINK_PENDING_MAX, MAIL_MESSAGE_BYTES
from onebar_mockserver.links import REFUSED, Outgoing
from onebar_mockserver.router import Boarded, Ended, Input, Received
from onebar_mockserver.turns import TurnLoop

PING = Ping(1)


class Queue:
    """Stands in for the turn loop: keeps the inputs."""

    def __init__(self) -> None:
        self.inputs: dict[int, list[Input]] = {}

    def put(self, link: int, item: Input) -> None:
        self.inputs.setdefault(link, []).append(item)

    def pending(self, link: int) -> int:
        return len(self.inputs.get(link, []))


class Wire:
    """Stands in for a socket: keeps what was said."""

    def __init__(self) -> None:
        self.said: list[ServerFrame | frames.Unreadable] = []
        self.close: int | None = None
        self.was_cut = False
        self.writes: list[int] = []
        self.paused = False

    def say(self, messages: list[bytes], close: int | None) -> None:
        self.writes.append(len(messages))
        for message in messages:
            self.said += frames.decode_server(message)
        self.close = close

    def cut(self, messages: list[bytes]) -> None:
        self.say(messages, None)
        self.was_cut = True

    def pause(self, paused: bool) -> None:
        self.paused = paused


def gateway() -> tuple[Gateway, Queue]:
    made, queue = Gateway(Faults()), Queue()
    made.turns = cast("TurnLoop", queue)
    return made, queue


async def test_a_flight_and_its_frames_are_inputs_in_order() -> None:
    made, queue = gateway()
    link = made.join(Wire())
    hello = Hello(1, 1, 1, 0, 1, 0, 0)
    made.board(link, "host", Flight(b"s", b"m", hello, [PING]))
    made.leave(link)
    made.leave(link)
    assert queue.inputs[link] == [Boarded(link, "host", b"s", b"m", hello), Received(link, PING), Ended(link)]


async def test_a_link_far_ahead_of_its_turns_is_not_read() -> None:
    made, queue = gateway()
    for count, size in ((LINK_PENDING_MAX + 1, 1), (1, LINK_PENDING_BYTES_MAX + 1)):
        wire = Wire()
        link = made.join(wire)
        made.receive(link, [PING], 1)
        assert not wire.paused
        made.receive(link, [PING] * count, size)
        assert wire.paused
        queue.inputs[link].pop()
        made.taken(link)
        assert wire.paused, "some still wait"
        queue.inputs[link].clear()
        made.taken(link)
        assert not wire.paused


async def test_a_stopping_gateway_says_so_and_refuses() -> None:
    made, _ = gateway()
    old = Wire()
    made.join(old)
    made.go_away(2000)
    assert old.said == [GoAway(2000, "restart")]
    new = Wire()
    made.board(made.join(new), "host", Flight(b"", b"", Hello(1, 1, 1, 0, 1, 0, 0), []))
    assert (new.said, new.close) == ([Refused("unavailable")], REFUSED)


async def test_closing_waits_for_the_links_to_go() -> None:
    made, _ = gateway()
    wire = Wire()
    link = made.join(wire)
    closing = asyncio.create_task(made.close())
    await asyncio.sleep(0)
    assert wire.close == 1001
    made.leave(link)
    await closing
    assert not wire.was_cut


def decoded(messages: list[bytes]) -> list[list[ServerFrame | frames.Unreadable]]:
    return [frames.decode_server(message) for message in messages]


def deliver(number: int, size: int) -> Deliver:
    return Deliver(number - 1, number, 1, 1, 1, 0, 0, bytes(size))


def test_answers_of_an_ordinary_turn_are_one_message() -> None:
    assert list(encode_messages([Pong(1), Pong(2)])) == [frames.encode_message([Pong(1), Pong(2)])]
    assert list(encode_messages([Pong(1)])) == [frames.encode_message([Pong(1)])]
    assert list(encode_messages([])) == []


def test_answers_do_not_wait_for_mail() -> None:
    said: list[ServerFrame] = [Accepted(1), Pong(1), deliver(1, 1), CaughtUp(1)]
    assert decoded(list(encode_messages(said))) == [said[:2], said[2:]]


def test_mail_goes_in_messages_that_a_slow_link_completes_in_time() -> None:
    said: list[ServerFrame] = [Accepted(1), *(deliver(number, 3000) for number in range(1, 16)), CaughtUp(15)]
    messages = list(encode_messages(said))
    assert [len(part) for part in decoded(messages)] == [1, 2, 2, 2, 2, 2, 2, 2, 2]
    assert max(len(message) for message in messages) <= MAIL_MESSAGE_BYTES + 5
    assert [frame for part in decoded(messages) for frame in part] == said


def test_the_longest_envelope_is_a_message_of_its_own() -> None:
    said: list[ServerFrame] = [deliver(1, 1), deliver(2, frames.SUBMIT_BYTES_MAX), deliver(3, 1)]
    assert decoded(list(encode_messages(said))) == [said[:1], said[1:2], said[2:]]


def test_a_burst_is_split_within_the_limits() -> None:
    said: list[ServerFrame] = [Pong(number) for number in range(3000)]
    said += [Deliver(0, number, 1, 1, 1, 0, 0, bytes(16_000)) for number in range(60)]
    messages = list(encode_messages(said))
    assert all(len(message) <= frames.MESSAGE_BYTES_MAX for message in messages)
    assert all(len(part) <= frames.FRAMES_MAX for part in decoded(messages))
    assert [frame for part in decoded(messages) for frame in part] == said


async def test_all_messages_of_a_turn_are_one_write() -> None:
    made, _ = gateway()
    wire = Wire()
    link = made.join(wire)
    made.release({link: Outgoing(accepted=Accepted(1), mail=[deliver(1, 8000), deliver(2, 8000)])})
    assert wire.writes == [3]
