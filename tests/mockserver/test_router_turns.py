"""Turns of the router that the wire cannot time: inputs of several links in one and the same turn."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from onebar.core import frames
from onebar.core.frames import (
    Accepted,
    Ack,
    ClientFrame,
    Deliver,
    Delivered,
    Ping,
    Refused,
    Response,
    ServerFrame,
    Stock,
)
from onebar.core.questions import AddDevice, Bundle, FindAccount, FindBundle, FindPhone, Publish
from onebar_mockserver.flight import open_flight
from onebar_mockserver.limits import LATE_MS, PAGE_ENTRIES_MAX, ServerLimits
from onebar_mockserver.links import FENCED, REFUSED
from onebar_mockserver.ports import Want
from onebar_mockserver.router import Boarded, Ended, Input, Received, Router, Turn
from onebar_mockserver.sqlite import SqliteEngine, device_lists
from tests.mockserver.rawclient import Keys, Phone, request, submit
from tests.mockserver.signer import Signer

NOW_MS = 1_000_000
HOST = "localhost"


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[SqliteEngine]:
    made = SqliteEngine(tmp_path / "data", ServerLimits(rates={}))
    await made.open()
    yield made
    await made.close()


async def phone(engine: SqliteEngine, number: str) -> Phone:
    keys = Keys()
    code = await engine.issue_code(number, b"seed", NOW_MS)
    known = await engine.register(number, code.code, keys.public(), NOW_MS)
    return Phone(f"http://{HOST}", known.account, known.device, keys)


def flight(link: int, of: Phone, *behind: ClientFrame) -> list[Input]:
    opened = open_flight(of.flight(of.hello(), behind))
    boarded = Boarded(link, HOST, opened.signature, opened.message, opened.hello)
    return [boarded, *(Received(link, frame) for frame in opened.behind)]


def said(turn: Turn, link: int) -> list[ServerFrame]:
    return turn[link].frames() if link in turn else []


async def test_a_live_entry_does_not_overtake_waiting_ones(engine: SqliteEngine) -> None:
    alice, bob = await phone(engine, "+491"), await phone(engine, "+492")
    router = Router(engine, engine, ServerLimits(rates={}))
    await router.turn([*flight(1, alice), *flight(2, bob)], NOW_MS)
    got: list[Deliver] = []
    for out_no in range(1, 6):
        body = bytes(frames.SUBMIT_BYTES_MAX - 100)
        frame = submit(out_no, (bob.account, [(bob.device, body)]))
        turn = await router.turn([Received(1, frame)], NOW_MS)
        got += [told for told in said(turn, 2) if isinstance(told, Deliver)]
    assert len(got) < 5, "the credit is spent"
    frame = submit(6, (bob.account, [(bob.device, b"short")]))
    turn = await router.turn([Received(2, Ack(1, got[-1].seq)), Received(1, frame)], NOW_MS)
    got += [told for told in said(turn, 2) if isinstance(told, Deliver)]
    assert [told.out_no for told in got] == [1, 2, 3, 4, 5, 6]
    assert [told.prev_seq for told in got] == [0, 1, 2, 3, 4, 5]


async def test_frames_of_two_links_of_one_device_in_one_turn(engine: SqliteEngine) -> None:
    alice, bob = await phone(engine, "+491"), await phone(engine, "+492")
    router = Router(engine, engine, ServerLimits(rates={}))
    await router.turn(flight(1, alice), NOW_MS)
    frame = submit(1, (bob.account, [(bob.device, b"x")]))
    turn = await router.turn([*flight(2, alice, frame), Received(1, frame)], NOW_MS)
    assert Accepted(1) in said(turn, 1), "a flight fences nobody: the new link may still die young (R16)"
    assert Accepted(1) in said(turn, 2)
    turn = await router.turn([Received(2, Ping(1)), Received(1, frame)], NOW_MS)
    assert turn[1].close == FENCED
    assert said(turn, 1) == []


async def test_a_link_that_dies_before_it_spoke_fences_nobody(engine: SqliteEngine) -> None:
    alice, bob = await phone(engine, "+491"), await phone(engine, "+492")
    router = Router(engine, engine, ServerLimits(rates={}))
    await router.turn([*flight(1, alice), *flight(3, bob)], NOW_MS)
    await router.turn([*flight(2, alice), Ended(2)], NOW_MS)
    turn = await router.turn([Received(3, submit(1, (alice.account, [(alice.device, b"x")])))], NOW_MS)
    assert [told.ciphertext for told in said(turn, 1) if isinstance(told, Deliver)] == [b"x"]


async def test_mail_comes_on_both_links_until_one_is_fenced(engine: SqliteEngine) -> None:
    alice, bob = await phone(engine, "+491"), await phone(engine, "+492")
    router = Router(engine, engine, ServerLimits(rates={}))
    await router.turn([*flight(1, alice), *flight(3, bob)], NOW_MS)
    await router.turn(flight(2, alice), NOW_MS)
    turn = await router.turn([Received(3, submit(1, (alice.account, [(alice.device, b"x")])))], NOW_MS)
    assert [type(told) for told in said(turn, 1)] == [type(told) for told in said(turn, 2)] == [Deliver]


async def test_another_envelope_under_a_number_of_a_rival_is_from_another_copy(engine: SqliteEngine) -> None:
    """Both copies of a database are on line for a moment: neither may take the other's verdict for its own (R20)."""
    alice, bob = await phone(engine, "+491"), await phone(engine, "+492")
    ours, theirs = (submit(1, (bob.account, [(bob.device, body)])) for body in (b"ours", b"theirs"))
    router = Router(engine, engine, ServerLimits(rates={}))
    await router.turn(flight(1, alice), NOW_MS)
    turn = await router.turn([*flight(2, alice), Received(1, ours)], NOW_MS)
    assert Accepted(1) in said(turn, 1)
    turn = await router.turn([Received(2, Ping(1)), Received(2, theirs)], NOW_MS)
    assert (turn[1].close, turn[2].close, said(turn, 2)) == (FENCED, REFUSED, [Refused("connection_number", 2)])
    assert (await engine.fetch([Want(bob.device, 0, 10_000)]))[0].entries[-1].body == b"ours"


