"""The key under which registration codes lie in the database: a file of its own in the data directory.

A code has six digits, so no hash of it is safe, however slow: a million tries find it. What helps is a key that is
not where the hashes are. The database is what leaves the machine, in backups, copies and reports; this file does not,
and whoever has the one without the other can only guess. Against somebody who reads the whole data directory of a
running server nothing helps: the server itself must know its codes.
"""

import os
from pathlib import Path
from typing import Final

from onebar_mockserver.sqlite.database import DatabaseError

FILE_NAME: Final = "codes.key"
"""The key's name in the data directory. A backup has none: a restored server makes a new one, and forgets all codes."""

KEY_BYTES: Final = 32
"""Length of the key: that of HMAC-SHA256's output (RFC 2104 §3)."""


def open_key(data: Path) -> bytes:
    """Return the key of a locked data directory, made if there is none.

    Raises:
        DatabaseError: It cannot be read or written.
    """
    path = data / FILE_NAME
    try:
        if path.exists() and len(key := path.read_bytes()) == KEY_BYTES:
            return key
        key = os.urandom(KEY_BYTES)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(descriptor, key, 0)  # if it is cut short here, the codes of some minutes are asked anew
        finally:
            os.close(descriptor)
    except OSError as error:
        raise DatabaseError(f"cannot use {path} for the key of codes: {error.strerror}") from error
    return key
