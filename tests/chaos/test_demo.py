import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.chaos import demo
from tests.chaos.harness import BACKEND, PHONES, ChaosError

Finish = Callable[..., tuple[int, str]]


@pytest.fixture
def finish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Finish:
    """Return a function that finishes a run with these figures, and returns its exit code and last line."""
    monkeypatch.setattr(demo, "REPORT", tmp_path / "reports" / "demo.json")

    def finished(**changes: Any) -> tuple[int, str]:
        known = {
            "sent": 100,
            "delivered": 100,
            "lost": 0,
            "duplicated": 0,
            "reordered": 0,
            "kills": 18,
            "cuts": 9,
            "kills_by_process": dict.fromkeys((*PHONES, BACKEND), 6),
            "kills_in_flight": 9,
            "cuts_by_kind": {"reset": 9},
            "delivered_after_s_median": 0.1,
            "delivered_after_s_p95": 1.0,
            "seed": 1,
            "took_s": 50.0,
            "problems": [],
            **changes,
        }
        code = demo.finish(known, Console(file=io.StringIO()))
        assert json.loads(demo.REPORT.read_text(encoding="utf-8")) == known
        return code, capsys.readouterr().out.splitlines()[-1]

    return finished


def test_a_good_run_is_code_0(finish: Finish) -> None:
    line = "demo: sent=100 delivered=100 lost=0 duplicated=0 reordered=0 kills=18 cuts=9"
    assert finish() == (0, line)


@pytest.mark.parametrize(
    "wrong",
    [{"lost": 1}, {"duplicated": 1}, {"reordered": 1}, {"delivered": 99}, {"problems": ["something"]}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_wrong_figure_is_code_1(finish: Finish, wrong: dict[str, Any]) -> None:
    assert finish(**wrong)[0] == 1


def test_too_few_kills_of_one_process_are_code_2(finish: Finish) -> None:
    assert finish(kills_by_process={"alice": 6, "bob": 5, "backend": 7})[0] == 2
    assert finish(kills_by_process={"alice": 9, "backend": 9})[0] == 2


def test_too_few_kills_with_work_in_flight_are_code_2(finish: Finish) -> None:
    assert finish(kills_in_flight=8)[0] == 2


def test_a_wrong_figure_outweighs_too_few_kills(finish: Finish) -> None:
    assert finish(kills_in_flight=0, lost=1)[0] == 1


def test_the_lines_are_those_of_the_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEMO_TEXT", raising=False)
    found = demo.lines()
    assert "# Onebar" in found
    assert "# The Onebar protocol" in found
    assert all(line.strip() and len(line.encode()) <= demo.TEXT_BYTES_MAX for line in found)


def test_the_lines_are_those_of_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    monkeypatch.setenv("DEMO_TEXT", str(text))
    text.write_text("one\n\n  two\n \none\n", encoding="utf-8")
    found = demo.lines()
    assert found[:3] == ["one", "  two", "one"]
    assert len(found) >= demo.LINES_MIN
    assert found == found[:3] * (len(found) // 3)
    text.write_text("\u2028x\n" * (2 * demo.LINES_MAX), encoding="utf-8")
    assert demo.lines() == ["\u2028x"] * demo.LINES_MAX
    text.write_text("\n", encoding="utf-8")
    with pytest.raises(ChaosError):
        demo.lines()


@pytest.mark.parametrize("line", ["x", "x" * 4096, "x" * 10_000, "ü" * 5000, "x" + "👩" * 3000])
def test_pieces_are_short_enough_and_make_the_line(line: str) -> None:
    found = list(demo.pieces(line))
    assert "".join(found) == line
    assert all(0 < len(piece.encode()) <= demo.TEXT_BYTES_MAX for piece in found)
