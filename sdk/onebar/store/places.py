"""Places in chats at which nothing comes: who is to be told of ours, and which ones we were told of (R9)."""

from collections.abc import Sequence
from typing import Final

from onebar.store.database import Database
from onebar.store.device import OWN_ACCOUNT

NEAR: Final = 64
"""How far around a message that did not open given-up places are told of once more: a window of envelopes."""

_OURS: Final = "m.account = 0 AND m.device = 0"
_GIVEN_UP: Final = "m.state = 'rejected' OR m.out_no IS NULL AND m.state IN ('expired', 'undeliverable')"
_READERS: Final = f"""
    NOT d.removed AND (d.account = (SELECT account FROM contact k WHERE k.phone = c.phone)
    OR d.account = {OWN_ACCOUNT} AND d.device <> (SELECT device FROM device))"""


class SqlitePlaces:
    """`core.chat_ports.Places` on a database, and what its outbox and its inbox need of it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def _rows(self, sql: str, *values: object) -> list[tuple[int, ...]]:
        return self._database.connection.execute(sql, values).fetchall()

    # What we have given up

    def given_up(self, message_no: int) -> None:
        """A message of ours has ended. If nobody can have got it, its readers are told, once a later one shows the gap.

        It is in the transaction of the end itself, so no crash can come between.
        """
        chat = self._rows(
            f"UPDATE message AS m SET gap = 1 WHERE message_no = ? AND ({_GIVEN_UP}) RETURNING chat_id", message_no
        )
        for (chat_id,) in chat:
            sealed = f"SELECT max(m.chat_no) FROM message m WHERE m.chat_id = ? AND {_OURS} AND m.out_no IS NOT NULL"
            self._tell(chat_id, self._rows(sealed, chat_id)[0][0] or 0)

    def passed(self, message_no: int) -> bool:
        """A message of ours is sealed: who gets it would wait for what was given up before it, and is due to hear so.

        Return whether there was any.
        """
        found = self._rows(
            "SELECT s.chat_id, m.chat_no FROM message s JOIN message m USING (chat_id)"
            " WHERE s.gap AND m.message_no = ? AND s.chat_no < m.chat_no LIMIT 1",
            message_no,
        )
        for chat_id, chat_no in found:
            self._tell(chat_id, chat_no)
        return bool(found)

    def _tell(self, chat_id: int, below: int) -> None:
        """Make all devices that are there now due to hear of the gaps before a place."""
        self._rows(
            "INSERT OR IGNORE INTO top_up SELECT m.message_no, d.device, 0, d.account"
            f" FROM message m JOIN chat c USING (chat_id) JOIN peer_device d ON {_READERS}"
            " WHERE m.gap AND m.chat_id = ? AND m.chat_no < ?",
            *(chat_id, below),
        )
        self._rows("UPDATE message SET gap = 0 WHERE gap AND chat_id = ? AND chat_no < ?", chat_id, below)

    def again(self, message_no: int, account: int, device: int) -> None:
        """A device could not open this message of ours: nor, perhaps, what it was told of places near by."""
        self._rows(
            "INSERT OR IGNORE INTO top_up SELECT m.message_no, ?2, 0, ?1 FROM message m"
            f" JOIN message asked ON asked.message_no = ?3 AND asked.chat_id = m.chat_id WHERE {_OURS} AND NOT m.gap"
            f" AND ({_GIVEN_UP}) AND m.chat_no BETWEEN asked.chat_no - ?4 AND asked.chat_no + ?4",
            *(account, device, message_no, NEAR),
        )

    def clear(self) -> None:
        """Tell nobody: this device is not what it was."""
        self._rows("UPDATE message SET gap = 0 WHERE gap")

    def take(self, message_no: int, device: int, limit: int) -> list[int]:
        """Return which places of this message's chat a device is due to hear of, lowest first; it is due no more."""
        due = self._rows(
            "SELECT t.message_no, m.chat_no FROM top_up t JOIN message m USING (message_no)"
            f" WHERE t.device = ? AND t.answers = 0 AND {_OURS} AND ({_GIVEN_UP})"
            " AND m.chat_id = (SELECT chat_id FROM message WHERE message_no = ?) ORDER BY m.chat_no LIMIT ?",
            *(device, message_no, limit),
        )
        for told, _ in due:
            self._rows("DELETE FROM top_up WHERE message_no = ? AND device = ? AND answers = 0", told, device)
        return [chat_no for _, chat_no in due]

    # What others have

    def skip(self, chat: int, account: int, device: int, chat_nos: Sequence[int]) -> str:
        """Count these places of an author's device in a chat as missing no more; return the chat's number if any were.

        What did come stays. Where nothing of that device has come so far, nothing is missing; but from then on it is.
        """
        found = self._database.connection.execute(
            "SELECT c.chat_id, c.phone, COALESCE(a.low, 0), COALESCE(a.high, 0),"
            " iif(?1 = (SELECT account FROM device), 0, ?1)"
            " FROM chat c LEFT JOIN author a ON a.chat_id = c.chat_id AND a.account = ?1 AND a.device = ?2"
            " WHERE c.phone = COALESCE((SELECT phone FROM contact WHERE account = ?3), 'account ' || ?3)",
            (account, device, chat),
        ).fetchone()
        if found is None:
            return ""
        chat_id, phone, low, high, shown = found
        changed = 0
        for chat_no in chat_nos:
            place = (chat_id, shown, device, chat_no)
            of = "FROM message WHERE chat_id = ? AND account = ? AND device = ?"
            came = self._rows(f"SELECT 1 {of} AND chat_no = ?", *place)
            if not came and self._note(chat_id, account, device, chat_no) and low < chat_no < high:
                changed += len(
                    self._rows(
                        "UPDATE message SET missing_before = missing_before - 1 WHERE missing_before > 0 AND"
                        f" message_no = (SELECT message_no {of} AND chat_no > ? ORDER BY chat_no LIMIT 1)"
                        " RETURNING message_no",
                        *place,
                    )
                )
        return str(phone) if changed else ""

    def _note(self, chat_id: int, account: int, device: int, chat_no: int) -> bool:
        sql = "INSERT OR IGNORE INTO empty_place VALUES (?, ?, ?, ?) RETURNING chat_no"
        return bool(self._rows(sql, chat_id, account, device, chat_no))

    def between(self, chat_id: int, account: int, device: int, after: int, before: int) -> int:
        """Return at how many places between two nothing comes."""
        sql = "SELECT count(*) FROM empty_place WHERE chat_id = ? AND account = ? AND device = ?"
        return self._rows(f"{sql} AND chat_no > ? AND chat_no < ?", chat_id, account, device, after, before)[0][0]

    def came(self, chat_id: int, account: int, device: int, chat_no: int) -> bool:
        """A message has come after all; return whether it was counted as one that does not."""
        sql = "DELETE FROM empty_place WHERE chat_id = ? AND account = ? AND device = ? AND chat_no = ?"
        return bool(self._rows(f"{sql} RETURNING chat_no", chat_id, account, device, chat_no))
