"""What the protocol needs from outside: a store. Its one implementation is `onebar.store`, on SQLite.

Every method is called inside a turn, that is inside one transaction, and is synchronous: the database is local.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from onebar.core.chat_ports import ChatSettings, Places, Profiles, SearchIndex, Standings
from onebar.core.files import File
from onebar.core.records import Arrival, Contact, Device, Draft, Envelope, Kept, Moving, Peer, Receipt, TopUp
from onebar.crypto.pqxdh import PrekeySecrets, Spent
from onebar.crypto.prekeys import LastResortKemPrekey, OneTimeKemPrekey, OneTimePrekey, SignedPrekey
from onebar.models import Message, MessageState, Standing, TransferState


class Outbox(Protocol):
    """What this device has to say."""

    def add(self, phone: str, text: str, key: str | None, message_id: int, sent_at_ms: int,
            born_ms: int | None = None, file: tuple[File, bool] | None = None) -> int:  # fmt: skip
        """Add a draft at the end of its chat; return the message's number, the old one for a known key.

        `born_ms` is the server's time, if it is known for sure. With `file` goes whether the server has that already.

        Raises:
            InputError: The chat is blocked.
        """

    def number_of(self, message_id: int) -> int | None:
        """Return the number of the message of ours with this id, if it is stored."""

    def expire(self, before_ms: int, now_ms: int) -> list[int]:
        """End the drafts that began to wait before this time as expired; those seen for the first time begin now."""

    def end_unanswered(self, before_ms: int) -> list[int]:
        """End the messages that are still only sent, long after anybody could have opened them; return them."""

    def drafts(self, limit: int, without: Sequence[str] = ()) -> list[Draft]:
        """Return the oldest messages that may be sealed, in order, but for those of some chats (phone numbers).

        One whose file is not uploaded, or not yet for all who are to fetch it, lets the others pass.
        """

    def top_ups(self, limit: int) -> list[TopUp]:
        """Return the oldest top-ups that are due, in chat order."""

    def add_top_up(self, message_no: int, account: int, device: int, answers: int) -> None:
        """Note that a message is due for one more device."""

    def drop_top_up(self, message_no: int, device: int, answers: int) -> None:
        """Note that a message is not due any more, because the device is gone."""

    def blocked(self, phone: str, devices: Sequence[int]) -> set[int]:
        """Return those devices for which a newer message of the chat may not be sealed yet (R4)."""

    def put_sealed(self, envelope: Envelope, hash_: bytes, message_no: int, account: int, devices: Sequence[int],
                   own_devices: Sequence[int], answers: int | None, audience: bytes = b"") -> None:  # fmt: skip
        """Store a sealed envelope; `answers` is None for a message's first one, else which top-up it settles.

        `account` is the recipient's (or our own, for a top-up to one of our devices), `devices` are those of the
        recipient that it is sealed for, `own_devices` those of ours, which get a copy.
        """

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

    def sealed(self, out_no: int) -> bytes:
        """Return what was sealed for whom under a number, as a Submit has it; empty where that is no longer known."""

    def end_for_key(self, account: int, audience: bytes) -> list[int]:
        """End what was sealed under another account key and nobody has opened; return the messages' numbers (R11)."""

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

    def may_answer(self, out_no: int, account: int, device: int, times_max: int) -> int:
        """Return the message to seal again for a device (R11) and count it; 0 if it was not meant for its account."""

    def add_receipt(self, receipt: Receipt) -> None:
        """Note what has to be told as read; a higher number takes the place of a lower one."""

    def receipts(self, limit: int) -> list[Receipt]:
        """Return what has to be told as read, oldest first; of a request nothing, until it is accepted."""

    def forget_receipts(self) -> None:
        """Tell nobody what was not told so far."""

    def drop_receipts(self, receipts: Sequence[Receipt]) -> None:
        """Note that these were told, unless more has been read since."""

    def read(self, account: int, chat_no: int) -> list[int]:
        """Note that the chat's other side has read our messages up to this number; return those now read."""

    def read_before(self, message_no: int) -> bool:
        """Note that a message that was just delivered is read, if the other side has read one behind it."""


class Inbox(Protocol):
    """What came in."""

    def add(self, arrival: Arrival, now_ms: int) -> int | None:
        """Put a message in its place in history (R9); return its number, or None if it was there already (R8)."""

    def standing(self, chat: int) -> Standing | None:
        """Return how the chat with an account stands; None where there is none yet."""

    def unsupported(self, limit: int, above: int = 0) -> list[tuple[int, bytes]]:
        """Return (message number, content) of messages above a number that no version so far could show."""

    def understood(self, message_no: int, text: str) -> None:
        """Show a message that this version can read, where it has been all the time."""

    def mark_read(self, phone: str, message_no: int | None) -> list[Receipt]:
        """Note that the user has seen a chat up to a message (None: all of it); return what is news to the authors."""

    def is_opened(self, account: int, device: int, out_no: int) -> bool:
        """Return whether this envelope has opened before (R8)."""

    def put_opened(self, account: int, device: int, out_no: int, seq: int, now_ms: int) -> None:
        """Note that an envelope opened; it is no unopened one then, if it was before."""

    def quarantine(self, account: int, device: int, out_no: int, seq: int, ciphertext: bytes, reason: str,
                   now_ms: int, *, ask: bool, answer: bool) -> None:  # fmt: skip
        """Keep an envelope that does not open, to be asked for again if that can help (R11)."""

    def release(self, account: int, device: int, out_no: int) -> bool:
        """Forget a quarantined envelope whose message came after all; return whether it was there."""

    def want_tick(self, account: int, device: int, out_no: int, now_ms: int) -> None:
        """Note that an envelope which opened is to be asked for all the same, so that its sender hears of it (R12)."""

    def due_again(self, before_ms: int, now_ms: int, limit: int) -> list[tuple[int, int, int, int]]:
        """Return (account, device, out_no, times asked) of those to ask for again, last asked before this time."""

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
    """Who is who, as accounts have signed it."""

    def put(self, contact: Contact) -> None:
        """Store a contact; its number is nobody else's from now on."""

    def put_device(self, peer: Peer) -> None:
        """Store a device with its keys; one that is removed stays so."""

    def contact(self, account: int) -> Contact | None:
        """Return a contact, or our own account."""

    def account(self, phone: str) -> int | None:
        """Return the account that has a number, as far as it is known."""

    def devices(self, account: int) -> list[Peer]:
        """Return the devices that are not removed, oldest first."""

    def device(self, account: int, device: int) -> Peer | None:
        """Return a device, removed or not."""

    def put_shows(self, account: int, device: int, shows: str, out_no: int) -> None:
        """Note what a device has announced that it can show, by this number, unless a later one is known."""

    def name_device(self, device: int, name: str) -> None:
        """Note what one of our own devices is called."""

    def name_devices(self, names: Sequence[tuple[int, str]]) -> None:
        """Note what all of our own devices are called; those that are left out have no name."""

    def protect(self, *, pin: bool | None = None, totp: bool | None = None) -> None:
        """Note what protects our own number; a part of it only if the server has ever said the whole."""

    def remove_device(self, account: int, device: int) -> None:
        """Note that a device is gone."""


