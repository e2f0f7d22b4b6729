"""The key of a database is in a file of its owner's alone, and a passphrase keeps it shut."""

import errno
import os
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from nacl.bindings import crypto_pwhash_alg

from onebar.crypto.wrapping import WrappingKey
from onebar.errors import InputError, StoreDamagedError, StoreError, WrongPassphraseError
from onebar.store import vault as module
from onebar.store.vault import (
    PASSPHRASE_BYTES_MAX,
    key_path,
    open_file_vault,
    open_passphrase_vault,
)

PASSPHRASE = "correct horse"

# The key 00 01 02 … 1f under that passphrase, at the cost of the tests.
FROZEN = bytes.fromhex(
    "6f6e65626172207061737370687261736520310a000102030405060708090a0b0c0d0e0f01000102030405060708090a0b0c"
    "0d0e0f101112131415161723d75484547bd791349ee83dd435201be8b55b9514f3d124acc48577afbc114e6b0a69404297c4"
    "f8e09d67b22e5f61f7"
)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "phone.db"


@pytest.fixture(autouse=True)
def quick_argon2(monkeypatch: pytest.MonkeyPatch) -> None:
    """One test below measures nothing less than the real cost; the others need only that it is Argon2id."""
    monkeypatch.setattr(module, "PASSPHRASE_MEMORY_BYTES", 8192)
    monkeypatch.setattr(module, "PASSPHRASE_PASSES", 1)


def open_vault(kind: str, database: Path, *, create: bool) -> WrappingKey:
    if kind == "file":
        return open_file_vault(database, os.urandom, create=create)
    return open_passphrase_vault(database, PASSPHRASE, os.urandom, create=create)


BOTH = pytest.mark.parametrize("kind", ["file", "passphrase"])


@BOTH
def test_what_was_wrapped_opens_after_a_restart(kind: str, database: Path) -> None:
    wrapped = open_vault(kind, database, create=True).wrap(b"secret", "place")
    assert open_vault(kind, database, create=False).unwrap(wrapped, "place") == b"secret"
    assert open_vault(kind, database, create=True).unwrap(wrapped, "place") == b"secret"  # it makes no second one


@BOTH
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")
def test_the_file_is_its_owners_alone_beside_the_database_and_nothing_else_is_left(kind: str, database: Path) -> None:
    before = os.umask(0)
    try:
        open_vault(kind, database, create=True)
    finally:
        os.umask(before)
    assert [path.name for path in database.parent.iterdir()] == ["phone.db.key"]
    assert stat.S_IMODE(key_path(database).stat().st_mode) == 0o600


def test_two_databases_have_two_keys(database: Path) -> None:
    other = database.with_name("other.db")
    wrapped = open_file_vault(database, os.urandom, create=True).key
    assert open_file_vault(other, os.urandom, create=True).key != wrapped


def test_the_key_under_a_passphrase_is_not_in_the_file(database: Path) -> None:
    key = open_passphrase_vault(database, PASSPHRASE, os.urandom, create=True).key
    content = key_path(database).read_bytes()
    assert key not in content
    assert PASSPHRASE.encode() not in content


def test_a_wrong_passphrase_is_named_and_changes_nothing(database: Path) -> None:
    open_passphrase_vault(database, PASSPHRASE, os.urandom, create=True)
    before = key_path(database).read_bytes()
    with pytest.raises(WrongPassphraseError, match="try again") as caught:
        open_passphrase_vault(database, "wrong horse", os.urandom, create=True)
    assert "horse" not in str(caught.value)
    assert key_path(database).read_bytes() == before


def test_the_same_letters_from_another_keyboard_are_the_same_passphrase(database: Path) -> None:
    key = open_passphrase_vault(database, "caf\u00e9", os.urandom, create=True).key
    assert open_passphrase_vault(database, "cafe\u0301", os.urandom, create=False).key == key


@pytest.mark.parametrize("passphrase", ["", "x" * (PASSPHRASE_BYTES_MAX + 1)])
def test_an_empty_or_huge_passphrase_is_refused_before_anything_is_written(database: Path, passphrase: str) -> None:
    with pytest.raises(InputError, match=f"passphrase of {len(passphrase)} bytes; it has 1 to .* = 1024"):
        open_passphrase_vault(database, passphrase, os.urandom, create=True)
    assert not key_path(database).exists()


def test_a_passphrase_that_is_no_proper_text_works_and_shows_in_no_error(database: Path) -> None:
    key = open_passphrase_vault(database, "\udcff" + PASSPHRASE, os.urandom, create=True).key
    assert open_passphrase_vault(database, "\udcff" + PASSPHRASE, os.urandom, create=False).key == key


