"""Accounts and devices, written into a server's database by the server's own code: HTTP would take minutes."""

import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from benchmarks.report import BenchError
from onebar.crypto.keys import PeerKeys
from onebar_mockserver.ports import Keys, Registered, RegistrationError
from onebar_mockserver.sqlite import codes, registry
from onebar_mockserver.sqlite.database import FILE_NAME, open_database


def number(user: int) -> str:
    """Return the phone number of a user, 0 to 9,999,999."""
    return f"+1202{user:07d}"


def enroll(data: Path, publics: Iterable[PeerKeys]) -> list[Registered]:
    """Register users 0, 1, … with these keys, in one commit. The server must not have started.

    Raises:
        BenchError: The server's code refuses one.
    """
    data.mkdir()
    now_ms = time.time_ns() // 1_000_000
    found = []
    with closing(open_database(data / FILE_NAME)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        for user, public in enumerate(publics):
            code = codes.issue(connection, b"", number(user), b"", now_ms)
            if isinstance(code, RegistrationError):
                raise BenchError(f"there was no code for a device: {code}")
            keys = Keys(public.identity_key, public.box_key, public.key_signature)
            answer = registry.register(connection, b"", number(user), code.code, keys, now_ms)
            if isinstance(answer, RegistrationError):
                raise BenchError(f"a device was not registered: {answer}")
            found.append(answer)
        connection.execute("COMMIT")
    return found