async def test_a_link_whose_mail_was_acknowledged_on_another_is_closed(engine: SqliteEngine) -> None:
    alice, bob = await phone(engine, "+491"), await phone(engine, "+492")
    router = Router(engine, engine, ServerLimits(rates={}))
    await router.turn([*flight(1, alice), *flight(3, bob)], NOW_MS)
    await router.turn(flight(2, alice), NOW_MS)
    body = b"x" * 15_000
    for out_no in range(1, 6):
        frame = submit(out_no, (alice.account, [(alice.device, body)]))
        turn = await router.turn([Received(3, frame), Received(1, Ack(1, out_no - 1))], NOW_MS)
    turn = await router.turn([Received(1, Ack(1, 5))], NOW_MS)
    assert turn[2].close == FENCED, "its credit was used up before the last of them"
    assert 1 not in turn


async def test_a_short_page_is_taken_up_again_without_inputs(engine: SqliteEngine) -> None:
    alice, bob = await phone(engine, "+491"), await phone(engine, "+492")
    router = Router(engine, engine, ServerLimits(rates={}))
    await router.turn(flight(1, alice), NOW_MS)
    for first in range(1, 301, 100):
        batch = [submit(n, (bob.account, [(bob.device, b"x")])) for n in range(first, first + 100)]
        await router.turn([Received(1, frame) for frame in batch], NOW_MS)
    turn = await router.turn(flight(2, bob), NOW_MS)
    count = len(said(turn, 2)) - 1
    assert router.unfinished
    turn = await router.turn([], NOW_MS)
    assert count + len(said(turn, 2)) - 1 == 300
    assert not router.unfinished


async def test_an_ack_of_what_an_older_link_was_sent_is_taken(engine: SqliteEngine) -> None:
    """The second of two dials was on its way while the first one brought mail: its Hello is old, its device is not."""
    alice, bob = await phone(engine, "+491"), await phone(engine, "+492")
    router = Router(engine, engine, ServerLimits(rates={}))
    await router.turn([*flight(1, alice), *flight(2, bob)], NOW_MS)
    count = PAGE_ENTRIES_MAX + 50
    for out_no in range(1, count + 1):
        await router.turn([Received(1, submit(out_no, (bob.account, [(bob.device, b"x")])))], NOW_MS)
    await router.turn([Ended(2)], NOW_MS)
    turn = await router.turn(flight(3, bob), NOW_MS)
    assert len(said(turn, 3)) == 1 + PAGE_ENTRIES_MAX, "less than the older link was sent"
    turn = await router.turn([Received(3, Ack(1, count))], NOW_MS)
    assert 3 not in turn or turn[3].close is None
    assert [(tick.account, tick.out_nos) for tick in said(turn, 1) if isinstance(tick, Delivered)] == [
        (bob.account, ((1, count),))
    ]
    turn = await router.turn([Received(1, submit(count + 1, (bob.account, [(bob.device, b"x")])))], NOW_MS)
    [mail] = [told for told in said(turn, 3) if isinstance(told, Deliver)]
    assert (mail.prev_seq, mail.seq) == (PAGE_ENTRIES_MAX, count + 1), "what this link was sent last (R14)"


