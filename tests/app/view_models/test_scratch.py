"""Plain files have a folder of their own, which nobody else may enter, and leave nothing behind."""

from pathlib import Path

from onebar_app.view_models.scratch import Scratch


def test_files_have_other_names_and_go(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "plain")
    one, other = scratch.path(".wav"), scratch.path(".wav")
    assert one != other
    assert one.suffix == ".wav"
    assert one.parent.stat().st_mode & 0o077 == 0
    one.write_bytes(b"a voice")
    scratch.empty()
    scratch.empty()
    assert list(tmp_path.iterdir()) == []
