"""The events of a device, as rows that every consumer gets at least once (docs/protocol.md R13)."""

from typing import Final

from onebar.events import (
    CHAT_EVENTS,
    MESSAGE_EVENTS,
    AttachmentFailed,
    DeviceRemoved,
    DeviceReplaced,
    Event,
    MessageFailed,
    MessageReceived,
    RateLimited,
    Resync,
)
from onebar.store.database import Database

EVENT_ROWS_MAX: Final = 100_000
"""Most events kept for consumers that do not ask (R13): about 5 MB, a year of a busy phone. Beyond it: Resync."""

_TRIM_ROWS: Final = 1_000  # rows dropped at a time, so that the bound costs nothing per event

_SELECT: Final = """
    SELECT e.event_no, e.kind, e.message_no, e.detail, c.phone, m.text, k.confirmed FROM event e
    LEFT JOIN consumer k ON k.name = ?1
    LEFT JOIN message m USING (message_no) LEFT JOIN chat c USING (chat_id)
    WHERE e.event_no > max(?2, COALESCE((SELECT confirmed FROM consumer WHERE name = ?1), 0))
    ORDER BY e.event_no LIMIT ?3"""


class SqliteEvents:
    """`core.ports.Events` on a database, and the consumers' side of it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, kind: str, message_no: int | None = None, detail: str = "") -> None:
        """Append an event."""
        execute = self._database.connection.execute
        event_no = execute(
            "INSERT INTO event (kind, message_no, detail) VALUES (?, ?, ?)", (kind, message_no, detail)
        ).lastrowid
        assert event_no is not None
        if event_no % _TRIM_ROWS == 0:
            execute("DELETE FROM event WHERE event_no <= ?", (event_no - EVENT_ROWS_MAX,))

    def next(self, consumer: str, limit: int, after: int = 0) -> list[Event]:
        """Return the events after the last one that this consumer confirmed; a new consumer begins with the oldest.

        Those up to `after` are left out, too: the consumer has them and has not confirmed them yet.
        """
        rows = self._database.connection.execute(_SELECT, (consumer, after, limit)).fetchall()
        first, confirmed = (rows[0][0], rows[0][-1]) if rows else (0, None)
        gap = confirmed is not None and first > max(confirmed, after) + 1
        return [Resync(first - 1)] if gap else [_event(*found[:-1]) for found in rows]

    def confirm(self, consumer: str, event_no: int) -> None:
        """Note, in a transaction of its own, that this consumer is done up to this event."""
        execute = self._database.connection.execute
        with self._database.transaction():
            execute(
                "INSERT INTO consumer VALUES (?1, max(?2, COALESCE((SELECT min(event_no) - 1 FROM event), 0)))"
                " ON CONFLICT DO UPDATE SET confirmed = max(confirmed, ?2)",
                (consumer, event_no),
            )
            execute("DELETE FROM event WHERE event_no <= (SELECT min(confirmed) FROM consumer)")


def _event(event_no: int, kind: str, message_no: int | None, detail: str, phone: str | None, text: str | None) -> Event:
    if kind == DeviceRemoved.__name__:
        return DeviceRemoved(event_no, detail)
    if kind == DeviceReplaced.__name__:
        return DeviceReplaced(event_no)
    if kind == RateLimited.__name__:
        limit, _, until_ms = detail.rpartition(" ")
        return RateLimited(event_no, limit, int(until_ms))
    if kind in CHAT_EVENTS:
        return CHAT_EVENTS[kind](event_no, detail)
    about = (event_no, message_no or 0, phone or "")
    if kind == MessageReceived.__name__:
        return MessageReceived(*about, text or "")
    if kind == AttachmentFailed.__name__:
        return AttachmentFailed(*about, detail)
    if kind == MessageFailed.__name__:
        state, _, reason = detail.partition(" ")
        return MessageFailed(*about, state, reason)
    return MESSAGE_EVENTS[kind](*about)
