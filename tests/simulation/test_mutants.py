"""The mutation suite itself: every defect can be planted, and planting changes what a module does."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.simulation.mutant_table import BY_NAME, MUTANTS, Mutant
from tests.simulation.mutants import ROOT, Verdict, examine, remarks
from tests.simulation.planting import PlantError, changed, plant

PAUSE = """
from tests.simulation.mutant_table import BY_NAME
from tests.simulation.planting import plant
plant(BY_NAME["backoff-gives-up"])
from onebar.core.backoff import pause_s
print(pause_s(8, 0.5, 30.0, bytes), pause_s(9, 0.5, 30.0, bytes))
"""


def source_of(module: str) -> str:
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).read_text("utf-8")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_fits_its_module(mutant: Mutant) -> None:
    assert mutant.new != mutant.old
    compile(changed(mutant, source_of(mutant.module)), mutant.module, "exec")


def test_names_and_stories_are_different() -> None:
    assert len(BY_NAME) == len({mutant.story for mutant in MUTANTS}) == len(MUTANTS)


def test_there_are_enough_mutants_of_both_sides() -> None:
    assert len(MUTANTS) >= 20
    assert {mutant.module.split(".")[0] for mutant in MUTANTS} == {"onebar", "onebar_mockserver"}


@pytest.mark.parametrize("source", ["nothing of the kind", "old and old again"])
def test_a_text_that_does_not_occur_once_is_an_error_that_names_the_mutant(source: str) -> None:
    with pytest.raises(PlantError, match=r"mutant some-name: its old text occurs [02] times"):
        changed(Mutant("some-name", "some.module", "old", "new", "a story"), source)


def test_a_module_that_was_imported_before_is_not_changed_behind_its_users_backs() -> None:
    with pytest.raises(PlantError, match=r"onebar\.errors was imported before"):
        plant(Mutant("some-name", "onebar.errors", "old", "new", "a story"))


@pytest.mark.process
def test_planting_changes_what_a_module_does() -> None:
    done = subprocess.run([sys.executable, "-c", PAUSE], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "0.0 inf\n"


@pytest.mark.process
def test_a_mutant_is_subtle_and_caught() -> None:
    told: list[int] = []
    verdict = examine(BY_NAME["cursor-off-by-one"], told.append, known=True)
    assert verdict.calm == ""
    assert verdict.caught
    assert verdict.checker == "ticks-are-true"
    assert told[-1] == verdict.tried


@pytest.mark.process
def test_without_a_mutant_the_calm_conversation_passes() -> None:
    command = [sys.executable, "-m", "tests.simulation.planting", "clean"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {"calm": ""}


@pytest.mark.process
def test_a_mutant_that_cannot_run_is_a_loud_error() -> None:
    with pytest.raises(RuntimeError, match="no-such-mutant"):
        examine(Mutant("no-such-mutant", "onebar", "old", "new", "a story"), lambda tried: None, known=False)


def test_survivors_seeds_that_moved_and_defects_of_the_product_are_named() -> None:
    some, other, third = MUTANTS[:3]
    verdicts = [
        Verdict(some, calm="goes-quiet", checker="goes-quiet", seed=some.known),
        Verdict(other, tried=2000),
        Verdict(third, checker="goes-quiet", seed=1999),
    ]
    assert [verdict.caught for verdict in verdicts] == [False, False, True]
    said = list(remarks(verdicts, {7: "nothing-lost"}, known=True))
    assert said[0] == f"{some.name}: not subtle: goes-quiet objects to the calm conversation"
    assert said[1] == f"{other.name}: survived 2,000 seeds"
    assert f"seed {third.known} does not show it any more, seed 1999 does" in said[2]
    assert said[3] == "the product itself fails at seed 7: nothing-lost; see make sim SEED=7"
    assert len(said) == 4
