"""Opens what a power cut left with the real engine, and holds it against what the server had promised by then."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from onebar_mockserver.sqlite import DatabaseError
from onebar_mockserver.sqlite.database import FILE_NAME, open_database
from onebar_mockserver.sqlite.invariants import broken
from tests.power_cut.claims import Claims
from tests.power_cut.disk import Image

Places = dict[int, dict[str, int]]


def recover(image: Image, folder: Path, claims: Claims) -> list[str]:
    """Return what is lost or wrong, in words; the folder is empty before and after."""
    for name, data in image.items():
        (folder / name).write_bytes(data)
    try:
        with closing(open_database(folder / FILE_NAME)) as connection:
            return [*broken(connection), *lost(connection, claims)]
    except (DatabaseError, sqlite3.Error) as error:
        return [f"it cannot be opened: {error}"]
    finally:
        for path in folder.iterdir():
            path.unlink()


def lost(connection: sqlite3.Connection, claims: Claims) -> Iterator[str]:
    """Yield each promise that the database does not keep."""
    places = _places(connection)
    waiting = _waiting(connection)
    yield from _behind(places, claims)
    for sender, place in places.items():
        for out_no in range(1, place["mark"] + 1):
            recipient, seq = claims.delivered.get((sender, out_no), (0, 0))
            if (sender, out_no) not in waiting and (not seq or places[recipient]["acked"] < seq):
                yield f"message {out_no} of device {sender} is in no mailbox, and nobody acknowledged it"
    for sender, numbers in claims.ticked.items():
        for out_no in sorted(numbers):
            if (sender, out_no) in waiting:
                yield f"device {sender} was told that {out_no} was delivered, and it waits"


def _behind(places: Places, claims: Claims) -> Iterator[str]:
    for promised, column in ((claims.connection_no, "connection_no"), (claims.accepted, "mark"), (claims.sent, "sent")):
        for device, value in promised.items():
            if places.get(device, {}).get(column, 0) < value:
                yield f"device {device} was told {column} {value}, and that is not in the database"


def _places(connection: sqlite3.Connection) -> Places:
    return {
        device: dict(zip(("connection_no", "mark", "acked", "sent"), place, strict=True))
        for device, *place in connection.execute("SELECT device, connection_no, mark, acked, sent FROM positions")
    }


def _waiting(connection: sqlite3.Connection) -> set[tuple[int, int]]:
    """Return sender and number of every envelope in a mailbox."""
    return set(connection.execute("SELECT peer_device, out_no FROM entries WHERE kind = 1"))
