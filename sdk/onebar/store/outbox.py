"""What this device has to say: drafts, sealed envelopes, their verdicts and ticks (docs/protocol.md R1–R6)."""

from collections.abc import Sequence
from typing import Final

from onebar.core.files import File
from onebar.core.frames import VOID_HASH
from onebar.core.records import Draft, Envelope, TopUp
from onebar.errors import InputError
from onebar.events import MessageQueued
from onebar.models import TransferState
from onebar.store.attachments import SqliteAttachments
from onebar.store.database import Database
from onebar.store.device import OWN_ACCOUNT
from onebar.store.events import SqliteEvents
from onebar.store.places import SqlitePlaces
from onebar.store.receipts import SqliteReceipts

ENVELOPES_KEPT_MS: Final = 60 * 24 * 3600 * 1000
"""How much longer than drafts their envelopes are kept: sealed on the last day they spend 30 days in a mailbox, and
the tick or the notice that follows finds a phone that may be off for as long again."""

_DRAFT: Final = """
    m.message_no, m.chat_no, c.phone, COALESCE(k.account, 0), m.message_id, m.sent_at_ms, m.text,
    m.audience, a.message_no IS NOT NULL,
    m.state = 'rejected' OR m.out_no IS NULL AND m.state IN ('expired', 'undeliverable')
    FROM message m JOIN chat c USING (chat_id) LEFT JOIN contact k ON k.phone = c.phone
    LEFT JOIN attachment a USING (message_no)"""
_OURS: Final = "account = 0 AND device = 0"  # a copy of what another device of ours sent is not this outbox's
_DUE: Final = f"SELECT 1 FROM top_up t WHERE t.message_no = message.message_no AND t.account IS NOT {OWN_ACCOUNT}"
_SEALED: Final = """
    SELECT 1 FROM envelope e JOIN envelope_device d USING (out_no)
    WHERE e.message_no = message.message_no AND NOT d.own"""
_HOPELESS: Final = f"message_no = ? AND out_no IS NOT NULL AND NOT EXISTS ({_DUE}) AND NOT EXISTS ({_SEALED})"
_WHOSE: Final = f"iif(d.own, {OWN_ACCOUNT}, e.account)"  # the account of an envelope's device
_NONE, _ACCEPTED, _REJECTED = 0, 1, 2