def test_the_passphrase_costs_what_it_should(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    costs: list[tuple[int, int, int]] = []

    def counted(size: int, passphrase: bytes, salt: bytes, passes: int, memory_bytes: int, algorithm: int) -> bytes:
        costs.append((passes, memory_bytes, algorithm))
        return crypto_pwhash_alg(size, passphrase, salt, passes, memory_bytes, algorithm)

    monkeypatch.setattr(module, "crypto_pwhash_alg", counted)
    open_passphrase_vault(database, PASSPHRASE, os.urandom, create=True)
    assert costs == [(2, 64 * 1024 * 1024, 2)] * 2  # 2 passes, 64 MiB, Argon2id: to lock and to see that it opens


def test_what_an_earlier_version_wrote_still_opens(database: Path) -> None:
    key_path(database).write_bytes(b"onebar key 1\n" + bytes(range(32)))
    assert open_file_vault(database, os.urandom, create=False).key == bytes(range(32))
    key_path(database).write_bytes(FROZEN)
    assert open_passphrase_vault(database, PASSPHRASE, os.urandom, create=False).key == bytes(range(32))


def test_a_passphrase_of_one_letter_is_the_users_choice(database: Path) -> None:
    assert open_passphrase_vault(database, "x", os.urandom, create=True).key


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot sync a folder")
def test_file_and_folder_are_on_the_disk_before_the_key_is_used(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, synced = os.fsync, list[tuple[bool, int]]()

    def noted(descriptor: int) -> None:
        status = os.fstat(descriptor)
        synced.append((stat.S_ISDIR(status.st_mode), status.st_size if stat.S_ISREG(status.st_mode) else 0))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    open_file_vault(database, os.urandom, create=True)
    assert synced == [(False, len(key_path(database).read_bytes())), (True, 0)]


def test_nothing_stays_open(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, closed = set[int](), set[int]()
    real_open, real_close = os.open, os.close

    def noted_open(path: Path, flags: int, mode: int = 0o777) -> int:
        descriptor = real_open(path, flags, mode)
        opened.add(descriptor)
        return descriptor

    def noted_close(descriptor: int) -> None:
        closed.add(descriptor)
        real_close(descriptor)

    monkeypatch.setattr(os, "open", noted_open)
    monkeypatch.setattr(os, "close", noted_close)
    module._sync_folder(database.parent)
    assert opened
    assert opened == closed


@BOTH
def test_a_lost_key_is_told_and_not_made_anew(kind: str, database: Path) -> None:
    with pytest.raises(StoreError, match=r"phone\.db\.key: the key of this database is gone"):
        open_vault(kind, database, create=False)
    assert not key_path(database).exists()


def test_each_kind_says_when_it_is_the_other(database: Path) -> None:
    other = database.with_name("other.db")
    open_vault("file", database, create=True)
    open_vault("passphrase", other, create=True)
    with pytest.raises(StoreError, match="needs no passphrase"):
        open_vault("passphrase", database, create=True)
    with pytest.raises(StoreError, match="needs a passphrase"):
        open_vault("file", other, create=True)


@BOTH
@pytest.mark.parametrize("content", [b"", b"hello", b"onebar key 2\n" + bytes(32)])
def test_another_file_is_left_untouched(kind: str, database: Path, content: bytes) -> None:
    key_path(database).write_bytes(content)
    with pytest.raises(StoreDamagedError, match="left untouched"):
        open_vault(kind, database, create=True)
    assert key_path(database).read_bytes() == content


@BOTH
def test_a_key_cut_short_or_made_longer_is_damaged(kind: str, database: Path) -> None:
    open_vault(kind, database, create=True)
    content = key_path(database).read_bytes()
    for changed in (content[:-1], content + b"x"):
        key_path(database).write_bytes(changed)
        with pytest.raises(StoreDamagedError):
            open_vault(kind, database, create=True)


def test_who_comes_second_uses_the_key_of_who_came_first(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, firsts = os.link, list[bytes]()

    def overtaken(new: Path, path: Path) -> None:
        monkeypatch.setattr(os, "link", real)
        firsts.append(open_file_vault(database, os.urandom, create=True).key)
        real(new, path)

    monkeypatch.setattr(os, "link", overtaken)
    assert open_file_vault(database, os.urandom, create=True).key == firsts[0]
    assert [path.name for path in database.parent.iterdir()] == ["phone.db.key"]


def test_many_at_once_agree_on_one_key(database: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: open_file_vault(database, os.urandom, create=True).key, range(32)))
    assert len(set(keys)) == 1


def test_where_links_are_forbidden_the_file_is_moved_into_place(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(new: Path, path: Path) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", forbidden)
    key = open_file_vault(database, os.urandom, create=True).key
    assert open_file_vault(database, os.urandom, create=False).key == key
    assert [path.name for path in database.parent.iterdir()] == ["phone.db.key"]


def test_a_disk_that_is_full_leaves_nothing_and_says_so(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"phone\.db\.key: the key cannot be written: No space left"):
        open_file_vault(database, os.urandom, create=True)
    assert not list(database.parent.iterdir())


def test_a_folder_in_its_place_is_named(database: Path) -> None:
    key_path(database).mkdir()
    with pytest.raises(StoreError, match="the key cannot be read: Is a directory"):
        open_file_vault(database, os.urandom, create=False)


def test_a_system_that_cannot_sync_a_folder_is_no_error(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def windows(path: Path, flags: int, mode: int = 0o777) -> int:
        if Path(path) == database.parent:
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, flags, mode)

    monkeypatch.setattr(os, "open", windows)
    assert open_file_vault(database, os.urandom, create=True).key