async def test_two_who_ask_in_one_turn_get_different_prekeys(engine: SqliteEngine) -> None:
    alice, bob = await phone(engine, "+491"), await phone(engine, "+492")
    router = Router(engine, engine, ServerLimits(rates={}))
    await router.turn([*flight(1, alice), *flight(2, bob)], NOW_MS)
    publish = Publish(signed=b"bundle", bundle_ms=1, one_time=((1, b"x1"), (2, b"x2")))
    question = FindBundle(bob.account, bob.device)
    asked: list[Input] = [Received(2, request(1, publish)), Received(1, request(7, question))]
    turn = await router.turn([*asked, Received(2, request(8, question))], NOW_MS)
    [one], [_, two] = said(turn, 1), said(turn, 2)
    assert isinstance(one, Response)
    assert isinstance(two, Response)
    assert [frames.decode_as(Bundle, answer.result).one_time for answer in (one, two)] == [b"x1", b"x2"]


async def test_what_a_list_leaves_out_is_refused_in_the_same_turn(engine: SqliteEngine) -> None:
    bob = await phone(engine, "+492")
    orphaned: list[int] = []
    router = Router(engine, engine, ServerLimits(rates={}), lambda: orphaned.append(1))
    await router.turn(flight(1, bob), NOW_MS)
    signer, keys = Signer(bob.account), Keys()
    own, both = {bob.device: bob.keys.public()}, {bob.device: bob.keys.public(), bob.device + 1: keys.public()}
    await router.turn([Received(1, request(1, Publish(devices=signer.sign(own))))], NOW_MS)
    await router.turn([Received(1, request(2, AddDevice(*keys.public())))], NOW_MS)
    second = Phone(bob.url, bob.account, bob.device + 1, keys)
    turn = await router.turn(flight(2, second), NOW_MS)
    assert said(turn, 2) == [frames.Refused("unauthenticated")], "it has no certificate yet"
    await router.turn([Received(1, request(3, Publish(devices=signer.sign(both))))], NOW_MS)
    turn = await router.turn(flight(2, second), NOW_MS)
    [welcome] = [told for told in said(turn, 2) if isinstance(told, frames.Welcome)]
    assert welcome.stock == Stock(2)
    assert orphaned == []
    last = Received(1, request(4, Publish(devices=signer.sign(own))))
    turn = await router.turn([last, Received(2, request(1, Publish(one_time=((1, b"x"),))))], NOW_MS)
    assert said(turn, 2) == [frames.Refused("device_removed", second.connection_no)]
    assert turn[2].close == REFUSED
    assert len(said(turn, 1)) == 1
    assert orphaned == [1], "so that the senders of what waited hear of it soon"
    turn = await router.turn(flight(2, second), NOW_MS)
    assert [told.reason for told in said(turn, 2) if isinstance(told, frames.Refused)] == ["device_removed"]


