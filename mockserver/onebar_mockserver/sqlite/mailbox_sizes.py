"""How much mail waits, for the metrics: read beside the writer, on a connection of its own."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from onebar_mockserver.sqlite.database import FILE_NAME


class MailboxSizes(NamedTuple):
    """Sums over all devices."""

    mailboxes: int = 0
    """How many hold mail."""
    bytes: int = 0
    """What they hold together."""
    largest_bytes: int = 0
    """What the fullest one holds."""


def read_mailbox_sizes(data: Path) -> MailboxSizes:
    """Look through every device's row; about 100 ms for a million of them.

    Raises:
        sqlite3.Error: The database cannot be read now.
    """
    with closing(sqlite3.connect(f"{(data / FILE_NAME).absolute().as_uri()}?mode=ro", uri=True)) as connection:
        row = connection.execute(
            "SELECT count(*) FILTER (WHERE mailbox_bytes > 0), coalesce(sum(mailbox_bytes), 0),"
            " coalesce(max(mailbox_bytes), 0) FROM positions"
        ).fetchone()
    return MailboxSizes(*row)
