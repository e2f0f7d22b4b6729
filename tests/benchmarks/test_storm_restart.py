import asyncio
import math
import os
import random
import signal
import time
from pathlib import Path
from typing import cast

import pytest
from benchmarks.enrolment import enroll
from benchmarks.measured_server import MeasuredServer
from benchmarks.storm.backend import Backend
from benchmarks.storm.phones import Inline, Phone, Restart, close_all
from benchmarks.storm.restart import Outcome, faults, restart, settle, until
from benchmarks.weak.children import free_port

from onebar.config import Config
from onebar.drivers.address import parse_address
from onebar_mockserver import MockServer
from onebar_mockserver.limits import ServerLimits

pytestmark = pytest.mark.slow

SENT = ["a", "b", "c"]


@pytest.mark.parametrize(
    ("heard", "found"),
    [
        (["a", "b", "c"], (0, 0, 0)),
        (["a", "c"], (1, 0, 0)),
        (["a", "b", "b", "c", "a"], (0, 2, 0)),
        (["b", "a", "c"], (0, 0, 1)),
    ],
)
def test_the_account(heard: list[str], found: tuple[int, int, int]) -> None:
    assert faults(SENT, heard) == found


def test_who_is_not_back_counts_as_never() -> None:
    outcome = Outcome(restarts=[Restart(had_mail=True, back_s=1.0), Restart(back_s=2.0), Restart()])
    assert outcome.back_s() == [1.0, 2.0, math.inf]
    assert outcome.back_s(had_mail=True) == [1.0]


HELD_S = 0.5
"""How long a server that is held still says nothing: restart() looks ten times meanwhile, and a stopping server waits
longer than that for its links to close."""


class InProcess:
    """A backend in this process, restarted as the bench restarts its own.

    Held still by SIGSTOP it goes on working, but nobody hears of it: no text that is written meanwhile gets a verdict.
    """

    def __init__(self, server: MockServer) -> None:
        self._server = server
        self._polite = False
        self.measured = MeasuredServer(server.port, os.getpid())

    def signal(self, number: signal.Signals) -> None:
        self._polite |= number is signal.SIGTERM
        if number in {signal.SIGSTOP, signal.SIGCONT}:
            self._server.faults.delay_outputs(HELD_S if number is signal.SIGSTOP else 0)

    def cpu_s(self) -> float:
        return self.measured.cpu_s()

    async def replace(self, pause_s: float) -> float:
        await self._server.stop(go_away_ms=100 if self._polite else None)
        await asyncio.sleep(pause_s)
        await self._server.start()
        return time.monotonic()


async def test_phones_come_back_with_all_their_mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.storm.restart.PATIENCE_S", 20.0)  # so that it fails before the test's own time-out
    address = parse_address(f"http://127.0.0.1:{free_port()}")
    phones = [Phone(user, Config(host=address.host, one_time_prekeys=1)) for user in range(3)]
    places = enroll(tmp_path / "data", [phone.engine.public_keys() for phone in phones])
    limits = ServerLimits(rates={})
    async with MockServer(tmp_path / "data", port=int(address.host.rpartition(":")[2]), limits=limits) as server:
        try:
            for phone, place in zip(phones, places, strict=True):
                phone.start(address, Inline(), place.account, place.device)
            await until(lambda: all(phone.ready for phone in phones), "phones are on line")
            await settle(phones, {0, 1, 2})
            outcome = await restart(phones, cast("Backend", InProcess(server)), polite=True, dice=random.Random(1))
        finally:
            await close_all(phones)
    assert (outcome.sent, outcome.lost, outcome.doubled, outcome.reordered) == (3 + 3 + 2, 0, 0, 0)
    assert max(outcome.back_s()) < math.inf
    assert len(outcome.dialed_s()) >= 3
    assert all(each.left_s is not None for each in outcome.restarts)
