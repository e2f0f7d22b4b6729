"""What is kept of one device, its messages and the people it talks to: the records that a store gives and takes."""

from enum import StrEnum

import msgspec

from onebar.core.files import File
from onebar.crypto.keys import PeerKeys
from onebar.crypto.sessions import PeerSessions
from onebar.models import MessageState, TransferState


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
    account_seed: bytes
    """Of the account key; empty where another device of the account has it."""
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
    read_receipts: bool = True
    """Whether others are told what was read here."""
    networks: bytes = b""
    """What was learned of each network's patience with idle links (core.keepalive)."""
    push_kind: str = ""
    """Whose push token the app has given; empty: none."""
    push_token: str = ""
    push_due: bool = False
    """Whether the server has to be told of it (core.push)."""
    shows: str = ""
    """What others are told that this device can show: media types with spaces between (core.profiles)."""

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
    audience: bytes = b""
    """The recipient's account key when the message was first sealed: nobody else may ever open it (R11). Empty: it was
    not sealed yet, or by version 0.1.0, which knew no account keys."""
    attached: bool = False
    """Whether it brings a file."""
    over: bool = False
    """Whether it was given up before anybody could get it: all that is left to say is that nothing comes."""

    def __repr__(self) -> str:
        """Show no number and no text."""
        return f"<Draft {self.message_no}>"


class Moving(msgspec.Struct, frozen=True):
    """A file on its way."""

    message_no: int
    phone: str
    """The other side's."""
    account: int
    """The other side's; 0 while it is not known."""
    outgoing: bool
    state: TransferState
    total_bytes: int
    """Length of the sealed file."""
    done_bytes: int
    """How much of it has arrived, at the server or here."""
    bytes_per_s: int
    begun: bool
    """Whether the server was asked to make room for it."""
    granted: int
    """Devices that the server lets fetch it."""
    used: int
    """Devices that it was sealed for."""
    wanted: int
    """Devices that the server is to let fetch it beside those."""
    notice: str
    """What the server has to be told: `downloaded`, `ended`, or nothing."""

    def __repr__(self) -> str:
        """Show how far it is, and no number."""
        return f"<Moving {self.message_no} {self.state} {self.done_bytes}/{self.total_bytes}>"


class TopUp(msgspec.Struct, frozen=True):
    """A message that is due for one more device (R4), or once more for one that could not open it (R11)."""

    draft: Draft
    account: int
    """Whose device: the recipient's account, or our own."""
    device: int
    answers: int
    """The number that could not be opened; 0 for a device that was missing."""


class Envelope(msgspec.Struct, frozen=True):
    """A numbered, sealed envelope; these bytes never change (R1)."""

    out_no: int
    flags: int
    sealed: bytes
    """The encoded recipients; empty for a number that is spent by Void."""


class Trust(StrEnum):
    """What the user thinks of a contact's account key."""

    UNVERIFIED = "unverified"
    """Nobody compared the safety number."""
    VERIFIED = "verified"
    """The safety number was compared."""
    CHANGED = "changed"
    """It had been compared, and has changed since: nothing is sealed until the user decides."""


class Contact(msgspec.Struct, frozen=True):
    """An account that we know: another one, or our own."""

    account: int
    phone: str | None
    """None once the number belongs to somebody else."""
    account_key: bytes
    """Ed25519, 32 bytes."""
    devices: bytes
    """The newest device list that was verified."""
    trust: Trust = Trust.UNVERIFIED

    def __repr__(self) -> str:
        """Show no number."""
        return f"<Contact {self.account} {self.trust}>"


class Receipt(msgspec.Struct, frozen=True):
    """What was read here and its author is to be told: a device's messages of one chat, up to a number."""

    account: int
    device: int
    chat_no: int


class Kept(msgspec.Struct, frozen=True):
    """The sessions with a device, as they are kept."""

    sessions: PeerSessions = PeerSessions()
    since_out_no: int = 0
    """The first number that was sealed in the newest session, while its initial header is repeated."""
    must_be_pq: bool = False
    """Whether this device has ever used ML-KEM with us: it must go on."""


class Peer(msgspec.Struct, frozen=True):
    """A device that is certified by its account."""

    account: int
    device: int
    keys: PeerKeys
    removed: bool


class Arrival(msgspec.Struct, frozen=True):
    """A message that came in: from the other side of its chat, or a copy of one that another device of ours sent."""

    chat: int
    """The account of the chat's other side."""
    account: int
    """The author's."""
    device: int
    """The author's."""
    message_id: int
    chat_no: int
    sent_at_ms: int
    text: str
    state: MessageState
    """`received`, `unsupported`, or `sent` for a copy."""
    content: bytes = b""
    """Content that this version does not know, for a later one to read."""
    file: File | None = None
    """What it brings."""
    out_no: int | None = None
    """The number of the envelope that brought it."""

    def __repr__(self) -> str:
        """Show its place, never what is said."""
        return f"<Arrival {self.account}/{self.device} {self.chat_no} {self.state}>"
