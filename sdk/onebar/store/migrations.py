"""From each older schema to the next one: every version that was ever released stays readable."""

import os
import sqlite3
from collections.abc import Callable
from typing import Final

from onebar.crypto.keys import SEED_BYTES
from onebar.crypto.wrapping import KeyVault
from onebar.store.device_secrets import SECRETS, wrapped

Migration = Callable[[sqlite3.Connection, KeyVault], None]


def statements(name: str) -> list[str]:
    """Return the statements of a script of this package; `executescript` would commit on its own."""
    from importlib import resources  # 5 ms that only a new or an old database needs

    script = resources.files("onebar.store").joinpath(name).read_text("utf-8")
    found, lines = [], ""
    for line in script.splitlines(keepends=True):
        lines += line
        if sqlite3.complete_statement(lines):
            found.append(lines)
            lines = ""
    return found


def _to_2(connection: sqlite3.Connection, vault: KeyVault) -> None:
    """Add what end-to-end encryption keeps, and wrap the secrets that were plain."""
    for statement in statements("upgrade_to_2.sql"):
        connection.execute(statement)
    columns = ", ".join(SECRETS)
    row = connection.execute(f"SELECT {columns} FROM device").fetchone()
    if row is None:
        return
    secrets = dict(zip(SECRETS, row, strict=True))
    # A device of schema 1 is its account's only one, so nobody else has an account key. The store draws it, though
    # the core rolls the dice elsewhere: a device that is loaded has one, and no older database is a special case there.
    secrets["account_seed"] = os.urandom(SEED_BYTES)
    values = [wrapped(vault, name, secret) for name, secret in secrets.items()]
    connection.execute(f"UPDATE device SET ({columns}) = (?, ?, ?, ?, ?)", values)


def _to_3(connection: sqlite3.Connection, vault: KeyVault) -> None:  # noqa: ARG001 - like all migrations
    """Add what lists of chats show."""
    for statement in statements("upgrade_to_3.sql"):
        connection.execute(statement)


def _to_4(connection: sqlite3.Connection, vault: KeyVault) -> None:  # noqa: ARG001 - like all migrations
    """Add where nothing comes, what each device can show, and what protects our number."""
    for statement in statements("upgrade_to_4.sql"):
        connection.execute(statement)


MIGRATIONS: Final[dict[int, Migration]] = {1: _to_2, 2: _to_3, 3: _to_4}
"""The step from each version."""
