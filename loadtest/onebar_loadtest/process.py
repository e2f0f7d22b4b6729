"""The side of a run that has phones: one Locust process, a worker or the only one."""

import time
from collections.abc import Callable
from typing import Final

import gevent
import psutil

from onebar_loadtest import rows
from onebar_loadtest.bridge import Bridge
from onebar_loadtest.fleet import Fleet
from onebar_loadtest.record import Cost, Record
from onebar_loadtest.settings import Settings
from onebar_loadtest.shapes import Fault, shape

DRIFT_EVERY_S: Final = 0.05
"""How often the hub's drift is looked at."""

READY_S: Final = 120.0
"""Longest wait until all phones that were started were online once: on some networks a few never are."""

LOOK_S: Final = 0.2
"""Pause between two looks whether they are."""

Request = Callable[[str, float], None]
"""Is told each time: (row, seconds)."""


class PhonesProcess:
    """A fleet on its loop, as Locust's hub sees it. Make it when a test starts."""

    def __init__(self, settings: Settings, server: str, name: str, index: int, request: Request) -> None:
        """Start the loop.

        Args:
            settings: What the run is like.
            server: The server's URL.
            name: What this process is called among the others.
            index: Its number among them.
            request: Is told each time that counts.
        """
        self.settings, self.name = settings, name
        self.stopping = False
        """Whether users that end now end with the run: then their phones stay on, for the last messages."""
        self.measuring = False
        """Whether times count: not while phones are being registered."""
        self._request = request
        self._own = Record()
        self._began = Cost()
        self.bridge = Bridge(self._hear)
        self.fleet = self.bridge.call(lambda: Fleet(settings, server, self.bridge.tell, index))
        self.bridge.call(self.fleet.start)
        self._greenlets = [gevent.spawn(self._watch_drift)]
        if shape(settings.shape).curve:  # phones come all the time
            self._measure()

    def everybody_is_there(self, measuring: Callable[[], None]) -> None:
        """Begin to measure, and say so, as soon as all phones are registered and were online; when all users run."""
        if not self.measuring and not self.stopping:
            self._greenlets.append(gevent.spawn(self._await_phones, measuring))

    def take_record(self) -> Record:
        """Return what is new since the last time."""
        record = self.bridge.call(lambda: self.fleet.take_record(self.name))
        own, self._own = self._own, Record()
        record.merge(own)
        return record

    def settle(self) -> Record:
        """Let the last messages arrive; return what is new."""
        self.stopping = True
        gevent.killall(self._greenlets)
        if self.measuring:
            self._own.cost = self._read_cost().minus(self._began)
        self.bridge.run(self.fleet.settle())
        return self.take_record()

    def close(self) -> None:
        """Switch the phones off and end the loop."""
        self.bridge.run(self.fleet.close())
        self.bridge.close()

    def _hear(self, row: str, took_s: float) -> None:
        self._request(row, took_s)

    def _measure(self) -> None:
        self.measuring = True
        self.bridge.call(self.fleet.measure)
        self._began = self._read_cost()
        for fault in shape(self.settings.shape).faults:
            self._greenlets.append(gevent.spawn_later(fault.at * self.settings.run_s, self._strike, fault))

    def _read_cost(self) -> Cost:
        figures = [phone.network.figures for phone in self.fleet.phones]
        return Cost(
            time.monotonic(),
            self.fleet.ledger.tally.delivered,
            time.process_time(),
            psutil.Process().memory_info().rss / 1e6,
            sum(each.up_bytes for each in figures),
            sum(each.down_bytes for each in figures),
        )

    def _strike(self, fault: Fault) -> None:
        self.bridge.call(lambda: self.fleet.strike(fault))

    def _await_phones(self, measuring: Callable[[], None]) -> None:
        while self.bridge.call(lambda: self.fleet.coming):
            gevent.sleep(LOOK_S)
        ends_s = time.monotonic() + READY_S
        while not self.bridge.call(self.fleet.everybody_is_there) and time.monotonic() < ends_s:
            gevent.sleep(LOOK_S)
        self.bridge.run(self.fleet.introduce())
        self._measure()
        measuring()

    def _watch_drift(self) -> None:
        while True:
            due_s = time.monotonic() + DRIFT_EVERY_S
            gevent.sleep(DRIFT_EVERY_S)
            if self.measuring:
                self._own.row(rows.HUB_DRIFT).add(time.monotonic() - due_s)
