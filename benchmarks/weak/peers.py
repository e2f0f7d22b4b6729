"""What is measured: a client library with a server, behind one small interface."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

Hear = Callable[[str], None]
"""Called in the event loop for every text that the recipient's application is handed."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the table says about a peer beside its figures."""

    name: str
    """The short name."""
    made_of: str
    """Client library and server."""
    encrypts: str
    """Whether texts are encrypted end to end."""
    fsyncs: str
    """Whether the server has a text on the disk before it acknowledges it."""
    cannot: str
    """What it does not do."""


@dataclass(frozen=True, slots=True)
class Seat:
    """One phone's place in a conversation."""

    user: int
    """The phone's own account, 1 to USERS_MAX, used by no other conversation."""
    other: int
    """The account that it writes to."""
    port: int
    """Where it connects on 127.0.0.1: the emulated network."""
    folder: Path
    """Where it may keep things."""


class Phone(Protocol):
    """One application with its client library."""

    async def start(self) -> None:
        """Connect for the first time; may return before that is done."""

    async def send(self, text: str) -> None:
        """Send a text to the other phone; never waits for the network."""

    @property
    def online(self) -> bool:
        """Whether it believes that it is connected and ready."""

    def network_changed(self) -> None:
        """Hear from the phone's system that there is another network."""

    async def close(self) -> None:
        """End."""


class Peer(Protocol):
    """One way to build a messenger."""

    @property
    def facts(self) -> Facts:
        """What the table says about it."""

    def missing(self) -> str:
        """Return the command that installs what it lacks on this machine, or an empty text."""

    def serving(self, folder: Path) -> AbstractAsyncContextManager[int]:
        """Run its server with its files in a folder; gives the port."""

    def phone(self, seat: Seat, hear: Hear) -> Phone:
        """Make a phone; its server is running."""


USERS_MAX: Final = 64
"""How many accounts a server gets before it starts: two for each conversation of eight networks, and some to spare."""
