"""What goes into a turn and what comes out of it (ARCHITECTURE.md, "the turn")."""

from dataclasses import dataclass, field
from typing import NamedTuple

from onebar.core.files import File
from onebar.core.questions import Order
from onebar.crypto.keys import PeerKeys
from onebar.models import Standing, TransferWish


class Instant(NamedTuple):
    """A moment: `monotonic_s` never steps and drives every timer; `wall_ms` is what people call the time."""

    monotonic_s: float
    wall_ms: int


@dataclass(frozen=True, slots=True)
class Send:
    """The app sends a text, or a file with a caption; the result is the message's number (int)."""

    phone: str = field(repr=False)
    text: str = field(repr=False)
    key: str | None = None
    file: File | None = None
    """What it brings; its sealed bytes are on the disk already."""
    forwarded: bool = False
    """Whether the server has the file already, as far as is known."""


@dataclass(frozen=True, slots=True)
class Registered:
    """The server made this device part of an account, or gave it a new id (docs/protocol.md §2)."""

    account: int
    device: int
    phone: str = field(default="", repr=False)
    """The account's number; empty when only the device id is new."""
    devices: bytes = field(default=b"", repr=False)
    """For a further device of an account: the device list that another one of its devices signed, and the caller has
    verified."""


@dataclass(frozen=True, slots=True)
class MarkRead:
    """The app has shown a chat up to a message; None: all that is there."""

    phone: str = field(repr=False)
    message_no: int | None


@dataclass(frozen=True, slots=True)
class SetChat:
    """The user has typed a draft, or wants a chat out of the way, on top, or silent; None: as it was."""

    phone: str = field(repr=False)
    draft: str | None = field(default=None, repr=False)
    muted_until_ms: int | None = None
    pinned: bool | None = None
    archived: bool | None = None


@dataclass(frozen=True, slots=True)
class SetProfile:
    """The user says something of themselves; None: as it was."""

    name: str | None = field(default=None, repr=False)
    about: str | None = field(default=None, repr=False)
    photo: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class SetReadReceipts:
    """The user wants others to know what was read here, or not."""

    wanted: bool


@dataclass(frozen=True, slots=True)
class SetTrust:
    """The user has compared a contact's safety number, or accepts a new one; `account_key` is the one that was seen."""

    phone: str = field(repr=False)
    account_key: bytes = field(repr=False)
    verified: bool


@dataclass(frozen=True, slots=True)
class SetTransfer:
    """The user wants a message's file to be moved, to wait, or not to be moved at all."""

    message_no: int
    wish: TransferWish


@dataclass(frozen=True, slots=True)
class SetStanding:
    """The user accepts a chat, blocks it, or unblocks it."""

    phone: str = field(repr=False)
    standing: Standing


@dataclass(frozen=True, slots=True)
class SetPush:
    """The app has a token for pushes, or does not want any: both are empty then."""

    kind: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """The user wants something of the server; `Engine.order` tells when it is done."""

    question: Order


@dataclass(frozen=True, slots=True)
class AddDevice:
    """The user approved a further device of this account, with these keys."""

    keys: PeerKeys


@dataclass(frozen=True, slots=True)
class RemoveDevice:
    """The user removes a device of this account."""

    device: int


@dataclass(frozen=True, slots=True)
class ReplaceRefused:
    """The server refused to replace this device: it is gone for good (R18)."""

    reason: str


@dataclass(frozen=True, slots=True)
class ReplaceFailed:
    """The request to replace this device got no answer: try again later."""


@dataclass(frozen=True, slots=True)
class LinkConnected:
    """The upgrade of this link was answered with 101."""

    link_no: int


@dataclass(frozen=True, slots=True)
class MessageArrived:
    """One WebSocket message came in on this link."""

    link_no: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class LinkLost:
    """The dial failed or the connection is over; `why` is for the log."""

    link_no: int
    why: str
    portal: bool = False
    """Whether something on this network answered in the server's place, mostly a login page (RFC 8952)."""
    limit: str = ""
    """The limit of the server that is used up, if that is why."""
    retry_after_s: float = 0.0
    """When it takes the next connection, if so."""


@dataclass(frozen=True, slots=True)
class NetworkChanged:
    """The phone has another network, or none: dial at once, or do not hurry (DESIGN §6)."""

    network: str = field(default="", repr=False)
    """Names it, so that what was learned of it is known again; empty when nobody can tell."""
    offline: bool = False
    metered: bool | None = None
    """Whether it is paid by the byte; None if nothing was said about it."""


