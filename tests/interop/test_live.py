"""A little of `make interop` wherever the Python implementations are installed; and what it says where they are not."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console

from tests.interop import __main__ as interop
from tests.interop.transcripts import Divergence, Transcript
from tests.interop.with_libsignal import MissingError, Oracle, install

SEED = 5


@pytest.mark.parametrize("name", ["doubleratchet", "vodozemac"])
@pytest.mark.parametrize("we_begin", [True, False])
def test_a_python_implementation_and_ours_understand_each_other(name: str, we_begin: bool) -> None:
    pytest.importorskip(name)
    (found,) = (it for it in interop.python_implementations([]) if it.name == name)
    tally = interop.talk(found, we_begin, 5, SEED)
    assert tally.failures == []
    assert tally.messages + tally.lost == 5 * interop.SENDS


def test_what_is_not_installed_is_named_and_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_found(module: str) -> None:
        raise ModuleNotFoundError(module, name=module.rpartition("_")[2])

    monkeypatch.setattr(interop, "import_module", not_found)
    missing: list[str] = []
    assert list(interop.implementations(None, missing)) == []
    assert missing == ["doubleratchet: doubleratchet is not installed", "vodozemac: vodozemac is not installed"]


def test_without_node_libsignal_is_named_as_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(MissingError, match=r"Node\.js and npm are not installed"):
        install(tmp_path)
    missing: list[str] = []
    with interop.libsignal(missing) as oracle:
        assert oracle is None
    assert missing == ["libsignal: Node.js and npm are not installed"]


@pytest.mark.parametrize(("broken", "code"), [(False, 0), (True, 1)])
def test_the_last_line_counts_messages_and_failures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, broken: bool, code: int
) -> None:
    pytest.importorskip("vodozemac")

    @contextmanager
    def no_libsignal(missing: list[str]) -> Iterator[Oracle | None]:
        missing.append("libsignal: not today")
        yield None

    def diverges(transcript: Transcript) -> int:
        raise Divergence("it came out otherwise")

    monkeypatch.setattr(interop, "libsignal", no_libsignal)
    monkeypatch.setattr(interop, "REPORT", tmp_path / "reports" / "interop.json")
    if broken:
        monkeypatch.setattr(interop, "replay", diverges)
    assert interop.run(SEED, 4, Console(width=120)) == code
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("interop: messages=")
    assert lines[-1].endswith(" failed=0") is not broken
    assert "Not run: libsignal: not today" in lines
    assert (tmp_path / "reports" / "interop.json").is_file()
