"""The secrets of our own prekeys, wrapped."""

import logging
from collections.abc import Sequence
from typing import Final, TypeVar

from onebar.core.ports import AnyPrekey
from onebar.crypto.pqxdh import KemPrekey, Spent
from onebar.crypto.prekeys import LastResortKemPrekey, OneTimeKemPrekey, OneTimePrekey, SignedPrekey, may_forget
from onebar.crypto.wrapping import KeyVault
from onebar.errors import DecryptionError
from onebar.store.database import Database

ONE_TIME_ROWS_MAX: Final = 1_000
"""Most one-time prekeys kept of each kind (R25): ten stocks that nobody has used yet, at most 4 MB. Who fetches prekeys
only to waste them makes the oldest go; an envelope that needed one is asked for again (R11)."""

_KINDS: Final[dict[type[AnyPrekey], str]] = {
    SignedPrekey: "signed",
    LastResortKemPrekey: "last_resort",
    OneTimePrekey: "one_time",
    OneTimeKemPrekey: "one_time_kem",
}
_SELECT: Final = "SELECT id, kind, public, secret, created_ms FROM prekey"
_log = logging.getLogger(__name__)
PrekeyT = TypeVar("PrekeyT", SignedPrekey, OneTimePrekey, OneTimeKemPrekey, LastResortKemPrekey)


class SqlitePrekeys:
    """`core.ports.Prekeys` on a database."""

    def __init__(self, database: Database, vault: KeyVault) -> None:
        self._database = database
        self._vault = vault

    def signed(self, prekey_id: int) -> SignedPrekey | None:
        """Return a signed prekey, the newest or an older one."""
        return self._one(SignedPrekey, "id = ?", prekey_id)

    def one_time(self, prekey_id: int) -> OneTimePrekey | None:
        """Return a one-time prekey."""
        return self._one(OneTimePrekey, "id = ?", prekey_id)

    def kem(self, prekey_id: int) -> KemPrekey | None:
        """Return an ML-KEM prekey of either kind."""
        one_time = self._one(OneTimeKemPrekey, "id = ?", prekey_id)
        return one_time or self._one(LastResortKemPrekey, "id = ?", prekey_id)

    def next_id(self) -> int:
        """Return a number that no prekey of this device has had, and no call before this one has returned."""
        sql = "UPDATE prekey_counter SET last_id = last_id + 1 RETURNING last_id"
        [(number,)] = self._database.connection.execute(sql).fetchall()
        return int(number)

    def add(self, prekey: AnyPrekey) -> None:
        """Store a prekey; a signed or last-resort one withdraws those before it from its `created_ms` on."""
        kind, execute = _KINDS[type(prekey)], self._database.connection.execute
        if isinstance(prekey, SignedPrekey | LastResortKemPrekey):
            execute(
                "UPDATE prekey SET withdrawn_ms = ? WHERE kind = ? AND withdrawn_ms IS NULL", (prekey.created_ms, kind)
            )
        public = prekey.public if isinstance(prekey, OneTimeKemPrekey | LastResortKemPrekey) else b""
        wrapped = self._vault.wrap(prekey.secret, _place(prekey.id))
        execute(
            "INSERT INTO prekey (id, kind, public, secret, created_ms) VALUES (?, ?, ?, ?, ?)",
            (prekey.id, kind, public, wrapped, prekey.created_ms),
        )

    def newest(self) -> tuple[SignedPrekey | None, LastResortKemPrekey | None]:
        """Return what the signed bundle is made of."""
        in_use = "withdrawn_ms IS NULL"
        return self._one(SignedPrekey, in_use), self._one(LastResortKemPrekey, in_use)

    def unpublished(self, limit: int) -> list[OneTimePrekey | OneTimeKemPrekey]:
        """Return one-time prekeys that the server was not seen to have, X25519 first, the oldest first."""
        sql = f"{_SELECT} WHERE kind IN ('one_time', 'one_time_kem') AND published = 0 ORDER BY kind, id LIMIT ?"
        found = [self._read(*row) for row in self._database.connection.execute(sql, (limit,)).fetchall()]
        return [prekey for prekey in found if isinstance(prekey, OneTimePrekey | OneTimeKemPrekey)]

    def published(self, ids: Sequence[int]) -> None:
        """Note that the server has these one-time prekeys."""
        self._database.connection.executemany("UPDATE prekey SET published = 1 WHERE id = ?", [(no,) for no in ids])

    def spend(self, spent: Spent) -> None:
        """Delete one-time prekeys that a session has used."""
        for kind, prekey_id in (("one_time", spent.one_time_id), ("one_time_kem", spent.one_time_kem_id)):
            if prekey_id is not None:
                sql = "DELETE FROM prekey WHERE id = ? AND kind = ?"
                self._database.connection.execute(sql, (prekey_id, kind))

    def forget(self, now_ms: int) -> None:
        """Delete what nobody can use any more (R23): withdrawn long ago, or beyond the bound on their number."""
        execute = self._database.connection.execute
        withdrawn = execute("SELECT id, withdrawn_ms FROM prekey WHERE withdrawn_ms IS NOT NULL").fetchall()
        for prekey_id, withdrawn_ms in withdrawn:
            if may_forget(withdrawn_ms, now_ms):
                execute("DELETE FROM prekey WHERE id = ?", (prekey_id,))
        for kind in ("one_time", "one_time_kem"):
            execute(
                "DELETE FROM prekey WHERE id IN"
                " (SELECT id FROM prekey WHERE kind = ? ORDER BY id DESC LIMIT -1 OFFSET ?)",
                (kind, ONE_TIME_ROWS_MAX),
            )

    def clear(self) -> None:
        """Delete all: this is a new device. Its numbers go on, so that none is ever used twice."""
        self._database.connection.execute("DELETE FROM prekey")

    def _one(self, kind: type[PrekeyT], which: str, *values: int) -> PrekeyT | None:
        """Return the newest prekey of a kind that is so."""
        sql = f"{_SELECT} WHERE {which} AND kind = ? ORDER BY id DESC LIMIT 1"
        row = self._database.connection.execute(sql, (*values, _KINDS[kind])).fetchone()
        found = None if row is None else self._read(*row)
        return found if isinstance(found, kind) else None

    def _read(self, prekey_id: int, kind: str, public: bytes, wrapped: bytes, created_ms: int) -> AnyPrekey | None:
        try:
            secret = self._vault.unwrap(wrapped, _place(prekey_id))
        except DecryptionError as error:  # as if it were gone: what needs it is asked for again (R11)
            _log.error("a prekey of kind %s cannot be read any more: %s", kind, error)
            return None
        if kind == "signed":
            return SignedPrekey(prekey_id, secret, created_ms)
        if kind == "one_time":
            return OneTimePrekey(prekey_id, secret, created_ms)
        kem = OneTimeKemPrekey if kind == "one_time_kem" else LastResortKemPrekey
        return kem(prekey_id, public, secret, created_ms)


def _place(prekey_id: int) -> str:
    return f"prekeys/{prekey_id}"
