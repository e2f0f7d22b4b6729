"""What is measured: a client library with a server, behind one small interface."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, Protocol


class Ears(NamedTuple):
    """What the recipient's application does; called in the event loop."""

    text: Callable[[str], None]
    """With every text that it is handed."""
    photo: Callable[[bytes], None]
    """With every whole photo."""


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
    photos: str
    """How a photo travels."""


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
    photos: bool = False
    """Whether there are photos beside the texts: a photo on its way makes a probe wait for as long as it takes."""


class Phone(Protocol):
    """One application with its client library."""

    async def start(self) -> None:
        """Connect for the first time; may return before that is done."""

    async def send(self, text: str) -> None:
        """Send a text to the other phone; never waits for the network."""

    async def send_photo(self, content: bytes) -> None:
        """Send a photo to the other phone, in the way that its documentation names; never waits for the network."""

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

    def serving(self, folder: Path, *, photos: bool = False) -> AbstractAsyncContextManager[int]:
        """Run its server with its files in a folder, ready for photos or not; gives the port."""

    def phone(self, seat: Seat, ears: Ears) -> Phone:
        """Make a phone; its server is running."""


USERS_MAX: Final = 64
"""How many accounts a server gets before it starts: two for each conversation of eight networks, and some to spare."""
