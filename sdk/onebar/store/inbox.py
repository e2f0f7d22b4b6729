"""What came in: texts in their places, and envelopes that do not open (docs/protocol.md R8, R9, R11)."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from onebar.core.records import Arrival
from onebar.models import Standing
from onebar.store.database import Database
from onebar.store.places import SqlitePlaces
from onebar.store.receipts import SqliteReceipts

ASKS_MAX: Final = 3
"""How often an envelope that does not open is asked for again (R11); more would only drain batteries."""

QUARANTINE_ROWS_MAX: Final = 256
"""Most envelopes kept in quarantine (R25): at 16 KiB each, 4 MiB. The oldest are shown as unreadable beyond it."""

OPENED: Final = "opened"
"""Why an envelope is kept that opened: its sender was told otherwise, and an answer is to put that right."""


class SqliteInbox:
    """`core.ports.Inbox` on a database."""

    def __init__(self, database: Database, places: SqlitePlaces) -> None:
        self._database = database
        self._places = places
        receipts = SqliteReceipts(database)
        self.mark_read = receipts.mark_read
        self.unread_from = receipts.unread_from

    def _rows(self, sql: str, *values: object) -> list[tuple[int, ...]]:
        return self._database.connection.execute(sql, values).fetchall()

    def add(self, arrival: Arrival, now_ms: int) -> int | None:
        """Put a message in its place in history (R9); return its number, or None if it was there already (R8)."""
        account, device, chat_no = arrival.account, arrival.device, arrival.chat_no
        new = self._rows(
            "INSERT OR IGNORE INTO seen VALUES (?, ?, ?) RETURNING message_id", account, arrival.message_id, now_ms
        )
        own = self._is_own(account)
        chat_id = self._chat(arrival.chat, "accepted" if own else "requested", len(new))
        if not new:  # it is shown already, perhaps by another device of its author: nothing more comes at this place
            self._places.skip(arrival.chat, account, device, [chat_no])
            return None
        known = self._rows(
            "SELECT low, high FROM author WHERE chat_id = ? AND account = ? AND device = ?", chat_id, account, device
        )
        self._rows(
            "INSERT INTO author VALUES (?1, ?2, ?3, ?4, ?4)"
            " ON CONFLICT DO UPDATE SET low = min(low, excluded.low), high = max(high, excluded.high)",
            *(chat_id, account, device, chat_no),
        )
        low, high = known[0] if known else (chat_no, chat_no - 1)
        missing, place = chat_no - high - 1, 0
        author = 0 if own else account  # what history shows as ours
        if missing < 0:
            missing, place = self._fill(chat_id, author, (account, device, chat_no), low)
            self.unread_from(account, device, chat_no)
        elif missing > 0:
            missing -= self._places.between(chat_id, account, device, high, chat_no)
        return self._insert(
            chat_id, (author, device, chat_no, arrival.message_id), arrival.state, arrival.text, arrival.sent_at_ms,
            missing, place, arrival.content, arrival.out_no,
        )  # fmt: skip

    def _is_own(self, account: int) -> bool:
        return bool(self._rows("SELECT 1 FROM device WHERE account = ?", account))

    def standing(self, chat: int) -> Standing | None:
        """Return how the chat with an account stands; None where there is none yet."""
        rows = self._database.connection.execute(
            "SELECT standing FROM chat WHERE phone ="
            " COALESCE((SELECT phone FROM contact WHERE account = ?1), 'account ' || ?1)",
            (chat,),
        ).fetchall()
        return Standing(rows[0][0]) if rows else None

    def origin(self, message_no: int) -> tuple[int, int, int] | None:
        """Return (account, device, number) of the envelope that brought a message; None for our own."""
        rows = self._rows(
            "SELECT account, device, out_no FROM message WHERE message_no = ? AND account > 0 AND out_no > 0",
            message_no,
        )
        return (rows[0][0], rows[0][1], rows[0][2]) if rows else None

    def unsupported(self, limit: int, above: int = 0) -> list[tuple[int, bytes]]:
        """Return (message number, content) of messages above a number that no version so far could show."""
        sql = "SELECT message_no, content FROM message WHERE state = 'unsupported' AND message_no > ?"
        rows = self._database.connection.execute(f"{sql} ORDER BY message_no LIMIT ?", (above, limit)).fetchall()
        return [(message_no, content) for message_no, content in rows]

    def understood(self, message_no: int, text: str) -> None:
        """Show a message that this version can read, where it has been all the time."""
        self._rows(
            "UPDATE message SET state = iif(account = 0, 'sent', 'received'), text = ?, content = x''"
            " WHERE message_no = ? AND state = 'unsupported'",
            *(text, message_no),
        )

    def _chat(self, account: int, standing: str, more: int) -> int:
        """Return the chat with an account, which gets so many more messages.

        Whoever begins it, a request is accepted by what we say in it.
        """
        phone = self._database.connection.execute("SELECT phone FROM contact WHERE account = ?", (account,)).fetchone()
        return self._rows(
            "INSERT INTO chat (phone, standing, messages) VALUES (?1, ?2, ?3) ON CONFLICT (phone) DO UPDATE"
            " SET standing = iif(standing = 'requested', ?2, standing), messages = messages + ?3 RETURNING chat_id",
            *(phone[0] or f"account {account}", standing, more),  # its number may belong to somebody else by now
        )[0][0]

    def _fill(self, chat_id: int, shown: int, late: tuple[int, int, int], low: int) -> tuple[int, int]:
        """Find (missing before, place) of a late message: right before the next one of its author.

        What lies before `low`, the lowest number seen, was not counted as missing; from now on it is.
        """
        account, device, chat_no = late
        empty = partial(self._places.between, chat_id, account, device)
        reopened = self._places.came(chat_id, account, device, chat_no) and chat_no > low
        after = self._rows(
            "SELECT message_no, chat_no, missing_before, place FROM message WHERE chat_id = ? AND account = ?"
            " AND device = ? AND chat_no > ? ORDER BY chat_no LIMIT 1",
            *(chat_id, shown, device, chat_no),
        )
        if not after:
            return 0, 0
        message_no, next_no, missing, place = after[0]
        missing += max(0, low - chat_no - 1 - empty(chat_no, low)) + reopened
        between = next_no - chat_no - 1 - empty(chat_no, next_no)
        self._rows("UPDATE message SET missing_before = ? WHERE message_no = ?", min(between, missing), message_no)
        return max(0, missing - between - 1), place

    def _insert(self, chat_id: int, author: tuple[int, int, int, int], state: str, text: str, sent_at_ms: int,
                missing: int, place: int, content: bytes = b"", out_no: int | None = None) -> int:  # fmt: skip
        message_no = self._database.connection.execute(
            "INSERT INTO message (chat_id, account, device, chat_no, message_id, state, text, sent_at_ms,"
            " missing_before, place, content, out_no, unread) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (chat_id, *author, state, text, sent_at_ms, missing, place, content, out_no, author[0] != 0),
        ).lastrowid
        assert message_no is not None
        if not place:
            self._rows("UPDATE message SET place = message_no WHERE message_no = ?", message_no)
        return message_no

    def forget(self, before_ms: int) -> None:
        """Forget what came before this time; nothing can bring it again."""
        for table in ("seen", "opened"):
            self._rows(f"DELETE FROM {table} WHERE at_ms < ?", before_ms)
        self._rows("DELETE FROM quarantine WHERE at_ms < ? AND shown IS NOT NULL", before_ms)

    def is_opened(self, account: int, device: int, out_no: int) -> bool:
        """Return whether this envelope has opened before (R8)."""
        sql = "SELECT 1 FROM opened WHERE account = ? AND device = ? AND out_no = ?"
        return bool(self._rows(sql, account, device, out_no))

    def put_opened(self, account: int, device: int, out_no: int, seq: int, now_ms: int) -> None:
        """Note that an envelope opened; it is no unopened one then, if it was before."""
        self._rows("DELETE FROM unopened WHERE seq = ?", seq)
        self._rows("INSERT OR IGNORE INTO opened VALUES (?, ?, ?, ?)", account, device, out_no, now_ms)

    def quarantine(self, account: int, device: int, out_no: int, seq: int, ciphertext: bytes, reason: str,
                   now_ms: int, *, ask: bool, answer: bool) -> None:  # fmt: skip
        """Keep an envelope that does not open, to be asked for again if that can help (R11).

        An answer that does not open either counts as one more try of what it answers: else two broken devices would
        ask and answer for ever. One that was given up stays so.
        """
        tried = self._rows(
            "SELECT COALESCE(MAX(asked), 0) FROM quarantine WHERE account = ? AND device = ? AND asked_at_ms > 0",
            *(account, device),
        )[0][0]
        asked = ASKS_MAX if not ask else tried if answer else 0
        self._rows(
            "INSERT OR IGNORE INTO quarantine VALUES (?, ?, ?, ?, ?, ?, 0, ?, NULL)",
            *(account, device, out_no, ciphertext, reason, asked, now_ms),
        )
        self._rows("INSERT OR IGNORE INTO unopened VALUES (?)", seq)
        self._rows(
            "UPDATE quarantine SET asked = ?, asked_at_ms = 0 WHERE shown IS NULL AND rowid IN"
            " (SELECT rowid FROM quarantine WHERE shown IS NULL ORDER BY rowid DESC LIMIT -1 OFFSET ?)",
            *(ASKS_MAX, QUARANTINE_ROWS_MAX),
        )

    def release(self, account: int, device: int, out_no: int) -> bool:
        """Forget an envelope in quarantine whose message came after all, and what was shown in its place.

        Return whether it was there.
        """
        gone = self._rows(
            "DELETE FROM quarantine WHERE account = ? AND device = ? AND out_no = ? RETURNING shown",
            *(account, device, out_no),
        )
        for (shown,) in gone:
            chats = self._rows("DELETE FROM message WHERE message_no = ? RETURNING chat_id", shown)
            for (chat_id,) in chats:
                self._rows("UPDATE chat SET messages = messages - 1 WHERE chat_id = ?", chat_id)
        return bool(gone)

    def want_tick(self, account: int, device: int, out_no: int, now_ms: int) -> None:
        """Keep the number of an envelope that opened, to be asked for until an answer earns its tick (R12)."""
        self._rows(
            "INSERT OR IGNORE INTO quarantine VALUES (?, ?, ?, x'', ?, 0, 0, ?, NULL)",
            *(account, device, out_no, OPENED, now_ms),
        )

    def due_again(self, before_ms: int, now_ms: int, limit: int) -> list[tuple[int, int, int, int]]:
        """Return (account, device, out_no, times asked) to ask for: last asked before this time, or in the future."""
        rows = self._rows(
            "SELECT account, device, out_no, asked FROM quarantine WHERE asked < ? AND NOT asked_at_ms BETWEEN ? AND ?"
            " ORDER BY rowid LIMIT ?",
            *(ASKS_MAX, before_ms, now_ms, limit),
        )
        return [(row[0], row[1], row[2], row[3]) for row in rows]

    def asked(self, account: int, device: int, out_nos: Sequence[int], now_ms: int) -> None:
        """Note that they were asked for."""
        for out_no in out_nos:
            self._rows(
                "UPDATE quarantine SET asked = asked + 1, asked_at_ms = ?"
                " WHERE account = ? AND device = ? AND out_no = ?",
                *(now_ms, account, device, out_no),
            )

    def give_up(self, before_ms: int, now_ms: int) -> list[int]:
        """Show those asked for often enough as unreadable; return the messages' numbers (0: sender unknown)."""
        over = "shown IS NULL AND asked >= ? AND NOT asked_at_ms BETWEEN ? AND ?"
        limits = (ASKS_MAX, before_ms, now_ms)
        self._rows(f"DELETE FROM quarantine WHERE reason = ? AND {over}", OPENED, *limits)  # its message is there
        rows = self._rows(f"SELECT account, device, out_no FROM quarantine WHERE {over} ORDER BY rowid", *limits)
        shown = [self._show(account, device) for account, device, _ in rows]
        for row, message_no in zip(rows, shown, strict=True):
            self._rows(
                "UPDATE quarantine SET shown = ?, ciphertext = x'' WHERE account = ? AND device = ? AND out_no = ?",
                *(message_no, *row),
            )
        return shown

    def _show(self, account: int, device: int) -> int:
        known = self._rows("SELECT 1 FROM contact WHERE account = ? AND phone IS NOT NULL", account)
        if not known or self._is_own(account):  # a copy does not say, before it opens, which chat it is of
            return 0
        return self._insert(self._chat(account, "requested", 1), (account, device, 0, 0), "unreadable", "", 0, 0, 0)

    def quarantined(self) -> bool:
        """Return whether any envelope in quarantine is not given up."""
        return bool(self._rows("SELECT 1 FROM quarantine WHERE shown IS NULL LIMIT 1"))

    def unopened(self, above: int) -> tuple[int, ...]:
        """Return the places of those that the server may not know to be unopened."""
        return tuple(row[0] for row in self._rows("SELECT seq FROM unopened WHERE seq > ? ORDER BY seq", above))

    def told_unopened(self, upto: int) -> None:
        """Note that the server knows those up to this place."""
        self._rows("DELETE FROM unopened WHERE seq <= ?", upto)