class Attachments(Protocol):
    """The files that messages bring."""

    def add(self, message_no: int, file: File, begin: TransferState, *, outgoing: bool) -> None:
        """Note the file of a message."""

    def active(self, limit: int) -> list[Moving]:
        """Return what is to be moved, or told to the server, oldest first."""

    def moving(self, message_no: int) -> Moving | None:
        """Return how the file of a message is on its way; None if it brings none."""

    def file(self, message_no: int) -> File:
        """Return the file of a message that brings one."""

    def put_state(self, message_no: int, state: TransferState, reason: str = "") -> None:
        """Note where it stands."""

    def start(self, message_no: int) -> None:
        """Let it be moved because the user says so, on whatever network."""

    def fetch_up_to(self, bytes_max: int) -> None:
        """Let offered files of accepted chats be fetched that are no longer than this; a longer one only if tapped."""

    def move(self, message_no: int, done_bytes: int, bytes_per_s: int) -> None:
        """Note how far it is, and how fast."""

    def begin(self, message_no: int, granted: int) -> None:
        """Note that the server is being asked to make room for it, for so many devices in all."""

    def restart(self, message_no: int, blob: bytes | None) -> None:
        """Upload it anew, under another id if there is one."""

    def want(self, message_no: int, devices: int) -> None:
        """Note that the server is to let more devices fetch it."""

    def grant(self, message_no: int, devices: int) -> None:
        """Note that it does."""

    def use(self, message_no: int, devices: int) -> None:
        """Note that it was sealed for more devices."""

    def put_notice(self, message_no: int, notice: str) -> None:
        """Note what the server has to be told; nothing if it is empty."""


class Sessions(Protocol):
    """The sessions with each device."""

    def get(self, account: int, device: int) -> Kept:
        """Return what is kept for a device; empty for a new one."""

    def put(self, account: int, device: int, kept: Kept) -> None:
        """Keep this in place of what was kept."""

    def forget(self, account: int) -> None:
        """Forget the sessions with all devices of an account: they are somebody else's now."""

    def clear(self) -> None:
        """Forget all sessions: this is a new device."""


AnyPrekey = SignedPrekey | OneTimePrekey | OneTimeKemPrekey | LastResortKemPrekey


class Prekeys(PrekeySecrets, Protocol):
    """The secrets of our own prekeys."""

    def next_id(self) -> int:
        """Return a number that no prekey of this device has had."""

    def add(self, prekey: AnyPrekey) -> None:
        """Store a prekey; a signed or last-resort one withdraws those before it from its `created_ms` on."""

    def newest(self) -> tuple[SignedPrekey | None, LastResortKemPrekey | None]:
        """Return what the signed bundle is made of."""

    def unpublished(self, limit: int) -> list[OneTimePrekey | OneTimeKemPrekey]:
        """Return one-time prekeys that the server was not seen to have, X25519 first."""

    def published(self, ids: Sequence[int]) -> None:
        """Note that the server has these one-time prekeys."""

    def spend(self, spent: Spent) -> None:
        """Delete one-time prekeys that a session has used."""

    def forget(self, now_ms: int) -> None:
        """Delete what nobody can use any more (R23): withdrawn long ago, or beyond the bound on their number."""

    def clear(self) -> None:
        """Delete all: this is a new device."""


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
    def standings(self) -> Standings:
        """Which chats are wanted."""

    @property
    def settings(self) -> ChatSettings:
        """What the user has set for each chat."""

    @property
    def search(self) -> SearchIndex:
        """The full-text index of all messages."""

    @property
    def places(self) -> Places:
        """Where nothing comes."""

    @property
    def profiles(self) -> Profiles:
        """What people say of themselves."""

    @property
    def contacts(self) -> Contacts:
        """Who is who."""

    @property
    def attachments(self) -> Attachments:
        """The files that messages bring."""

    @property
    def sessions(self) -> Sessions:
        """The sessions with each device."""

    @property
    def prekeys(self) -> Prekeys:
        """The secrets of our own prekeys."""

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

    def save_device(self, device: Device, stored: Device | None = None) -> None:
        """Store this device; where it is known what is `stored`, only what differs from that."""

    def message(self, message_no: int) -> Message | None:
        """Return one message."""

    def state(self, message_no: int) -> MessageState | None:
        """Return how far a message has come."""
