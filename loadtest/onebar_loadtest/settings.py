"""What a run is like: everything that is needed to repeat it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from onebar.testing import NetworkProfile
from onebar_loadtest.replay import Replay, Sent, find_log, read_log
from onebar_loadtest.shapes import SERVER_FAULTS, shape
from onebar_loadtest.weather import Mix, parse_mix, parse_weather
from onebar_loadtest.workloads import WORKLOADS, Workload

REPLAY: Final = "replay"
"""The workload that plays a log of real traffic."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One run. The defaults are those of `make loadtest`."""

    weather: str = "commute"
    """A mix of network profiles; see `onebar_loadtest.weather`."""
    workload: str = "chatty-pairs"
    """A workload, a mix of them like that of a weather, or `replay`."""
    every_s: float = 10.0
    """Mean time between two texts of a phone."""
    readers: float = 0.1
    """Share of the people who look at what comes in, so that read receipts go out."""
    photos: float = 0.0
    """Share of what people say that brings a photo."""
    proxied: float = 0.02
    """Share of the phones that go through the TCP proxy, to cross-check the network inside the process."""
    shape: str = "steady"
    """What happens to all; see `onebar_loadtest.shapes`."""
    run_s: float = 120.0
    """How long people talk, in seconds; shapes and reports go by it."""
    crowd: float = 0.0
    """Messages a second of light devices beside the phones of each process, at most; see `onebar_loadtest.crowd`."""
    settle_s: float = 60.0
    """Afterwards, on a good network, a message is lost when nothing at all has come for so long."""
    speed: float = 10_000.0
    """How many times as fast a log is played as it was."""
    log: str = ""
    """A file to replay instead of CollegeMsg."""
    kem: bool = True
    """Whether phones use ML-KEM, where a library for it is installed."""
    code: str = ""
    """The registration code that the server takes from everybody; if empty, /dev/sms is asked."""
    seed: int = 1
    """Draws weather and scripts. What the phones' keys are is not drawn from it."""

    def check(self) -> None:
        """Check that all names are known.

        Raises:
            ValueError: One is not, or a share is not from 0 to 1.
            LogError: There is no log to replay.
        """
        self.profiles()
        self.workloads()
        shape(self.shape)
        for name in ("readers", "photos", "proxied"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}, must be from 0 to 1")
        if self.crowd < 0:
            raise ValueError(f"crowd is {self.crowd}, must not be below 0")
        chosen = shape(self.shape)
        if self.crowd and (chosen.curve or any(fault.kind in SERVER_FAULTS for fault in chosen.faults)):
            raise ValueError(f"a crowd comes once, when all phones are there, and never again: not with {self.shape!r}")
        if chosen.crowd and not self.crowd:
            raise ValueError(f"the shape {self.shape!r} is about a crowd: say of how many messages a second")
        if not self.every_s > 0:
            raise ValueError(f"every_s is {self.every_s}, must be above 0")

    def profiles(self) -> Mix[NetworkProfile]:
        """Return who has which network."""
        return parse_weather(self.weather)

    def workloads(self) -> Mix[Workload]:
        """Return which group of people does what."""
        if self.workload == REPLAY:
            return Mix(((1.0, Replay(self.log_to_play(), self.speed)),))
        mix = parse_mix(self.workload)
        unknown = [name for _, name in mix.parts if name not in WORKLOADS]
        if unknown:
            raise ValueError(f"there is no workload {unknown[0]!r}; there are: {', '.join([*WORKLOADS, REPLAY])}")
        return Mix(tuple((share, WORKLOADS[name]) for share, name in mix.parts))

    def log_to_play(self) -> Sequence[Sent]:
        """Return the log for the workload `replay`.

        Raises:
            LogError: There is none.
        """
        return read_log(Path(self.log) if self.log else find_log())

    def dice(self, what: str) -> random.Random:
        """Return the dice for something, by its name: what one part draws does not change what another sees."""
        return random.Random(f"{self.seed} {what}")  # noqa: S311 - a simulation
