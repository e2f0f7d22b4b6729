"""The key of registration codes: one for each data directory, outside of the database."""

from pathlib import Path

import pytest

from onebar_mockserver.sqlite.code_key import FILE_NAME, KEY_BYTES, open_key
from onebar_mockserver.sqlite.database import DatabaseError


def test_a_directory_keeps_its_key_and_only_its_user_may_read_it(tmp_path: Path) -> None:
    key = open_key(tmp_path)
    assert len(key) == KEY_BYTES
    assert open_key(tmp_path) == key
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_each_directory_has_another_one(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    assert open_key(tmp_path) != open_key(tmp_path / "other")


def test_one_that_was_cut_short_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"half")
    key = open_key(tmp_path)
    assert len(key) == KEY_BYTES
    assert open_key(tmp_path) == key


def test_a_directory_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match=FILE_NAME):
        open_key(tmp_path / "nowhere")
