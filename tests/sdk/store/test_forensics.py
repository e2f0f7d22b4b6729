"""Spent keys leave the disk (R24): a conversation is looked for, byte by byte, in the file and its log."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from onebar.core.records import Kept
from onebar.crypto import sessions as crypto
from onebar.crypto.pqxdh import Spent
from onebar.crypto.sessions import PeerSessions
from onebar.store import SqliteStore, open_store
from onebar.store import database as database_module
from tests.sdk.crypto.devices import NOW_MS, WAY, Device, FakeKem, Secrets, dice
from tests.sdk.store.conftest import BOB, our_device, send


class OpenVault:
    """Wraps nothing, so that a key that is still there can be seen."""

    def wrap(self, secret: bytes, place: str) -> bytes:
        return secret

    def unwrap(self, wrapped: bytes, place: str) -> bytes:
        return wrapped


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    opened = open_store(path, vault=OpenVault())
    with opened.transaction():
        opened.save_device(our_device())
    yield opened
    opened.close()


def on_disk(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.parent.iterdir())


def keys(sessions: PeerSessions) -> set[bytes]:
    """Every secret in the sessions."""
    found: set[bytes | None] = set()
    for session in sessions.sessions:
        ratchet = session.ratchet
        found |= {ratchet.root_key, ratchet.own_secret, ratchet.sending_key, ratchet.receiving_key}
        found |= {skipped.key for skipped in ratchet.skipped.values()}
    return {key for key in found if key}


def converse(store: SqliteStore, rounds: int) -> tuple[set[bytes], set[bytes]]:
    """Alice talks to some devices of Bob; return (keys that are in use, keys that are spent)."""
    provider = FakeKem(dice("kem"))
    alice, bobs = Device("alice", provider, 4), [Device(f"bob {no}", provider, 2) for no in range(6)]
    for prekey in alice.one_time_prekeys.values():
        store.prekeys.add(prekey)
    ever: set[bytes] = {prekey.secret for prekey in alice.one_time_prekeys.values()}
    for no, bob in enumerate(bobs):
        alice.sessions = PeerSessions()
        alice.start(bob)
        store.sessions.put(BOB, no, Kept(alice.sessions))
    for turn in range(rounds):
        for no, bob in enumerate(bobs):
            with store.transaction():
                kept = store.sessions.get(BOB, no).sessions
                ever |= keys(kept)
                kept, envelope = crypto.seal(kept, b"hello", WAY, alice.entropy)
                kept, lost = crypto.seal(kept, b"lost at first", WAY, alice.entropy)
                store.sessions.put(BOB, no, Kept(kept))
                ever |= keys(kept)
                bob.open(alice, lost if turn % 2 else envelope)
                bob.sessions, answer = crypto.seal(bob.sessions, b"hi", WAY, bob.entropy)
                opened = crypto.open_envelope(
                    kept, answer, WAY, alice.keys, bob.public, Secrets(alice), NOW_MS, alice.entropy, provider
                )
                store.sessions.put(BOB, no, Kept(opened.sessions))
            send(store, "a text between")
    for spent in range(1, 5):
        store.prekeys.spend(Spent(spent, None))
    in_use = set().union(*(keys(store.sessions.get(BOB, no).sessions) for no in range(len(bobs))))
    return in_use, (ever | in_use) - in_use


def left(path: Path, secrets: set[bytes]) -> int:
    data = on_disk(path)
    return sum(secret in data for secret in secrets)


def test_after_a_conversation_and_a_checkpoint_no_spent_key_is_on_disk(store: SqliteStore, path: Path) -> None:
    in_use, spent = converse(store, rounds=6)
    assert len(spent) > 100
    assert left(path, spent) > 30, "nothing was there to leave: this test could not fail"
    assert store.checkpoint()
    assert left(path, spent) == 0
    assert left(path, in_use) == len(in_use)


def test_a_log_that_grows_is_emptied_without_waiting_for_a_quiet_moment(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "LOG_BYTES_MAX", 64 * 1024)
    log = path.with_name(f"{path.name}-wal")
    sizes = []
    for _ in range(60):
        with store.transaction():
            send(store, "x" * 2000)
        sizes.append(log.stat().st_size)
    assert 0 in sizes
    assert max(sizes) <= 64 * 1024
    assert len(store.outbox_messages()) == 60


def test_a_checkpoint_waits_for_nobody_and_is_done_the_next_time(store: SqliteStore, path: Path) -> None:
    with closing(open_store(path, vault=OpenVault())) as other:
        reader = other._database.connection.execute("BEGIN")
        reader.execute("SELECT count(*) FROM message").fetchall()
        with store.transaction():
            send(store)
        assert not store.checkpoint()
        timeout_ms = store._database.connection.execute("PRAGMA busy_timeout").fetchone()
        assert timeout_ms == (database_module.BUSY_TIMEOUT_MS,)
        reader.execute("COMMIT")
        assert store.checkpoint()
    assert [message.text for message in store.outbox_messages()] == ["hi"]


def test_a_checkpoint_in_memory_or_of_a_closed_database_does_no_harm() -> None:
    store = open_store(database_module.IN_MEMORY)
    assert store.checkpoint()
    store.close()
    assert not store.checkpoint()