class SqliteOutbox:
    """`core.ports.Outbox` on a database."""

    def __init__(self, database: Database, attachments: SqliteAttachments, places: SqlitePlaces) -> None:
        self._database = database
        self._attachments = attachments
        self._places = places
        self._events = SqliteEvents(database)
        receipts = SqliteReceipts(database)
        self.add_receipt = receipts.add
        self.receipts = receipts.due
        self.forget_receipts = receipts.forget
        self.drop_receipts = receipts.drop
        self.read = receipts.read
        self.read_before = receipts.read_before

    def _rows(self, sql: str, *values: object) -> list[tuple[int, ...]]:
        return self._database.connection.execute(sql, values).fetchall()

    def _one(self, sql: str, *values: object) -> int | None:
        row = self._database.connection.execute(sql, values).fetchone()
        return None if row is None else row[0]

    def add(self, phone: str, text: str, key: str | None, message_id: int, sent_at_ms: int,
            born_ms: int | None = None, file: tuple[File, bool] | None = None) -> int:  # fmt: skip
        """Add a draft at the end of its chat; return the message's number, the old one for a known key.

        Raises:
            InputError: The chat is blocked.
        """
        known = None if key is None else self.number_for(key)
        if known is not None:
            return known
        chat = self._rows(
            "INSERT INTO chat (phone, chat_no, messages) VALUES (?, 1, 1) ON CONFLICT (phone) DO UPDATE"
            " SET chat_no = chat_no + 1, messages = messages + 1, standing = 'accepted'"
            " WHERE standing <> 'blocked' RETURNING chat_id, chat_no",
            phone,
        )
        if not chat:
            raise InputError("you have blocked this chat: unblock it first")
        chat_id, chat_no = chat[0]
        self._rows("UPDATE chat SET draft = '' WHERE chat_id = ? AND draft = ?", chat_id, text)
        message_no = self._database.connection.execute(
            "INSERT INTO message (chat_id, account, device, chat_no, message_id, state, text, sent_at_ms, key, born_ms)"
            " VALUES (?, 0, 0, ?, ?, 'queued', ?, ?, ?, ?)",
            (chat_id, chat_no, message_id, text, sent_at_ms, key, born_ms),
        ).lastrowid
        assert message_no is not None
        self._rows("UPDATE message SET place = message_no WHERE message_no = ?", message_no)
        if file is not None:
            begin = TransferState.DONE if file[1] else TransferState.WAITING
            self._attachments.add(message_no, file[0], begin, outgoing=True)
        self._events.add(MessageQueued.__name__, message_no)
        return message_no

    def number_of(self, message_id: int) -> int | None:
        """Return the number of the message of ours with this id, if it is stored."""
        return self._one(f"SELECT message_no FROM message WHERE {_OURS} AND message_id = ?", message_id)

    def number_for(self, key: str) -> int | None:
        """Return the number of the message that was sent with this key."""
        return self._one("SELECT message_no FROM message WHERE key = ?", key)

    def expire(self, before_ms: int, now_ms: int) -> list[int]:
        """End the drafts that began to wait before this time as expired; those seen for the first time begin now."""
        # Not sent_at_ms: the phone's clock may have been wrong by years when the message was written.
        unborn = f"{_OURS} AND state IN ('queued', 'sent') AND born_ms IS NULL"
        self._rows(f"UPDATE message SET born_ms = ? WHERE {unborn}", now_ms)
        return self._fail("expired", "outbox_s", "state = 'queued' AND out_no IS NULL AND born_ms < ?", before_ms)

    def end_unanswered(self, before_ms: int) -> list[int]:
        """End what is still only sent long after anybody could have opened it; forget its envelopes."""
        old_ms = before_ms - ENVELOPES_KEPT_MS
        self._rows(
            "DELETE FROM envelope WHERE verdict <> 0 AND message_no IN"
            " (SELECT message_no FROM message WHERE born_ms < ? AND out_no IS NOT NULL)",
            old_ms,
        )
        self._rows("DELETE FROM envelope_device WHERE out_no NOT IN (SELECT out_no FROM envelope)")
        return self._fail("undeliverable", "no_receipt", "state = 'sent' AND born_ms < ?", old_ms)

    def drafts(self, limit: int, without: Sequence[str] = ()) -> list[Draft]:
        """Return the oldest messages that may be sealed, in order, but for those of some chats."""
        marks = ",".join("?" * len(without))
        rows = self._rows(
            f"SELECT {_DRAFT} WHERE m.state = 'queued' AND m.out_no IS NULL AND c.phone NOT IN ({marks})"
            " AND (a.message_no IS NULL OR a.state = 'done' AND a.wanted = 0)"
            " ORDER BY m.message_no LIMIT ?",
            *(*without, limit),
        )
        return [Draft(*row) for row in rows]  # type: ignore[arg-type]

    def draft(self, message_no: int) -> Draft | None:
        """Return a message as it was before it was sealed."""
        rows = self._rows(f"SELECT {_DRAFT} WHERE m.message_no = ?", message_no)
        return Draft(*rows[0]) if rows else None  # type: ignore[arg-type]

    def top_ups(self, limit: int) -> list[TopUp]:
        """Return the oldest top-ups that are due, in chat order."""
        sql = "SELECT message_no, account, device, answers FROM top_up ORDER BY message_no LIMIT ?"
        drafts = [(self.draft(message_no), rest) for message_no, *rest in self._rows(sql, limit)]
        return [TopUp(draft, *rest) for draft, rest in drafts if draft is not None]

    def add_top_up(self, message_no: int, account: int, device: int, answers: int) -> None:
        """Note that a message is due for one more device."""
        self._rows("INSERT OR IGNORE INTO top_up VALUES (?, ?, ?, ?)", message_no, device, answers, account)

    def drop_top_up(self, message_no: int, device: int, answers: int) -> None:
        """Note that a message is not due any more, because the device is gone."""
        self._rows(
            "DELETE FROM top_up WHERE message_no = ? AND device = ? AND answers = ?",
            message_no,
            device,
            answers,
        )

    def blocked(self, phone: str, devices: Sequence[int]) -> set[int]:
        """Return those devices for which a newer message of the chat may not be sealed yet (R4)."""
        due = {
            device
            for (device,) in self._rows(
                "SELECT t.device FROM top_up t JOIN message m USING (message_no) JOIN chat c USING (chat_id)"
                " WHERE c.phone = ? AND t.answers = 0",
                phone,
            )
        }
        open_ = self._rows(
            "SELECT e.out_no FROM envelope e JOIN message m USING (message_no) JOIN chat c USING (chat_id)"
            " WHERE e.verdict = 0 AND e.answers IS NULL AND c.phone = ?",
            phone,
        )
        for (out_no,) in open_:
            meant = {row[0] for row in self._rows("SELECT device FROM envelope_device WHERE out_no = ?", out_no)}
            due.update(device for device in devices if device not in meant)
        return due.intersection(devices)

    def put_sealed(self, envelope: Envelope, hash_: bytes, message_no: int, account: int, devices: Sequence[int],
                   own_devices: Sequence[int], answers: int | None, audience: bytes = b"") -> None:  # fmt: skip
        """Store a sealed envelope; `answers` is None for a message's first one, else which top-up it settles.

        `account` is the recipient's (or our own, for a top-up to one of our devices), `devices` are those of the
        recipient that it is sealed for, `own_devices` those of ours, which get a copy. `audience` is kept with the
        message, unless it was sealed before.
        """
        self._rows(
            "INSERT INTO envelope (out_no, flags, sealed, hash, message_no, account, answers) VALUES (?,?,?,?,?,?,?)",
            *(envelope.out_no, envelope.flags, envelope.sealed, hash_, message_no, account, answers),
        )
        meant = [(0, device) for device in devices] + [(1, device) for device in own_devices]
        for own, device in meant:
            self._rows("INSERT INTO envelope_device VALUES (?, ?, ?)", envelope.out_no, own, device)
        if answers is None:
            self._rows(
                "UPDATE message SET out_no = ?, audience = iif(audience = x'', ?, audience) WHERE message_no = ?",
                *(envelope.out_no, audience, message_no),
            )
        elif message_no:
            [(_, device)] = meant
            self.drop_top_up(message_no, device, answers)

    def outstanding(self, above: int, limit: int) -> list[Envelope]:
        """Return the envelopes above this number that have no verdict, in order."""
        rows = self._rows(
            "SELECT out_no, flags, sealed FROM envelope WHERE verdict = 0 AND out_no > ? ORDER BY out_no LIMIT ?",
            *(above, limit),
        )
        return [Envelope(*row) for row in rows]  # type: ignore[arg-type]

    def hash_of(self, out_no: int) -> bytes | None:
        """Return the hash of a number, or None when it is no longer known."""
        row = self._database.connection.execute("SELECT hash FROM envelope WHERE out_no = ?", (out_no,)).fetchone()
        return None if row is None else bytes(row[0])

    def meant_for(self, out_no: int) -> tuple[int, int]:
        """Return an envelope's message number and the recipient's account; zeros where there is none."""
        rows = self._rows("SELECT message_no, account FROM envelope WHERE out_no = ?", out_no)
        return (rows[0][0], rows[0][1]) if rows else (0, 0)

    def sealed(self, out_no: int) -> bytes:
        """Return what was sealed for whom under a number, as a Submit has it; empty where that is no longer known."""
        row = self._database.connection.execute("SELECT sealed FROM envelope WHERE out_no = ?", (out_no,)).fetchone()
        return bytes(row[0]) if row else b""

    def accept(self, out_no: int) -> int | None:
        """Note the verdict accepted; return the number of the message that is now sent, if one is."""
        self._rows("UPDATE envelope SET verdict = ? WHERE out_no = ?", _ACCEPTED, out_no)
        sent = self._one(
            "UPDATE message SET state = 'sent' WHERE state = 'queued' AND message_no ="
            " (SELECT message_no FROM envelope WHERE out_no = ? AND answers IS NULL) RETURNING message_no",
            out_no,
        )
        self._forget_done(out_no, out_no)
        return sent

    def reject(self, out_no: int, reason: str) -> int | None:
        """Note the verdict rejected; return the number of the message that ended, if one did."""
        self._rows("UPDATE envelope SET verdict = ? WHERE out_no = ?", _REJECTED, out_no)
        first = "message_no = (SELECT message_no FROM envelope WHERE out_no = ? AND answers IS NULL)"
        ended = self._fail("rejected", reason, first, out_no)
        message_no, _ = self.meant_for(out_no)
        meant = f"SELECT {_WHOSE}, d.device FROM envelope e JOIN envelope_device d USING (out_no) WHERE out_no = ?"
        for account, device in self._rows(meant, out_no):
            self._drop_device(out_no, account, device)
        self._forget_done(out_no, out_no)
        ended = ended or self._fail("rejected", reason, _HOPELESS, message_no)  # a top-up, and the last hope
        return ended[0] if ended else None

    def delivered(self, first: int, last: int, account: int, device: int) -> list[int]:
        """Note that a device opened these; return the messages that are now delivered."""
        opened = self._rows(
            "SELECT e.out_no, d.own FROM envelope e JOIN envelope_device d USING (out_no)"
            f" WHERE e.out_no BETWEEN ? AND ? AND d.device = ? AND {_WHOSE} = ?",
            *(first, last, device, account),
        )
        messages: list[int] = []
        for out_no, own in opened:
            self._rows("DELETE FROM envelope_device WHERE out_no = ? AND own = ? AND device = ?", out_no, own, device)
            if own:
                continue  # our own devices have it; nobody else has
            messages += self._message_rows(
                "UPDATE message SET state = 'delivered', reason = '' WHERE state IN ('queued', 'sent', 'undeliverable')"
                " AND message_no = (SELECT message_no FROM envelope WHERE out_no = ?) RETURNING message_no",
                out_no,
            )
        self._forget_done(first, last)
        return messages

    def undelivered(self, out_no: int, account: int, device: int, reason: str) -> int | None:
        """Note that a device will not get it; return the message's number if no device is left that might."""
        message_no, meant = self.meant_for(out_no)
        self._drop_device(out_no, account, device)
        self._forget_done(out_no, out_no)
        return self.end_if_hopeless(message_no, reason) if meant == account else None

    def _drop_device(self, out_no: int, account: int, device: int) -> None:
        """A device will not open this envelope, nor the one that it answers (R11)."""
        answered = self._one("SELECT answers FROM envelope WHERE out_no = ?", out_no)
        for number in filter(None, (out_no, answered)):
            self._rows(
                "DELETE FROM envelope_device AS d WHERE out_no = ?1 AND device = ?2 AND ?3 ="
                f" iif(d.own, {OWN_ACCOUNT}, (SELECT account FROM envelope WHERE out_no = ?1))",
                *(number, device, account),
            )
            if number != out_no:
                self._forget_done(number, number)

    def end_if_hopeless(self, message_no: int, reason: str) -> int | None:
        """End a sealed message as undeliverable if no device is left that might get it; return its number then."""
        ended = self._fail("undeliverable", reason, _HOPELESS, message_no)
        return ended[0] if ended else None

    def end_for_key(self, account: int, audience: bytes) -> list[int]:
        """End what was sealed under another account key and nobody has opened; return the messages' numbers (R11)."""
        other_key = "audience NOT IN (x'', ?)"
        ended = self._fail(
            "undeliverable",
            "key_changed",
            f"out_no IS NOT NULL AND {other_key} AND ("
            "EXISTS (SELECT 1 FROM envelope e WHERE e.message_no = message.message_no AND e.account = ?)"
            " OR EXISTS (SELECT 1 FROM top_up t WHERE t.message_no = message.message_no AND t.account = ?))",
            *(audience, account, account),
        )
        for message_no in ended:
            self._rows("DELETE FROM top_up WHERE message_no = ?", message_no)
        self._rows(  # nor do the devices of the new key get what those of the old one have opened
            "DELETE FROM top_up WHERE account = ? AND message_no IN"
            f" (SELECT message_no FROM message WHERE {other_key})",
            *(account, audience),
        )
        return ended

    def reopen_from(self, mark: int, out_no: int) -> None:
        """Take back the verdicts above the mark of a restored server; spent numbers become Voids (R21)."""
        self._rows("UPDATE envelope SET verdict = 0 WHERE out_no > ?", mark)
        self._rows(
            "WITH RECURSIVE number (n) AS (SELECT ? UNION ALL SELECT n + 1 FROM number WHERE n < ?)"
            " INSERT INTO envelope (out_no, flags, sealed, hash, message_no, account)"
            " SELECT n, 0, x'', ?, 0, 0 FROM number WHERE n <= ? AND n NOT IN (SELECT out_no FROM envelope)",
            *(mark + 1, out_no, VOID_HASH, out_no),
        )

    def unseal(self) -> None:
        """Make drafts of what has no verdict and forget the numbers: a new device begins (R20)."""
        self._rows("UPDATE message SET out_no = NULL WHERE state = 'queued'")
        self._rows("DELETE FROM top_up WHERE answers > 0")
        self._rows("UPDATE profile_told SET due = 1")
        self._rows(
            f"INSERT OR IGNORE INTO top_up SELECT e.message_no, d.device, 0, {_WHOSE}"
            " FROM envelope e JOIN envelope_device d USING (out_no) JOIN message m USING (message_no)"
            " WHERE e.verdict = 0 AND m.state IN ('sent', 'delivered', 'read') AND COALESCE(e.answers, 0) = 0"
        )
        self._rows("DELETE FROM envelope")
        self._rows("DELETE FROM envelope_device")

    def fail_all(self, reason: str) -> list[int]:
        """End everything that has no verdict as undeliverable (R18); return the messages' numbers."""
        nobody_has_it = (
            f"(state = 'queued' OR (EXISTS ({_DUE}) OR EXISTS ({_SEALED} AND e.verdict = 0))"
            f" AND NOT EXISTS ({_SEALED} AND e.verdict <> 0))"
        )
        failed = self._fail("undeliverable", reason, nobody_has_it)
        self._places.clear()
        for table in ("top_up", "envelope", "envelope_device"):
            self._rows(f"DELETE FROM {table}")
        return failed

    def fail_draft(self, message_no: int, reason: str) -> list[int]:
        """End one draft as undeliverable; return its number, unless it had ended before."""
        return self._fail("undeliverable", reason, "out_no IS NULL AND message_no = ?", message_no)

    def fail_chat(self, phone: str, reason: str) -> list[int]:
        """End the drafts of a chat as undeliverable; return the messages' numbers."""
        which = "out_no IS NULL AND chat_id = (SELECT chat_id FROM chat WHERE phone = ?)"
        return self._fail("undeliverable", reason, which, phone)

    def may_answer(self, out_no: int, account: int, device: int, times_max: int) -> int:
        """Return the message to seal again for a device (R11) and count it; 0 if it was not meant for its account.

        Of our own devices, those may ask that it was sealed for; of the recipient's, all may.
        """
        message_no = self._one(
            "UPDATE envelope SET resealed = resealed + 1 WHERE out_no = ?1 AND resealed < ?4 AND message_no > 0"
            f" AND (account = ?2 OR ?2 = {OWN_ACCOUNT} AND EXISTS"
            " (SELECT 1 FROM envelope_device WHERE out_no = ?1 AND own AND device = ?3)) RETURNING message_no",
            *(out_no, account, device, times_max),
        )
        return message_no or 0

    def _fail(self, state: str, reason: str, which: str, *values: object) -> list[int]:
        """End the matching messages that are not final yet, and the uploads of their files."""
        ended = self._message_rows(
            f"UPDATE message SET state = ?, reason = ? WHERE {_OURS}"
            f" AND state IN ('queued', 'sent') AND {which} RETURNING message_no",
            *(state, reason, *values),
        )
        for message_no in ended:
            self._attachments.end(message_no, reason)
            self._places.given_up(message_no)
        return ended

    def _message_rows(self, sql: str, *values: object) -> list[int]:
        return [row[0] for row in self._rows(sql, *values)]

    def _forget_done(self, first: int, last: int) -> None:
        """Forget envelopes that have a verdict and no device that might still open them."""
        self._rows(
            "DELETE FROM envelope WHERE out_no BETWEEN ? AND ? AND verdict <> 0"
            " AND NOT EXISTS (SELECT 1 FROM envelope_device d WHERE d.out_no = envelope.out_no)",
            *(first, last),
        )