async def test_a_question_that_raises_is_answered_and_costs_no_link(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await phone(engine, "+491")
    router = Router(engine, engine, ServerLimits(rates={}))
    await router.turn(flight(1, alice), NOW_MS)
    find = device_lists.signed

    def poisoned(connection: sqlite3.Connection, account: int) -> bytes:
        if account == alice.account:
            raise ValueError("planted")
        return find(connection, account)

    monkeypatch.setattr(device_lists, "signed", poisoned)
    questions = [request(1, FindPhone("+499")), request(2, FindAccount(alice.account)), request(3, Publish())]
    turn = await router.turn([Received(1, question) for question in questions], NOW_MS)
    answers = [told for told in said(turn, 1) if isinstance(told, Response)]
    assert [(told.no, told.error) for told in answers] == [(1, "no_account"), (2, "internal"), (3, "")]


async def test_a_removed_device_is_refused_even_in_the_same_turn(engine: SqliteEngine) -> None:
    alice = await phone(engine, "+491")
    router = Router(engine, engine, ServerLimits(rates={}))
    await phone(engine, "+491")
    turn = await router.turn(flight(1, alice), NOW_MS)
    assert said(turn, 1) == [frames.Refused("device_removed", 0)]


class NotedBell:
    """Notes what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, int]] = []

    def ring(self, device: int, *, soon: bool = False) -> None:
        self.heard.append(("soon" if soon else "ring", device))

    def answered(self, device: int) -> None:
        self.heard.append(("answered", device))

    def missed(self) -> None:
        self.heard.append(("missed", 0))

    def new(self) -> list[tuple[str, int]]:
        heard, self.heard = self.heard, []
        return heard


async def test_the_bell_rings_for_messages_to_devices_that_are_away(engine: SqliteEngine) -> None:
    alice, bob = await phone(engine, "+491"), await phone(engine, "+492")
    bell = NotedBell()
    router = Router(engine, engine, ServerLimits(rates={}), bell=bell)
    await router.turn(flight(1, alice), NOW_MS)
    assert bell.new() == [("answered", alice.device)]
    assert (router.unheard_ms(alice.device, NOW_MS), router.unheard_ms(bob.device, NOW_MS)) == (0, None)

    def to_bob(out_no: int, flags: int = 0) -> Received:
        return Received(1, submit(out_no, (bob.account, [(bob.device, b"x")]), flags=flags))

    await router.turn([to_bob(1, frames.FLAG_SILENT)], NOW_MS)
    assert bell.new() == [], "nobody has said anything"
    await router.turn([to_bob(2), to_bob(2), to_bob(3)], NOW_MS)
    assert bell.new() == [("ring", bob.device)] * 2
    await router.turn([*flight(2, bob), Received(2, Ack(1, 3))], NOW_MS)
    assert bell.new() == [("answered", bob.device)], "and the tick for Alice rings nobody"
    await router.turn([Ended(2)], NOW_MS)
    assert bell.new() == [], "he has everything"
    await router.turn([Ended(1)], NOW_MS)
    router.reset()
    assert bell.new() == [("missed", 0)]


async def test_the_bell_rings_soon_where_a_link_ends_under_a_message(engine: SqliteEngine) -> None:
    alice, bob = await phone(engine, "+491"), await phone(engine, "+492")
    bell = NotedBell()
    router = Router(engine, engine, ServerLimits(rates={}), bell=bell)
    await router.turn([*flight(1, alice), *flight(2, bob)], NOW_MS)
    await router.turn([Received(1, submit(1, (bob.account, [(bob.device, b"x")])))], NOW_MS)
    await router.turn(flight(3, bob), NOW_MS)
    bell.new()
    await router.turn([Ended(2)], NOW_MS)
    assert bell.new() == [], "he has another one"
    await router.turn([Ended(3)], NOW_MS)
    assert bell.new() == [("soon", bob.device)]


async def test_who_is_silent_under_a_message_is_told_apart_from_who_is_slow(engine: SqliteEngine) -> None:
    alice, bob = await phone(engine, "+491"), await phone(engine, "+492")
    bell = NotedBell()
    router = Router(engine, engine, ServerLimits(rates={}), bell=bell)
    await router.turn([*flight(1, alice), *flight(2, bob)], NOW_MS)
    bell.new()
    for out_no in (1, 2, 3):
        await router.turn([Received(1, submit(out_no, (bob.account, [(bob.device, b"x")])))], NOW_MS)
    assert bell.new() == [("soon", bob.device)], "once for all of them"
    assert router.unheard_ms(bob.device, NOW_MS + 9_000) == 9_000
    await router.turn([Received(2, Ack(1, 1))], NOW_MS + 9_000)
    assert router.unheard_ms(bob.device, NOW_MS + 10_000) == 1_000, "he is slow"
    await router.turn([Received(2, Ack(1, 3))], NOW_MS + 10_000)
    assert router.unheard_ms(bob.device, NOW_MS + 10_000) == 0
    assert bell.new() == []
    await router.turn([Received(1, submit(4, (bob.account, [(bob.device, b"x")])))], NOW_MS)
    assert bell.new() == [("soon", bob.device)]
    await router.turn([Received(2, Ack(1, 4))], NOW_MS + LATE_MS + 1)
    assert bell.new() == [("answered", bob.device)], "he may have been woken, and is back on the old link"


async def test_who_fetches_what_waits_and_falls_silent_is_rung_soon(engine: SqliteEngine) -> None:
    alice, bob = await phone(engine, "+491"), await phone(engine, "+492")
    bell = NotedBell()
    router = Router(engine, engine, ServerLimits(rates={}), bell=bell)
    await router.turn([*flight(1, alice, submit(1, (bob.account, [(bob.device, b"x")])))], NOW_MS)
    bell.new()
    await router.turn(flight(2, bob), NOW_MS)
    assert bell.new() == [("answered", bob.device), ("soon", bob.device)]
