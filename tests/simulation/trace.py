"""What happened, in one line each: the last ones of each party to read, all of them in one hash to compare."""

import hashlib
from collections import deque
from typing import Final

LINES_KEPT: Final = 50
"""Lines kept of each party: what led to a failure, short enough to read."""


class Trace:
    """The event trace of a run. It covers decisions; random bytes, keys and ciphertexts are never part of it."""

    def __init__(self, *, keep_all: bool = False) -> None:
        self.events = 0
        self._hash = hashlib.blake2b(digest_size=8)
        self._kept: int | None = None if keep_all else LINES_KEPT
        self._lines: dict[str, deque[tuple[int, float, str, tuple[object, ...]]]] = {}

    def note(self, now_s: float, party: str, what: str, *details: object) -> None:
        """Add an event; `details` are numbers and names."""
        self.events += 1
        self._hash.update(f"{now_s:.6f} {party} {what} {details}\n".encode())
        if party not in self._lines:
            self._lines[party] = deque(maxlen=self._kept)
        self._lines[party].append((self.events, now_s, what, details))

    @property
    def digest(self) -> str:
        """The hash of all events, 16 hex digits."""
        return self._hash.hexdigest()

    def lines(self, party: str) -> list[str]:
        """Return a party's last events, oldest first."""
        return [_line(no, now_s, what, details) for no, now_s, what, details in self._lines.get(party, ())]

    def parties(self) -> list[str]:
        """Return who took part, in the order of their first event."""
        return list(self._lines)

    def merged(self) -> list[str]:
        """Return the events that were kept, of all parties in order."""
        events = sorted((*event, party) for party, lines in self._lines.items() for event in lines)
        return [f"{party:9} {_line(no, now_s, what, details)}" for no, now_s, what, details, party in events]


def _line(no: int, now_s: float, what: str, details: tuple[object, ...]) -> str:
    return f"{no:6} {now_s:12.3f} s  {what} {' '.join(str(detail) for detail in details)}".rstrip()
