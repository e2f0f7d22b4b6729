"""Each rule of a sound database holds after a conversation, and is seen to be broken."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from onebar_mockserver.sqlite.database import open_database
from onebar_mockserver.sqlite.invariants import RULES, broken

SOUND = """
    INSERT INTO accounts (account, phone) VALUES (1, '+1'), (2, '+2');
    INSERT INTO devices (device, account, identity_key, box_key, key_signature)
        VALUES (11, 1, x'', x'', x''), (22, 2, x'', x'', x'');
    INSERT INTO positions (device, mark, floor, notes_bytes) VALUES (11, 3, 1, 6);
    INSERT INTO positions (device, head, acked, sent, mailbox_bytes) VALUES (22, 3, 1, 3, 83);
    INSERT INTO notes VALUES (11, 3, x'9403a1789090');
    INSERT INTO entries VALUES (22, 2, 1, 1, 11, 1, 0, 0, x'01'), (22, 3, 1, 1, 11, 2, 0, 0, x'0203');
    INSERT INTO prekeys VALUES (22, 1, 8, x'');
    INSERT INTO handed_out VALUES (22, 1, 7);
    INSERT INTO push_tokens VALUES (11, 'fcm', 'token', 0);
"""

BROKEN = {
    "a device has no place": "DELETE FROM positions WHERE device = 11",
    "a device's cursor, or what was sent to it, is beyond its mailbox's head": (
        "UPDATE positions SET sent = 4 WHERE device = 22"
    ),
    "a device's floor is above its mark": "UPDATE positions SET floor = 4 WHERE device = 11",
    "an epoch or a connection number is none": "UPDATE positions SET epoch = 0 WHERE device = 11",
    "mail waits for a device without a place": "UPDATE entries SET device = 33",
    "mail waits that was acknowledged, or that is beyond the mailbox's head": "UPDATE positions SET acked = 2",
    "mail waits that is above its sender's mark": "UPDATE positions SET mark = 1 WHERE device = 11",
    "an envelope waits twice in a mailbox": "UPDATE entries SET out_no = 1",
    "a mailbox's size is not that of its mail": "DELETE FROM entries WHERE seq = 3",
    "a note is settled already, or above the mark": "UPDATE positions SET floor = 3 WHERE device = 11",
    "the notes' size is not that of the notes": "DELETE FROM notes",
    "a prekey waits that was handed out, or whose device is gone": "UPDATE handed_out SET upto = 8",
    "a push token is kept of a device that is out of use": "UPDATE devices SET removed = 1 WHERE device = 11",
    "a note is not the one of its number": "UPDATE notes SET note = x'9402a1789090'",
    "row 11 of devices points to no row of accounts": "DELETE FROM accounts WHERE account = 1",
}


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_database(tmp_path / "onebar.sqlite3")) as opened:
        opened.execute("PRAGMA foreign_keys = OFF")
        opened.executescript(SOUND)
        yield opened


def test_a_sound_database(connection: sqlite3.Connection) -> None:
    assert list(broken(connection)) == []


@pytest.mark.parametrize(("rule", "statement"), BROKEN.items(), ids=list(BROKEN))
def test_a_broken_rule_is_seen(connection: sqlite3.Connection, rule: str, statement: str) -> None:
    connection.execute(statement)
    said = list(broken(connection))
    assert any(line.startswith(rule) for line in said), said


def test_every_rule_is_broken_once() -> None:
    assert set(RULES) <= set(BROKEN)


def test_rows_are_named_but_not_all(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE positions SET floor = 4, mark = 3")
    assert "a device's floor is above its mark: 11, 22" in list(broken(connection))
