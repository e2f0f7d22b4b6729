"""What the protocol needs from outside: a store. Its one implementation is `onebar.store`, on SQLite.

Every method is called inside a turn, that is inside one transaction, and is synchronous: the database is local.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import Protocol

import msgspec

from onebar.crypto.keys import PeerKeys
from onebar.models import Message, MessageState


class Status(StrEnum):
    """Whether this device may speak."""

    NEW = "new"
    """Has keys, and no account yet."""
    REGISTERED = "registered"
    """Belongs to an account."""
    REPLACING = "replacing"
    """Turned out to be an old copy; waits for a new device id (R20)."""
    REMOVED = "removed"
    """The account no longer knows it (R18)."""


class Device(msgspec.Struct, frozen=True, repr_omit_defaults=True):
    """This device: who it is and where it stopped. One row of the database."""

    status: Status
    phone: str
    account: int
    device: int
    identity_seed: bytes
    box_secret: bytes
    next_identity_seed: bytes
    next_box_secret: bytes
    connection_no: int
    epoch: int
    cursor: int
    floor: int
    floor_hash: bytes
    out_no: int
    clock_offset_ms: int

    def __repr__(self) -> str:
        """Show no secret and no number."""
        return f"<Device {self.account}/{self.device} {self.status}>"


class Draft(msgspec.Struct, frozen=True):
    """A message that is not sealed yet."""

    message_no: int
    chat_no: int
    phone: str
    account: int
    message_id: int
    sent_at_ms: int
    text: str


class TopUp(msgspec.Struct, frozen=True):
    """A message that is due for one more device (R4), or once more for one that could not open it (R11)."""

    draft: Draft
    device: int
    answers: int
    """The number that could not be opened; 0 for a device that was missing."""


class Envelope(msgspec.Struct, frozen=True):
    """A numbered, sealed envelope; these bytes never change (R1)."""

    out_no: int
    flags: int
    sealed: bytes
    """The encoded recipients; empty for a number that is spent by Void."""


class Peer(msgspec.Struct, frozen=True):
    """A device of another account, as the server's directory has it."""

    account: int
    device: int
    keys: PeerKeys
    removed: bool


class Outbox(Protocol):
    """What this device has to say."""

    def add(self, phone: str, text: str, key: str | None, message_id: int, sent_at_ms: int,
            born_ms: int | None = None) -> int:  # fmt: skip
        """Add a draft at the end of its chat; return the message's number, the old one for a known key.

        `born_ms` is the server's time, None while that is not known for sure.
        """

    def number_of(self, message_id: int) -> int | None:
        """Return the number of the message of ours with this id, if it is stored."""

    def expire(self, before_ms: int, now_ms: int) -> list[int]:
        """End the drafts that began to wait before this time as expired; those seen for the first time begin now."""

    def end_unanswered(self, before_ms: int) -> list[int]:
        """End the messages that are still only sent, long after anybody could have opened them; return them."""

    def drafts(self, limit: int, without: Sequence[str] = ()) -> list[Draft]:
        """Return the oldest messages that are not sealed, in order, but for those of some chats (phone numbers)."""

    def top_ups(self, limit: int) -> list[TopUp]:
        """Return the oldest top-ups that are due, in chat order."""

    def add_top_up(self, message_no: int, account: int, device: int, answers: int) -> None:
        """Note that a message is due for one more device."""

    def drop_top_up(self, message_no: int, device: int, answers: int) -> None:
        """Note that a message is not due any more, because the device is gone."""

    def blocked(self, phone: str, devices: Sequence[int]) -> set[int]:
        """Return those devices for which a newer message of the chat may not be sealed yet (R4)."""

    def put_sealed(self, envelope: Envelope, hash_: bytes, message_no: int, account: int,
                   devices: Sequence[int], answers: int | None) -> None:  # fmt: skip
        """Store a sealed envelope; `answers` is None for a message's first one, else which top-up it settles."""

    def outstanding(self, above: int, limit: int) -> list[Envelope]:
        """Return the envelopes above this number that have no verdict, in order."""

    def hash_of(self, out_no: int) -> bytes | None:
        """Return the hash of a number, or None when it is no longer known."""

    def accept(self, out_no: int) -> int | None:
        """Note the verdict accepted; return the number of the message that is now sent, if one is."""

    def reject(self, out_no: int, reason: str) -> int | None:
        """Note the verdict rejected; return the number of the message that ended, if one did."""

    def meant_for(self, out_no: int) -> tuple[int, int]:
        """Return an envelope's message number and the recipient's account; zeros where there is none."""

    def delivered(self, first: int, last: int, account: int, device: int) -> list[int]:
        """Note that a device opened these; return the messages that are now delivered."""

    def undelivered(self, out_no: int, account: int, device: int, reason: str) -> int | None:
        """Note that a device will not get it; return the message's number if no device is left that might."""

    def end_if_hopeless(self, message_no: int, reason: str) -> int | None:
        """End a sealed message as undeliverable if no device is left that might get it; return its number then."""

    def fail_draft(self, message_no: int, reason: str) -> list[int]:
        """End one draft as undeliverable; return its number, unless it had ended before."""

    def fail_chat(self, phone: str, reason: str) -> list[int]:
        """End the drafts of a chat as undeliverable; return the messages' numbers."""

    def reopen_from(self, mark: int, out_no: int) -> None:
        """Take back the verdicts above the mark of a restored server; spent numbers become Voids (R21)."""

    def unseal(self) -> None:
        """Make drafts of what has no verdict and forget the numbers: a new device begins (R20)."""

    def fail_all(self, reason: str) -> list[int]:
        """End everything that has no verdict as undeliverable (R18); return the messages' numbers."""

    def may_answer(self, out_no: int, account: int, times_max: int) -> int:
        """Return the message to seal again for a device of this account (R11) and count it; 0 if there is none."""


