"""Many seeds, on all processors: what they came to, added up."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from multiprocessing import get_context
from typing import Final

from tests.simulation.checkers import ViolationError
from tests.simulation.clock import SpinningError
from tests.simulation.world import World, draw_plan

SEEDS_AHEAD: Final = 2_000
"""Seeds that wait in the pool at a time: a million at once would take 340 MB before the first of them runs."""


@dataclass
class Tally:
    """What some seeds came to."""

    seeds: int = 0
    events: int = 0
    virtual_s: float = 0.0
    crashes: int = 0
    cuts: int = 0
    fired: Counter[str] = field(default_factory=Counter)
    looks: Counter[str] = field(default_factory=Counter)
    failures: dict[int, str] = field(default_factory=dict)
    digest: int = 0
    """The traces' hashes, added up: independent of the order of the seeds."""

    def add(self, other: "Tally") -> None:
        """Add what other seeds came to."""
        self.seeds += other.seeds
        self.events += other.events
        self.virtual_s += other.virtual_s
        self.crashes += other.crashes
        self.cuts += other.cuts
        self.fired += other.fired
        self.looks += other.looks
        self.failures |= other.failures
        self.digest = (self.digest + other.digest) % 2**64


def run_seed(seed: int, files: float = 0.0) -> Tally:
    """Run one seed; `files` is the share of what is said in it that brings a file."""
    logging.disable(logging.CRITICAL)  # the product reports every fault that it meets
    world = World(draw_plan(seed, files=files))
    failures = {}
    try:
        world.run()
    except ViolationError as error:
        failures[seed] = error.checker
    except (Exception, SpinningError) as error:  # noqa: BLE001 - whatever the product raises is a finding
        failures[seed] = type(error).__name__
    fired = Counter({kind.value: times for kind, times in world.fired_kinds.items()})
    return Tally(
        seeds=1,
        events=world.trace.events,
        virtual_s=world.clock.now_s,
        crashes=world.crashes,
        cuts=world.cuts,
        fired=fired,
        looks=world.checks.looks,
        failures=failures,
        digest=int(world.trace.digest, 16),
    )


def run_seeds(seeds: Iterable[int], workers: int, files: float = 0.0) -> Iterator[Tally]:
    """Run seeds on several processors; what each comes to is the same in any order."""
    waiting = iter(seeds)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        while some := list(islice(waiting, SEEDS_AHEAD)):
            yield from pool.map(partial(run_seed, files=files), some, chunksize=8)
