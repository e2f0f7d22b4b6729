"""The page about the simulator: its tables are the code's, and its examples work."""

import random
import re
from pathlib import Path

import pytest

from onebar_loadtest import workloads
from tests.databases import databases_are_closed
from tests.simulation.checkers import SENTENCES as CHECKERS
from tests.simulation.exhaustive import main, read_fault
from tests.simulation.faults import SENTENCES as FAULTS
from tests.simulation.world import PEACE, Plan, World

__all__ = ["databases_are_closed"]

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "simulation.md").read_text("utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = sorted(set(re.findall(r"make (sim[-a-z]*)", PAGE)))


def rows(heading: str) -> list[tuple[str, str]]:
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `([^`]+)` \| (.+) \|$", section, re.MULTILINE)


def test_the_table_of_faults_is_the_codes() -> None:
    assert rows("What can happen") == [(kind.value, sentence) for kind, sentence in FAULTS.items()]


def test_the_table_of_checkers_is_the_codes() -> None:
    assert rows("What must hold") == list(CHECKERS.items())


def test_the_example_of_a_workload_can_be_played() -> None:
    (example,) = [code for code in EXAMPLES if "Script" in code]
    names = dict(vars(workloads))
    exec(compile(example, "docs/simulation.md", "exec"), names)
    script = names["ping_pong"](random.Random(1), 2, 10, 5.0)
    assert [step.author for step in script] == [0, 1] * 5
    world = World(Plan(1, 2, 8, PEACE, script, 5.0, ()))
    world.run()
    assert len(world.opened[0]) == len(world.opened[1]) == 5


@pytest.mark.parametrize(("word", "module"), [("_hint", "havoc.py"), ("dials-bounded", "verdict.py")])
def test_the_other_examples_are_the_codes_own(word: str, module: str) -> None:
    (example,) = [code for code in EXAMPLES if word in code]
    lines = [line.strip() for line in (ROOT / "tests" / "simulation" / module).read_text("utf-8").splitlines()]
    wanted = [line.strip() for line in example.splitlines()]
    assert any(lines[place : place + len(wanted)] == wanted for place in range(len(lines)))


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_are_there(command: str) -> None:
    assert f"\n{command}: " in (ROOT / "Makefile").read_text("utf-8")


def test_the_example_of_a_replay_works(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (faults,) = re.findall(r"make sim-exhaustive FAULTS=(\S+)`", PAGE)
    assert all(read_fault(text) for text in faults.split(","))
    monkeypatch.setenv("FAULTS", faults)
    assert main() == 0
    assert capsys.readouterr().out.count("FAULT") == 2


def test_every_file_and_name_on_the_page_is_there() -> None:
    code = "".join(path.read_text("utf-8") for path in (ROOT / "tests" / "simulation").glob("*.py"))
    code += (ROOT / "loadtest" / "onebar_loadtest" / "workloads.py").read_text("utf-8")
    for name in re.findall(r"`(?:[A-Z]\w+\.)?([_A-Za-z]\w+)`", PAGE):
        assert re.search(rf"\b{name}\b", code) or (ROOT / name).is_dir(), name
    for name in re.findall(r"`(\w+\.py)`", PAGE):
        assert list(ROOT.glob(f"tests/**/{name}")), name
