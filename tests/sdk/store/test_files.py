"""Sealed files on the disk: whole or absent, and never anything in the place of another."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from onebar.core.files import File
from onebar.crypto.attachments import AttachmentSecret
from onebar.errors import OnebarError
from onebar.store import files as module
from onebar.store.files import ORPHAN_S, SealedFiles

DATA = os.urandom(300_000)


@pytest.fixture
def shelf(tmp_path: Path) -> SealedFiles:
    return SealedFiles(tmp_path / "files", harmless)


def harmless(data: bytes) -> None:
    if data == b"bomb":
        raise OnebarError("it may do harm")


def sealed_elsewhere(tmp_path: Path, data: bytes = DATA, kind: str = "file") -> tuple[File, bytes]:
    """A file that somebody else has sealed, and its ciphertext."""
    there = SealedFiles(tmp_path / "elsewhere", harmless)
    secret = there.seal([data])
    file = File(bytes(16), secret, kind)
    return file, there.read(file.digest, 0, secret.cipher_bytes)


def test_what_is_sealed_is_read_in_pieces_and_opened(shelf: SealedFiles, tmp_path: Path) -> None:
    secret = shelf.seal([DATA[:100_000], DATA[100_000:]])
    (path,) = (tmp_path / "files").iterdir()
    assert path.name == secret.cipher_sha256.hex()
    assert DATA[:50] not in path.read_bytes()
    assert path.stat().st_mode & 0o077 == 0 or (tmp_path / "files").stat().st_mode & 0o077 == 0
    assert shelf.read(path.name, 10, 5) == path.read_bytes()[10:15]
    assert b"".join(shelf.opened(secret)) == DATA
    shelf.save(secret, tmp_path / "saved")
    assert (tmp_path / "saved").read_bytes() == DATA


def test_a_seal_or_a_save_that_fails_leaves_nothing(shelf: SealedFiles, tmp_path: Path) -> None:
    def cut() -> Iterator[bytes]:
        yield DATA
        raise OSError("the card was pulled")

    with pytest.raises(OSError, match="card"):
        shelf.seal(cut())
    assert not list((tmp_path / "files").iterdir())
    secret = shelf.seal([DATA])
    (path,) = (tmp_path / "files").iterdir()
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(OnebarError):
        shelf.save(secret, tmp_path / "saved")
    assert sorted(found.name for found in tmp_path.iterdir()) == ["files"]


def test_a_fetched_file_is_taken_in_when_it_is_whole(shelf: SealedFiles, tmp_path: Path) -> None:
    file, sealed = sealed_elsewhere(tmp_path)
    assert shelf.fetched(file.digest, len(sealed)) == 0
    shelf.append(file.digest, sealed[:1000], flush=False)
    assert shelf.fetched(file.digest, len(sealed)) == 1000
    with pytest.raises(FileNotFoundError):
        b"".join(shelf.opened(file.secret))
    shelf.append(file.digest, sealed[1000:], flush=True)
    assert shelf.take_in(file, bool) == ""
    assert b"".join(shelf.opened(file.secret)) == DATA
    assert shelf.fetched(file.digest, len(sealed)) == len(sealed)
    assert shelf.take_in(file, bool) == "", "killed before anybody was told: it is there"


@pytest.mark.parametrize("spoil", [lambda data: data[:-1], lambda data: data + b"x", lambda data: bytes(len(data))])
def test_what_is_damaged_is_removed(shelf: SealedFiles, tmp_path: Path, spoil: object) -> None:
    assert callable(spoil)
    file, sealed = sealed_elsewhere(tmp_path)
    shelf.append(file.digest, spoil(sealed), flush=True)
    assert shelf.take_in(file, bool) == "damaged"
    assert not list((tmp_path / "files").iterdir())
    assert shelf.take_in(file, bool) == "damaged", "it is asked again if a crash came before the answer was heard"


def test_a_part_that_is_too_long_begins_anew(shelf: SealedFiles) -> None:
    shelf.append("aa", b"12345", flush=False)
    assert shelf.fetched("aa", 4) == 0
    assert shelf.fetched("aa", 5) == 0


def test_a_photo_is_looked_at_before_it_is_kept(
    shelf: SealedFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for data, problem in ((b"bomb", "refused"), (b"flower", "")):
        file, sealed = sealed_elsewhere(tmp_path, data, "photo")
        shelf.append(file.digest, sealed, flush=True)
        assert shelf.take_in(file, bool) == problem
    monkeypatch.setattr(module, "INSPECTED_BYTES_MAX", 5)
    file, sealed = sealed_elsewhere(tmp_path, b"meadow", "photo")
    shelf.append(file.digest, sealed, flush=True)
    assert shelf.take_in(file, bool) == "too_large"


def test_a_message_that_names_a_file_of_ours_with_another_key_spoils_nothing(shelf: SealedFiles) -> None:
    secret = shelf.seal([DATA])
    forged = AttachmentSecret(b"x" * 32, secret.plain_bytes, secret.plain_sha256, secret.cipher_sha256)
    assert shelf.take_in(File(bytes(16), forged, "file"), bool) == "damaged"
    assert b"".join(shelf.opened(secret)) == DATA


def test_a_check_can_be_stopped(shelf: SealedFiles, tmp_path: Path) -> None:
    file, sealed = sealed_elsewhere(tmp_path)
    shelf.append(file.digest, sealed, flush=True)
    assert shelf.take_in(file, lambda: True) == "file_lost"
    assert shelf.fetched(file.digest, len(sealed)) == len(sealed), "stopped, not spoiled"


def test_only_old_orphans_are_swept(shelf: SealedFiles, tmp_path: Path) -> None:
    shelf.sweep(set(), 0)
    kept, orphan = shelf.seal([b"kept"]).cipher_sha256.hex(), shelf.seal([b"orphan"]).cipher_sha256.hex()
    shelf.append(kept, b"part", flush=False)
    now_s = (tmp_path / "files" / orphan).stat().st_mtime
    shelf.sweep({kept}, now_s + ORPHAN_S - 60)
    assert len(list((tmp_path / "files").iterdir())) == 3
    shelf.sweep({kept}, now_s + ORPHAN_S + 60)
    assert sorted(path.name for path in (tmp_path / "files").iterdir()) == [kept, f"{kept}.part"]
