"""What is argued: still a mutant, with a reason, and the same on the page; a survivor without a reason is a failure."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from tests.mutation import __main__ as program
from tests.mutation.argued import ARGUED
from tests.mutation.planting import ROOT, Mutant, Run, mutants_of

PAGE = ROOT / "docs" / "crypto-mutants.md"


def listed() -> str:
    """The tables of the page, a module each."""
    tables = []
    for module in program.TESTS:
        own = [(name.replace("|", r"\|").partition("."), why) for name, why in ARGUED.items()]
        rows = [f"| `{change}` | {why} |" for (of, _, change), why in own if of == module]
        if rows:
            tables.append("\n".join([f"### {module}", "", "| mutant | why it survives |", "|---|---|", *rows]))
    return "\n\n".join(tables) + "\n"


def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, survivor: str | None) -> int:
    """The exit code when of the mutants of `suites` this one survives, and all else is as argued."""
    monkeypatch.setattr(program, "REPORT", tmp_path / "report.json")
    mutants = mutants_of("suites")
    runs = [Run(mutant, mutant.name == survivor or mutant.name in ARGUED, False, 1.0) for mutant in mutants]
    return program.tell(Console(quiet=True), ["suites"], mutants, runs, 1.0)


def test_what_is_argued_is_still_a_mutant_and_has_a_reason() -> None:
    every = [mutant.name for module in program.TESTS for mutant in mutants_of(module)]
    assert [name for name in every if name in ARGUED] == list(ARGUED), "a name is gone, or out of order"
    assert all(len(reason) > 20 and reason.endswith(".") for reason in ARGUED.values())


def test_the_page_lists_what_is_argued() -> None:
    assert PAGE.read_text(encoding="utf-8").endswith(listed()), f"the page must end with:\n{listed()}"


def test_a_survivor_that_is_not_argued_fails_the_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mutant = next(mutant for mutant in mutants_of("suites") if mutant.name not in ARGUED)
    assert told(monkeypatch, tmp_path, None) == 0
    assert told(monkeypatch, tmp_path, mutant.name) == 1
    survivors = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["survivors"]
    assert {"name": mutant.name, "line": mutant.line, "argued": ""} in survivors


def test_what_is_argued_and_killed_fails_the_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stale = {"suites.gone: 0 → 1": "It was a mutant once."}
    monkeypatch.setattr(program, "ARGUED", ARGUED | stale)
    assert told(monkeypatch, tmp_path, None) == 1
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["stale"] == list(stale)


def test_too_few_that_are_killed_fail_the_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(program, "REPORT", tmp_path / "report.json")
    mutants = [Mutant("suites", number, f"suites.f: {number}", 1) for number in range(20)]
    monkeypatch.setattr(program, "ARGUED", {mutant.name: "It cannot be noticed." for mutant in mutants[:3]})
    runs = [Run(mutant, mutant in mutants[:3], False, 1.0) for mutant in mutants]
    assert program.tell(Console(quiet=True), ["suites"], mutants, runs, 1.0) == 1
