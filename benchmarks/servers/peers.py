"""What every server of the bench is: how it is started, how a link logs in, and what it promises."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from benchmarks.measured_server import MeasuredServer
from benchmarks.servers.pairs import End

TEXT_BYTES: Final = 100
"""What a text carries. No server looks into it."""

DIGITS: Final = 8
"""How many of them are the text's number, in protocols that have none of their own."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the figures do not say."""

    name: str
    made_of: str
    acknowledges: str
    """What the sender's acknowledgement and the reader's are."""
    durable: str
    """What is on the disk when the sender has its acknowledgement."""
    idle_links: int
    """How many links are opened for the memory of one."""
    offline_texts: int = 200
    """How many texts are stored for each reader; 0: it stores none."""


class Peer(Protocol):
    """One server with its settings."""

    facts: Facts

    def missing(self) -> str:
        """Return what to install, or nothing."""

    def serving(self, folder: Path, users: int, *, pin: bool) -> AbstractContextManager[MeasuredServer]:
        """Run the server in an empty folder, with accounts for this many users."""

    def connect(self, port: int, seats: Sequence[tuple[int, int]]) -> list[End]:
        """Log users in, ready for texts; each with the user whom it talks to."""

    def come_back(self, port: int, seats: Sequence[tuple[int, int]]) -> list[End]:
        """Log users in who were there before, up to what lets their mail flow: the ends' `opening`."""

    def leave(self, ends: Sequence[End]) -> None:
        """End links as an app does that is closed."""


def numbered(number: int) -> bytes:
    """Return a text that begins with its number, in letters that every protocol carries as they are."""
    return (b"%08d" % number).ljust(TEXT_BYTES, b"x")