@dataclass(frozen=True, slots=True)
class Attention:
    """Somebody looks at the app, or it went to the background: then fetch what waits, send what waits, and sleep."""

    foreground: bool


@dataclass(frozen=True, slots=True)
class TransferAnswer:
    """How a request for a file went."""

    request_no: int
    offset: int = -1
    """Where the transfer stands: bytes that are durable; -1 if that is not known."""
    problem: str = ""
    """What went wrong, one word; empty if nothing did."""
    limit: str = ""
    """The limit of the server that is used up, if the problem is `rate_limited`."""
    retry_after_s: float = 0.0
    """When the server takes it, if so."""


@dataclass(frozen=True, slots=True)
class Poked:
    """Look again: a timer is due, or another process added to the database."""


AppCall = (
    Send
    | MarkRead
    | SetChat
    | SetProfile
    | SetReadReceipts
    | SetTrust
    | SetStanding
    | SetTransfer
    | SetPush
    | PlaceOrder
    | AddDevice
    | RemoveDevice
)
"""What the app asks for."""
AppInput = AppCall | Registered | ReplaceRefused | ReplaceFailed | NetworkChanged | Attention | TransferAnswer | Poked
LinkInput = LinkConnected | MessageArrived | LinkLost
Input = AppInput | LinkInput


@dataclass(frozen=True, slots=True)
class Dial:
    """Open a WebSocket with this flight in its upgrade request (§3); if it is empty, without one."""

    link_no: int
    flight: bytes = field(repr=False)
    again_s: float = 1.0
    """How long an attempt at TCP and TLS may be silent before the next one begins beside it. Each is as fresh as the
    first: after a tunnel, an old one waits for its own timer, which has doubled all the while."""


@dataclass(frozen=True, slots=True)
class Transmit:
    """Send this as one binary WebSocket message."""

    link_no: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Hang:
    """Close this link, without waiting for the other side; nothing more is heard of it."""

    link_no: int


@dataclass(frozen=True, slots=True)
class Replace:
    """Ask the server for a new device id (`POST /v1/devices/replace`) and answer with an input."""

    account: int
    device: int
    identity_key: bytes = field(repr=False)
    box_key: bytes = field(repr=False)
    key_signature: bytes = field(repr=False)
    proof: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Upload:
    """Send the next piece of a sealed file, and answer with where the upload stands (docs/attachments.md)."""

    request_no: int
    blob: str
    """The attachment's id, 32 hexadecimal digits."""
    authorization: str = field(repr=False)
    step: str
    """`create`: make room for it, with its first piece; `append`; `ask`: only ask how far it has come."""
    digest: str
    """Names the sealed file on this disk."""
    offset: int
    size: int
    total_bytes: int
    expected: int
    """Devices that are to fetch it, for `create`."""
    bytes_per_s: int = 0
    """How fast it may go, so that no queue builds up before a slow network; 0: as fast as it goes."""


@dataclass(frozen=True, slots=True)
class Download:
    """Fetch the next piece of a sealed file to the end of what is here, and answer with where that ends."""

    request_no: int
    blob: str
    authorization: str = field(repr=False)
    digest: str
    offset: int
    size: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class CheckFile:
    """Look whether a file that was fetched is the one that its message speaks of, and harmless; then keep it."""

    request_no: int
    file: File


@dataclass(frozen=True, slots=True)
class Inform:
    """Tell the server about an attachment."""

    request_no: int
    blob: str
    authorization: str = field(repr=False)
    what: str
    """`downloaded`: this device has it; `recipients`: `more` devices will fetch it; `ended`: nobody will."""
    more: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Stop sending in the middle of an upload, or go on: a text goes first."""

    request_no: int
    held: bool


@dataclass(frozen=True, slots=True)
class Abort:
    """Give up a request; nothing more is heard of it."""

    request_no: int
    """0: all of them, and every connection that is kept for more."""


TransferOutput = Upload | Download | CheckFile | Inform | Hold | Abort
"""What is done about files, over HTTP and on the disk."""
Output = Dial | Transmit | Hang | Replace | TransferOutput


@dataclass(slots=True)
class Turn:
    """What a committed turn releases. Carry out `outputs` in order."""

    outputs: list[Output] = field(default_factory=list)
    results: list[object] = field(default_factory=list)
    """One for each app input, in order: its result, or the exception to raise for it."""
    timer_s: float | None = None
    """Run a turn with `Poked` at this monotonic time; None: only when something happens."""
    more: bool = False
    """Inputs are left over: run the next turn at once."""
    news: bool = False
    """Events or messages were written: whoever waits for them should look."""
