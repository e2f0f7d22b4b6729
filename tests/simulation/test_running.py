"""Many seeds: what they come to does not depend on the order or on how many processors run them."""

import logging
from collections.abc import Iterator

import pytest

from tests.simulation.__main__ import failed_seeds, main, unused
from tests.simulation.app import App
from tests.simulation.checkers import SENTENCES
from tests.simulation.exhaustive import main as exhaustive_main
from tests.simulation.faults import Kind
from tests.simulation.running import Tally, run_seed, run_seeds
from tests.simulation.world import World, draw_plan

pytestmark = pytest.mark.slow

SEEDS = range(12)


@pytest.fixture(autouse=True)
def logging_is_restored() -> Iterator[None]:
    yield
    logging.disable(logging.NOTSET)


def added(tallies: list[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        total.add(tally)
    total.virtual_s = round(total.virtual_s, 3)
    return total


def test_a_seed_comes_to_what_its_world_did() -> None:
    world = World(draw_plan(3))
    world.run()
    tally = run_seed(3)
    assert tally.seeds == 1
    assert (tally.events, tally.crashes, tally.cuts) == (world.trace.events, world.crashes, world.cuts)
    assert tally.digest == int(world.trace.digest, 16)
    assert tally.looks == world.checks.looks
    assert tally.fired.total() == world.fired_kinds.total()
    assert not tally.failures


def test_the_order_does_not_matter() -> None:
    tallies = [run_seed(seed) for seed in SEEDS]
    assert added(tallies) == added(tallies[::-1])
    assert added(tallies).seeds == len(SEEDS)


@pytest.mark.process
def test_several_processors_come_to_the_same() -> None:
    assert added(list(run_seeds(SEEDS, 2))) == added([run_seed(seed) for seed in SEEDS])


def test_what_goes_wrong_is_counted_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(App, "consume", lambda self, killed=None: False)
    assert run_seed(3).failures == {3: "ledger-exact"}
    monkeypatch.setattr(App, "look", lambda self: 1 / 0)
    assert run_seed(3).failures == {3: "ZeroDivisionError"}


def test_what_never_fired_or_looked_is_named() -> None:
    total = Tally()
    assert unused(total) == [*(kind.value for kind in Kind), *SENTENCES]
    total.fired.update(kind.value for kind in Kind if kind is not Kind.CUT)
    total.looks.update(name for name in SENTENCES if name != "order-kept")
    assert unused(total) == ["cut", "order-kept"]


def test_the_seeds_that_failed_once_are_kept_with_what_they_found() -> None:
    assert 591 in failed_seeds()


def test_one_seed_is_replayed_with_its_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEED", "3")
    assert main() == 0
    printed = capsys.readouterr().out
    assert f"trace {run_digest(3)}" in printed
    assert printed.rstrip().endswith("all is well")


def run_digest(seed: int) -> str:
    world = World(draw_plan(seed))
    world.run()
    return world.trace.digest


def test_a_replay_may_keep_some_faults_and_messages_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEED", "3")
    monkeypatch.setenv("KEEP", "-")
    monkeypatch.setenv("SAY", "0,2")
    assert main() == 0
    printed = capsys.readouterr().out
    assert "FAULT" not in printed
    assert printed.count("  says ") == 2


def test_a_failing_replay_says_which_checker_objects(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(App, "consume", lambda self, killed=None: False)
    monkeypatch.setenv("SEED", "3")
    assert main() == 1
    assert "ledger-exact: " in capsys.readouterr().out


def test_a_double_fault_is_replayed_with_its_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FAULTS", "crash-in-commit:0:5:1.0,cut:2:5:0.0")
    assert exhaustive_main() == 0
    printed = capsys.readouterr().out
    assert printed.count("FAULT") == 2
    assert printed.rstrip().endswith("all is well")
