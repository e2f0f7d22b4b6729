"""The key that wraps a device's secrets, in a small file beside the database: as it is, or under a passphrase.

The file is not in the database, so that a copy of the database alone, in a bug report or a cloud's backup, opens no
message on its way. A key in a file protects no more than that; a passphrase also protects from who takes both files.
Phones keep the key in their keystore, through a `KeyVault` of the app's own.
"""

import contextlib
import os
import tempfile
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Final

from nacl.bindings import crypto_pwhash_alg, crypto_pwhash_ALG_ARGON2ID13, crypto_pwhash_SALTBYTES

from onebar.crypto.wrapping import KEY_BYTES, OVERHEAD_BYTES, WrappingKey
from onebar.errors import DecryptionError, InputError, StoreDamagedError, StoreError, WrongPassphraseError

PASSPHRASE_MEMORY_BYTES: Final = 64 * 1024 * 1024
"""Memory of Argon2id: what a small phone can spare, and what makes a guess cost a graphics card its parallelism."""

PASSPHRASE_PASSES: Final = 2
"""Passes of Argon2id over its memory, libsodium's "interactive": 70 ms on a desktop, about half a second on a phone."""

PASSPHRASE_BYTES_MAX: Final = 1024
"""Longest passphrase in UTF-8: far above what anybody types, so longer input is a mistake, such as a whole file."""

_FILE: Final = b"onebar key 1\n"  # then the key
_PASSPHRASE: Final = b"onebar passphrase 1\n"  # then the salt, and the key wrapped under what Argon2id makes
_PLACE: Final = "vault"
_BODY_BYTES: Final = {_FILE: KEY_BYTES, _PASSPHRASE: crypto_pwhash_SALTBYTES + OVERHEAD_BYTES + KEY_BYTES}

Entropy = Callable[[int], bytes]


def key_path(database: Path) -> Path:
    """Return where the key of a database is: beside it, with `.key` after its name."""
    return database.with_name(f"{database.name}.key")


def open_file_vault(database: Path, entropy: Entropy, *, create: bool) -> WrappingKey:
    """Return the vault whose key is in a file for its owner alone (mode 0600).

    Args:
        database: The database that the vault belongs to.
        entropy: Gives keys and nonces, such as `os.urandom`.
        create: Make the key if there is none. Say so for a new database only: secrets wrapped under a lost key
            are lost, and a new key would hide why.

    Raises:
        StoreError: There is no key, it needs a passphrase, or the file cannot be read or written.
        StoreDamagedError: It is no key file, or damaged.
    """
    path = key_path(database)
    body = _read_or_create(path, _FILE, lambda: entropy(KEY_BYTES), create=create)
    return WrappingKey(body, entropy)


def open_passphrase_vault(database: Path, passphrase: str, entropy: Entropy, *, create: bool) -> WrappingKey:
    """Return the vault whose key only the passphrase opens (Argon2id, RFC 9106).

    It takes about 70 ms and 64 MiB. The passphrase is normalised (NFC), so that another keyboard's "é" is the same.

    Args:
        database: The database that the vault belongs to.
        passphrase: 1 to 1,024 bytes in UTF-8.
        entropy: Gives keys, salts and nonces, such as `os.urandom`.
        create: Make the key if there is none; see `open_file_vault`.

    Raises:
        WrongPassphraseError: It is another passphrase.
        InputError: The passphrase is empty or too long.
        StoreError: There is no key, it needs no passphrase, or the file cannot be read or written.
        StoreDamagedError: It is no key file, or damaged.
    """
    secret, path = _normalised(passphrase), key_path(database)
    made = _read_or_create(path, _PASSPHRASE, lambda: _lock(entropy(KEY_BYTES), secret, entropy), create=create)
    salt, wrapped = made[:crypto_pwhash_SALTBYTES], made[crypto_pwhash_SALTBYTES:]
    try:
        key = _stretched(secret, salt, entropy).unwrap(wrapped, _PLACE)
    except DecryptionError:
        raise WrongPassphraseError(f"{path}: this passphrase does not open the device's keys; try again") from None
    return WrappingKey(key, entropy)


def _lock(key: bytes, passphrase: bytes, entropy: Entropy) -> bytes:
    salt = entropy(crypto_pwhash_SALTBYTES)
    return salt + _stretched(passphrase, salt, entropy).wrap(key, _PLACE)


def _stretched(passphrase: bytes, salt: bytes, entropy: Entropy) -> WrappingKey:
    key = crypto_pwhash_alg(
        KEY_BYTES, passphrase, salt, PASSPHRASE_PASSES, PASSPHRASE_MEMORY_BYTES, crypto_pwhash_ALG_ARGON2ID13
    )
    return WrappingKey(key, entropy)


def _normalised(passphrase: str) -> bytes:
    secret = unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogatepass")  # an error would show it
    if not 0 < len(secret) <= PASSPHRASE_BYTES_MAX:
        raise InputError(
            f"a passphrase of {len(secret)} bytes; it has 1 to PASSPHRASE_BYTES_MAX = {PASSPHRASE_BYTES_MAX}"
        )
    return secret


def _read_or_create(path: Path, kind: bytes, make: Callable[[], bytes], *, create: bool) -> bytes:
    if create and not path.exists():
        _write_new(path, kind + make())
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise StoreError(
            f"{path}: the key of this database is gone; restore the file, or register this device anew"
        ) from None
    except OSError as error:
        raise StoreError(f"{path}: the key cannot be read: {error.strerror}") from error
    return _body(path, content, kind)


def _body(path: Path, content: bytes, kind: bytes) -> bytes:
    found = next((known for known in _BODY_BYTES if content.startswith(known)), None)
    if found is None or len(content) != len(found) + _BODY_BYTES[found]:
        raise StoreDamagedError(f"{path}: this is no key of a database, or it is damaged; it was left untouched")
    if found != kind:
        raise StoreError(f"{path}: this key needs {'no' if found == _FILE else 'a'} passphrase")
    return content[len(found) :]


def _write_new(path: Path, content: bytes) -> None:
    """Write a file that is there whole, for its owner alone, or not at all; one that is there already stays."""
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")  # mode 0600
        new = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            _put_in_place(new, path)
        finally:
            new.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except OSError as error:
        raise StoreError(f"{path}: the key cannot be written: {error.strerror}") from error


def _put_in_place(new: Path, path: Path) -> None:
    try:
        os.link(new, path)  # unlike a rename, it never takes the place of a key that another process has just made
    except FileExistsError:
        pass  # and that key is the one to use
    except OSError:  # Android allows apps no links; there, one process opens the database
        new.rename(path)


def _sync_folder(folder: Path) -> None:
    """Make the name last through a power cut; Windows has no such call and needs none."""
    with contextlib.suppress(PermissionError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