class Inbox(Protocol):
    """What came in."""

    def add_text(self, account: int, device: int, message_id: int, chat_no: int, text: str,
                 sent_at_ms: int, now_ms: int) -> int | None:  # fmt: skip
        """Put a text in its place in history (R9); return its number, or None if it was there already (R8)."""

    def is_opened(self, account: int, device: int, out_no: int) -> bool:
        """Return whether this envelope has opened before (R8)."""

    def put_opened(self, account: int, device: int, out_no: int, seq: int, now_ms: int) -> None:
        """Note that an envelope opened; it is no unopened one then, if it was before."""

    def quarantine(self, account: int, device: int, out_no: int, seq: int, ciphertext: bytes, reason: str,
                   now_ms: int, *, ask: bool, answer: bool) -> None:  # fmt: skip
        """Keep an envelope that does not open, to be asked for again if that can help (R11)."""

    def release(self, account: int, device: int, out_no: int) -> None:
        """Forget a quarantined envelope whose message came after all."""

    def due_again(self, before_ms: int, now_ms: int, limit: int) -> list[tuple[int, int, int]]:
        """Return (account, device, out_no) of those to ask for again, last asked before this time."""

    def asked(self, account: int, device: int, out_nos: Sequence[int], now_ms: int) -> None:
        """Note that they were asked for."""

    def give_up(self, before_ms: int, now_ms: int) -> list[int]:
        """Show those that were asked for often enough as unreadable; return the messages' numbers."""

    def quarantined(self) -> bool:
        """Return whether any envelope is in quarantine."""

    def forget(self, before_ms: int) -> None:
        """Forget what came before this time; nothing can bring it again."""

    def unopened(self, above: int) -> tuple[int, ...]:
        """Return the places of those that the server may not know to be unopened."""

    def told_unopened(self, upto: int) -> None:
        """Note that the server knows those up to this place."""


class Contacts(Protocol):
    """Who is who, as the server's directory says."""

    def put(self, account: int, phone: str, devices: Sequence[Peer]) -> None:
        """Store an account and its devices; marks of known devices stay."""

    def phone(self, account: int) -> str | None:
        """Return an account's number."""

    def account(self, phone: str) -> int | None:
        """Return the account that has a number, as far as it is known."""

    def devices(self, account: int) -> list[Peer]:
        """Return the devices that are not removed."""

    def device(self, account: int, device: int) -> Peer | None:
        """Return a device, removed or not."""

    def remove_device(self, account: int, device: int) -> None:
        """Note that a device is gone."""


class Events(Protocol):
    """Rows that tell the app what happened (R13)."""

    def add(self, kind: str, message_no: int | None = None, detail: str = "") -> None:
        """Append an event."""


class Store(Protocol):
    """One device's database."""

    @property
    def outbox(self) -> Outbox:
        """What this device has to say."""

    @property
    def inbox(self) -> Inbox:
        """What came in."""

    @property
    def contacts(self) -> Contacts:
        """Who is who."""

    @property
    def events(self) -> Events:
        """What the app is told."""

    def transaction(self) -> AbstractContextManager[None]:
        """Open a transaction; it commits at the end and rolls back on any exception.

        Raises:
            CommitError: The commit failed.
        """

    def reopen(self) -> None:
        """Close and open the database, after a failed commit."""

    def load_device(self) -> Device | None:
        """Return this device, or None in a new database."""

    def save_device(self, device: Device) -> None:
        """Store this device."""

    def message(self, message_no: int) -> Message | None:
        """Return one message."""

    def state(self, message_no: int) -> MessageState | None:
        """Return how far a message has come."""
