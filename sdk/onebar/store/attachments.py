"""The files that messages bring: what each is, wrapped because its key is in it, and how far it is on its way."""

from typing import Final

import msgspec

from onebar.core.files import File
from onebar.core.records import Moving
from onebar.crypto.wrapping import KeyVault
from onebar.models import Attachment, TransferState
from onebar.store.database import Database

COLUMNS: Final = "a.about, a.state, a.reason, a.bytes, a.done, a.rate"
"""What `shown` needs of the row of a file."""

_MOVING: Final = """
    SELECT a.message_no, c.phone, COALESCE(k.account, 0), a.outgoing, a.state, a.bytes, a.done, a.rate, a.begun,
    a.granted, a.used, a.wanted, a.notice
    FROM attachment a JOIN message m USING (message_no) JOIN chat c USING (chat_id)
    LEFT JOIN contact k ON k.phone = c.phone"""


class SqliteAttachments:
    """`core.ports.Attachments` on a database, and what an app sees of it."""

    def __init__(self, database: Database, vault: KeyVault) -> None:
        self._database = database
        self._vault = vault

    def _run(self, sql: str, *values: object) -> None:
        self._database.connection.execute(sql, values)

    def add(self, message_no: int, file: File, begin: TransferState, *, outgoing: bool) -> None:
        """Note the file of a message."""
        total = file.secret.cipher_bytes
        self._run(
            "INSERT INTO attachment (message_no, digest, about, bytes, outgoing, state, done)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            *(message_no, file.digest, self._wrapped(message_no, file), total, outgoing, begin),
            total if begin is TransferState.DONE else 0,
        )

    def active(self, limit: int) -> list[Moving]:
        """Return what is to be moved, or told to the server, oldest first."""
        rows = self._database.connection.execute(
            f"{_MOVING} WHERE a.state = 'waiting' OR a.wanted > 0 OR a.notice <> '' ORDER BY a.message_no LIMIT ?",
            (limit,),
        )
        return [_moving(*row) for row in rows]

    def moving(self, message_no: int) -> Moving | None:
        """Return how the file of a message is on its way; None if it brings none."""
        row = self._database.connection.execute(f"{_MOVING} WHERE a.message_no = ?", (message_no,)).fetchone()
        return None if row is None else _moving(*row)

    def file(self, message_no: int) -> File:
        """Return the file of a message that brings one.

        Raises:
            LookupError: It brings none.
        """
        sql = "SELECT about FROM attachment WHERE message_no = ?"
        row = self._database.connection.execute(sql, (message_no,)).fetchone()
        if row is None:
            raise LookupError(f"message {message_no} brings no file")
        return self._unwrapped(message_no, row[0])

    def put_state(self, message_no: int, state: TransferState, reason: str = "") -> None:
        """Note where it stands."""
        self._run("UPDATE attachment SET state = ?, reason = ? WHERE message_no = ?", state, reason, message_no)

    def start(self, message_no: int) -> None:
        """Let it be moved because the user says so, on whatever network."""
        self._run("UPDATE attachment SET state = 'waiting', reason = '', tapped = 1 WHERE message_no = ?", message_no)

    def fetch_up_to(self, bytes_max: int) -> None:
        """Let offered files of accepted chats be fetched that are no longer than this; a longer one only if tapped."""
        unasked = "NOT outgoing AND NOT tapped AND bytes"
        accepted = "SELECT message_no FROM message JOIN chat USING (chat_id) WHERE standing = 'accepted'"
        self._run(
            f"UPDATE attachment SET state = 'waiting' WHERE state = 'offered' AND {unasked} <= ?"
            f" AND message_no IN ({accepted})",
            bytes_max,
        )
        self._run(f"UPDATE attachment SET state = 'offered' WHERE state = 'waiting' AND {unasked} > ?", bytes_max)

    def move(self, message_no: int, done_bytes: int, bytes_per_s: int) -> None:
        """Note how far it is, and how fast."""
        self._run("UPDATE attachment SET done = ?, rate = ? WHERE message_no = ?", done_bytes, bytes_per_s, message_no)

    def begin(self, message_no: int, granted: int) -> None:
        """Note that the server is being asked to make room for it, for so many devices in all."""
        sql = "UPDATE attachment SET begun = 1, granted = ?, wanted = 0 WHERE message_no = ?"
        self._run(sql, granted, message_no)

    def restart(self, message_no: int, blob: bytes | None) -> None:
        """Upload it anew, under another id if there is one."""
        if blob is not None:
            file = msgspec.structs.replace(self.file(message_no), blob=blob)
            about = self._wrapped(message_no, file)
            self._run("UPDATE attachment SET about = ? WHERE message_no = ?", about, message_no)
        self._run(
            "UPDATE attachment SET state = 'waiting', begun = 0, done = 0, granted = used WHERE message_no = ?",
            message_no,
        )

    def want(self, message_no: int, devices: int) -> None:
        """Note that the server is to let more devices fetch it."""
        self._run("UPDATE attachment SET wanted = max(wanted, ?) WHERE message_no = ?", devices, message_no)

    def grant(self, message_no: int, devices: int) -> None:
        """Note that it does."""
        sql = "UPDATE attachment SET granted = granted + ?, wanted = 0 WHERE message_no = ?"
        self._run(sql, devices, message_no)

    def use(self, message_no: int, devices: int) -> None:
        """Note that it was sealed for more devices."""
        self._run("UPDATE attachment SET used = used + ? WHERE message_no = ?", devices, message_no)

    def end(self, message_no: int, reason: str) -> None:
        """Its message has ended: stop its upload, and let the server drop what nobody will fetch.

        A file that is complete at the server is dropped if no envelope can have told anybody of it: its message was
        never sealed, or rejected. One that another message brings as well stays.
        """
        self._run(
            "UPDATE attachment SET state = 'failed', reason = ?, wanted = 0, notice = iif(begun, 'ended', '')"
            " WHERE message_no = ? AND (state <> 'done' OR begun AND"
            " (used = 0 OR (SELECT state = 'rejected' FROM message m WHERE m.message_no = attachment.message_no))"
            " AND NOT EXISTS (SELECT 1 FROM attachment other WHERE other.digest = attachment.digest"
            " AND other.message_no <> attachment.message_no AND other.state <> 'failed'))",
            *(reason, message_no),
        )

    def put_notice(self, message_no: int, notice: str) -> None:
        """Note what the server has to be told; nothing if it is empty."""
        self._run("UPDATE attachment SET notice = ? WHERE message_no = ?", notice, message_no)

    def digests(self) -> set[str]:
        """Return the names of all files that a message brings."""
        return {row[0] for row in self._database.connection.execute("SELECT digest FROM attachment")}

    def shown(self, message_no: int, about: bytes, state: str, reason: str, total: int, done: int,
              rate: int) -> Attachment:  # fmt: skip
        """Return what an app sees of the row of a file."""
        file = self._unwrapped(message_no, about)
        return Attachment(
            *(file.kind, file.media_type, file.name, file.secret.plain_bytes, file.width, file.height),
            *(file.duration_ms, file.thumbhash, file.preview, file.waveform),
            state=TransferState(state),
            reason=reason,
            bytes_total=total,
            bytes_done=done,
            bytes_per_s=rate,
        )

    def _wrapped(self, message_no: int, file: File) -> bytes:
        return self._vault.wrap(msgspec.msgpack.encode(file), f"attachment/{message_no}")

    def _unwrapped(self, message_no: int, about: bytes) -> File:
        return msgspec.msgpack.decode(self._vault.unwrap(about, f"attachment/{message_no}"), type=File)


def _moving(message_no: int, phone: str, account: int, outgoing: int, state: str, total: int, done: int, rate: int,
            begun: int, granted: int, used: int, wanted: int, notice: str) -> Moving:  # fmt: skip
    return Moving(
        *(message_no, phone, account, bool(outgoing), TransferState(state), total, done, rate),
        *(bool(begun), granted, used, wanted, notice),
    )
