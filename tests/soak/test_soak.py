"""The parts of the soak against a server in this process; and a soak that went wrong says so."""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from benchmarks.report import Report

from onebar_mockserver import MockServer
from tests.mockserver.rawclient import Phone, register
from tests.soak import __main__ as program
from tests.soak import abusers
from tests.soak.abusers import Abuse, filler, flood, half_open, requests, slow_reader
from tests.soak.churn import Pair

RIGHT: dict[str, Any] = dict.fromkeys(program.KEYS, 0) | {
    "sent": 9,
    "delivered": 9,
    "rss_kb_per_min": 12.5,
    "rss_mb": 50,
    "fds_per_min": 0,
    "abuses_by_kind": {"flood": 2},
    "problems": [],
}


async def phones(server: MockServer, count: int) -> list[Phone]:
    return [await register(server, f"+49151123456{number:02d}") for number in range(10, 10 + count)]


async def test_a_pair_loses_nothing_while_bad_clients_do_their_worst(
    server: MockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.soak.churn.PACE_S", 0.0)
    monkeypatch.setattr(abusers, "HELD_S", 0.2)
    monkeypatch.setattr(abusers, "FLOOD_MESSAGES", 50)
    monkeypatch.setattr(abusers, "ATTACKS", (filler, flood, half_open, requests, slow_reader))
    sender, reader, flooder, feeder, victim = await phones(server, 5)
    pair, stop = Pair(sender, reader, random.Random(1)), asyncio.Event()
    abuse = Abuse(server.port, random.Random(2), flooder, feeder, victim)
    work = asyncio.gather(pair.run(stop), abuse.run(stop))
    async with asyncio.timeout(30):
        while len(pair.sent) < 15 or len(abuse.done) < 5:
            await asyncio.wait([work], timeout=0.05)
            assert not work.done()
        stop.set()
        await work
    account = pair.account()
    assert account.right
    assert account.sent == account.arrived == len(pair.sent) >= 15
    pair.found.pop()
    assert pair.account().lost == 1


@pytest.mark.parametrize(
    ("wrong", "minutes", "code"),
    [
        ({}, 10, 0),
        ({"rss_kb_per_min": 5000.0}, 1, 0),
        ({"rss_kb_per_min": 5000.0}, 10, 1),
        ({"rss_kb_per_min": 7000.0}, 1, 1),
        ({"lost": 1}, 10, 1),
        ({"delivered": 8}, 10, 1),
        ({"fds_leaked": 1}, 10, 1),
        ({"problems": ["text 7"]}, 10, 1),
    ],
)
def test_the_verdict(
    wrong: dict[str, Any], minutes: float, code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Report, "finish", lambda self: print(self.last_line()))
    assert program.finish(Report("soak", "", program.KEYS), RIGHT | wrong, minutes) == code


def test_the_plan_is_a_function_of_the_seed_and_spares_the_server() -> None:
    actions = program.plan(7, 60)
    assert actions == program.plan(7, 60) != program.plan(8, 60)
    assert {action.kind for action in actions} == {"tell", "kill", "cut"}
    assert {action.target for action in actions} == {"alice", "bob"}
