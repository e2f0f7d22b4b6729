"""Files of other apps are copied, up to a limit."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from onebar_app.phone import sharing
from onebar_app.phone.sharing import copy, shared


def test_a_file_is_copied_up_to_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "given").write_bytes(b"x" * 1000)
    copy(tmp_path / "given", tmp_path / "taken")
    assert (tmp_path / "taken").read_bytes() == b"x" * 1000
    monkeypatch.setattr(sharing, "SHARED_BYTES_MAX", 999)
    with pytest.raises(OSError, match="999"):
        copy(tmp_path / "given", tmp_path / "taken")


def test_an_intent_without_a_file_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    intent = SimpleNamespace(getAction=lambda: "android.intent.action.MAIN")
    monkeypatch.setattr(sharing, "activity", lambda: SimpleNamespace(getIntent=lambda: intent))
    assert shared(tmp_path) is None
    intent = SimpleNamespace(getAction=lambda: "android.intent.action.SEND", getParcelableExtra=lambda _: None)
    monkeypatch.setattr(sharing, "activity", lambda: SimpleNamespace(getIntent=lambda: intent))
    assert shared(tmp_path) is None
