"""What a home needs: of a store, where its process is a guest; of an engine, where it is the holder."""

from contextlib import AbstractContextManager
from typing import Protocol

from onebar.core.files import File
from onebar.core.questions import Question
from onebar.core.records import Device
from onebar.crypto.keys import PeerKeys
from onebar.drivers.asyncio import TurnTaker
from onebar.events import Event
from onebar.models import LinkStatus, Message


class Drafts(Protocol):
    """Where a guest adds what it has to say."""

    def add(self, phone: str, text: str, key: str | None, message_id: int, sent_at_ms: int,
            born_ms: int | None = None, file: tuple[File, bool] | None = None) -> int:  # fmt: skip
        """Add a draft at the end of its chat; return the message's number, the old one for a known key."""


class LocalStore(Protocol):
    """What a guest needs of a store."""

    @property
    def outbox(self) -> Drafts:
        """What this device has to say."""

    def transaction(self) -> AbstractContextManager[None]:
        """Open a transaction."""

    def load_device(self) -> Device | None:
        """Return this device, or None in a new database."""

    def data_version(self) -> int:
        """Return a number that changes whenever another connection has committed."""

    def message(self, message_no: int) -> Message | None:
        """Return one message."""

    def next_events(self, consumer: str, limit: int, after: int = 0) -> list[Event]:
        """Return the events after the last one that this consumer confirmed, and after this one."""

    def confirm_events(self, consumer: str, event_no: int) -> None:
        """Note, in a transaction of its own, that this consumer is done up to this event."""

    def reopen(self) -> None:
        """Close and open the connection, after a failed commit."""

    def checkpoint(self) -> bool:
        """Make what was deleted leave the disk (docs/protocol.md R24); return whether it is done. Never waits."""

    def close(self) -> None:
        """Close the connection."""


class DeviceEngine(TurnTaker, Protocol):
    """What a holder needs of an engine."""

    @property
    def device(self) -> Device:
        """This device, as committed."""

    @property
    def link(self) -> LinkStatus:
        """What an app can say about the connection."""

    @property
    def published_list(self) -> int:
        """The counter of the device list that the server has; 0 while that is not known."""

    def public_keys(self) -> PeerKeys:
        """Return what registration needs."""

    def order(self, question: Question) -> str | None:
        """Return what became of an order: None without an answer, else an error's name, empty if it is done."""

    def refusal(self, keys: PeerKeys) -> str:
        """Return why the server will not have a device that was approved; empty while nothing speaks against it."""
