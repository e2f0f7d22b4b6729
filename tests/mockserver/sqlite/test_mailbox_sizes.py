"""How much mail waits, read beside the server."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from onebar_mockserver.sqlite.database import FILE_NAME, open_database
from onebar_mockserver.sqlite.mailbox_sizes import MailboxSizes, read_mailbox_sizes
from tests.mockserver.sqlite.test_invariants import SOUND


def test_sizes(tmp_path: Path) -> None:
    with closing(open_database(tmp_path / FILE_NAME)) as connection:
        assert read_mailbox_sizes(tmp_path) == MailboxSizes(0, 0, 0)
        connection.executescript(SOUND)
        connection.execute("UPDATE positions SET mailbox_bytes = 17 WHERE device = 11")
        assert read_mailbox_sizes(tmp_path) == MailboxSizes(2, 100, 83)


def test_no_database(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.Error):
        read_mailbox_sizes(tmp_path)
    assert list(tmp_path.iterdir()) == []
