"""What an app sees of its chats and messages."""

import base64
import enum
import re
from dataclasses import dataclass, field
from typing import Final

from onebar.errors import InputError

TEXT_BYTES_MAX: Final = 4096
"""Longest text, in bytes of UTF-8: sealed for three devices it still fits one Submit (docs/protocol.md §4)."""

KEY_CHARS_MAX: Final = 128
"""Longest `send(key=…)`: two UUIDs and a prefix fit; it is stored with every message."""

NETWORK_CHARS_MAX: Final = 128
"""Longest name of a network: a hash of an SSID in hexadecimal, and what kind it is; what is learned is kept by it."""

DEVICE_NAME_MAX: Final = 64
"""Most characters of a device's name: `Anna's old laptop in the kitchen` has 32, and a list of devices stays short."""

_PHONE: Final = re.compile(r"\+[1-9][0-9]{6,14}")  # E.164: at most 15 digits; no number is shorter than 7


class MessageState(enum.StrEnum):
    """How far a message has come; the states of DESIGN §1."""

    QUEUED = "queued"
    """Committed to this device's database, not yet acknowledged by the server."""
    SENT = "sent"
    """The server has it durably."""
    DELIVERED = "delivered"
    """A device of the recipient opened it and has it durably."""
    READ = "read"
    """A person has read it, where the reader tells."""
    EXPIRED = "expired"
    """It waited in the outbox for longer than the server's horizon. Final."""
    REJECTED = "rejected"
    """The server refused it, for the reason given. Final."""
    UNDELIVERABLE = "undeliverable"
    """It was accepted, but every device it was meant for is gone or full, or this device was removed. Final."""
    RECEIVED = "received"
    """It came from the other side."""
    UNREADABLE = "unreadable"
    """It came from the other side and could not be opened, even after it was asked for again."""
    UNSUPPORTED = "unsupported"
    """It came from the other side, and only a later version of this app can show it. It is kept until then."""

    @property
    def failed(self) -> bool:
        """Whether this is a final failure of a message of ours."""
        return self in _FAILED


_FAILED: Final = frozenset({MessageState.EXPIRED, MessageState.REJECTED, MessageState.UNDELIVERABLE})


class TransferState(enum.StrEnum):
    """Where the file of a message stands."""

    OFFERED = "offered"
    """It waits at the server; `Conversation.fetch` brings it."""
    WAITING = "waiting"
    """It is on its way, or waits for its turn or a network."""
    PAUSED = "paused"
    """The user has stopped it."""
    DONE = "done"
    """It is at the server, or, of a message that came in, here."""
    FAILED = "failed"
    """It will not come; `reason` says why. `Conversation.fetch` tries again."""


class TransferWish(enum.StrEnum):
    """What the user wants of a transfer."""

    START = "start"
    PAUSE = "pause"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Attachment:
    """The file that a message brings. Numbers are 0, and bytes and names empty, where they make no sense."""

    kind: str
    """`photo`, `video`, `voice` or `file`."""
    media_type: str
    """Like `image/jpeg`, as the sender says."""
    name: str
    """The file's name, as the sender says, of kind `file`; never a path to be trusted."""
    file_bytes: int
    """Length of the file."""
    width: int
    """Pixels across."""
    height: int
    """Pixels down."""
    duration_ms: int
    """How long it plays."""
    thumbhash: bytes
    """A blur to show before anything else is here (ThumbHash)."""
    preview: bytes
    """A small WebP of it, or nothing."""
    waveform: bytes
    """How loud a voice note is, from its begin to its end, 0 to 255."""
    state: TransferState
    """Where it stands."""
    reason: str
    """Why it failed."""
    bytes_total: int
    """What is moved: the file is sealed, and a little longer so."""
    bytes_done: int
    """How much of that has arrived."""
    bytes_per_s: int
    """How fast it was of late; 0 while that is not known."""

    def __repr__(self) -> str:
        """Show how far it is, never what it shows or its name."""
        return f"<Attachment {self.kind} {self.state} {self.bytes_done}/{self.bytes_total}>"

    @property
    def eta_s(self) -> float | None:
        """Seconds that the rest takes at this rate; None while that is not known."""
        left = self.bytes_total - self.bytes_done
        return 0.0 if not left else left / self.bytes_per_s if self.bytes_per_s else None


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat's history."""

    message_no: int
    """Number of the message in this database, for ever; not its place in the chat."""
    chat: str
    """The other side's phone number, E.164."""
    outgoing: bool
    """Whether this account wrote it."""
    state: MessageState
    """How far it has come."""
    text: str
    """The text; empty when it is unreadable."""
    sent_at_ms: int
    """When its author sent it, by the author's clock, in milliseconds since 1970."""
    reason: str = ""
    """Why it failed; empty otherwise."""
    missing_before: int = 0
    """How many messages of the same author right before this one are still missing (docs/protocol.md R9)."""
    place: int = 0
    """Its place in the chat, for paging: pass it as `before`."""
    attachment: Attachment | None = None
    """The file that it brings; `text` is the caption then."""
    unread: bool = False
    """Whether it came from the other side and was not marked as read: the first such one is where to go on reading."""

    def __repr__(self) -> str:
        """Show what it is, never what it says or to whom."""
        way = "outgoing" if self.outgoing else "incoming"
        return f"<Message {self.message_no} {way} {self.state}>"


class Standing(enum.StrEnum):
    """Whether a chat is wanted."""

    REQUESTED = "requested"
    """A stranger began it, and nobody has answered: a message request."""
    ACCEPTED = "accepted"
    """It was accepted, or something was sent in it."""
    BLOCKED = "blocked"
    """Nothing comes any more, and nothing can be sent."""


@dataclass(frozen=True, slots=True)
class AccountDevice:
    """One device of this account, as the account has signed it."""

    number: int
    """Its number; `Client.remove_device` takes it."""
    this: bool
    """Whether it is the one that you ask."""
    created_ms: int
    """When it became one, in milliseconds since 1970."""
    name: str = ""
    """What its user calls it, as the server said last (`Account.device_names`); empty if it has no name."""

    def __repr__(self) -> str:
        """Show no name."""
        return f"<AccountDevice {self.number}{' (this one)' if self.this else ''}>"


@dataclass(frozen=True, slots=True)
class Protection:
    """What is asked of whoever registers this account's phone number anew, besides the SMS."""

    pin: bool
    """Whether a PIN is (`Account.set_pin`)."""
    totp: bool
    """Whether a one-time password is (`Account.set_totp`)."""


@dataclass(frozen=True, slots=True)
class Totp:
    """What an authenticator app makes one-time passwords of (RFC 6238); see `Account.new_totp`."""

    phone: str = field(repr=False)
    """The account's number, by which the app lists it."""
    secret: bytes = field(repr=False)
    """Twenty random bytes."""

    @property
    def uri(self) -> str:
        """What the app reads as a QR code, or by a link: it holds the secret, so show it and keep it nowhere."""
        secret = base64.b32encode(self.secret).decode("ascii")
        return f"otpauth://totp/Onebar:{self.phone.replace('+', '%2B')}?secret={secret}&issuer=Onebar"


class Reach(enum.StrEnum):
    """Whether the server can be reached, as an app shows it."""

    UNREGISTERED = "unregistered"
    """The device has no account yet."""
    WAITING = "waiting"
    """No network, or no server: the next try comes at `LinkStatus.next_try_ms`."""
    SLEEPING = "sleeping"
    """In the background, and nothing is owed either way: the connection was closed to spare the battery."""
    CONNECTING = "connecting"
    """A connection is being made."""
    OPEN = "open"
    """Connected: mail goes both ways."""
    UNKNOWN = "unknown"
    """The server does not know this device: it lost its memory, or something on the way changes the host's name. It is
    tried again like any failed connection, and nothing is given up; if it lasts, register again."""
    REPLACING = "replacing"
    """This database is an old copy; a new device id is being asked for (docs/protocol.md R20)."""
    REMOVED = "removed"
    """The account no longer knows this device: register again."""
    ELSEWHERE = "elsewhere"
    """Another process on this database has the connection."""


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """What an app can say about the connection: "waiting for network, next try in 12 s". Times are wall-clock."""

    state: Reach
    """Whether the server can be reached."""
    since_ms: int = 0
    """Since when, in milliseconds since 1970."""
    round_trip_ms: float | None = None
    """Smoothed time from a question to its answer, in milliseconds; None while it is not known."""
    next_try_ms: int | None = None
    """When the next connection is tried, in milliseconds since 1970; None when none is planned."""
    reason: str = ""
    """Why the last connection ended, or could not be made, in plain words."""
    portal: bool = False
    """Whether something on this network seems to answer in the server's place, mostly a login page (a captive portal,
    RFC 8952): let the user sign in there, then call `Client.try_now`. A server that is not well can look the same."""
    caught_up_ms: int | None = None
    """When everything that waited at the server had come, the last time it had, in milliseconds since 1970; None: not
    yet. While it is before `since_ms`, a connected app is still fetching."""
    throughput_bps: int | None = None
    """How fast the server gets what is sent, in bits per second; None while nothing of size was sent."""

    @property
    def waits_for(self) -> str:
        """What it waits for, in plain words; empty while it waits for nothing."""
        if self.portal:
            return "you to sign in to this network"
        return _WAITS_FOR[self.state]

    def sentence(self, now_ms: int) -> str:
        """Return one line for a screen, such as "waiting for a network, next try in 12 s".

        Args:
            now_ms: The time of the phone's clock, in milliseconds since 1970.
        """
        if not self.waits_for:
            return _WORDS[self.state]
        left_s = None if self.next_try_ms is None else max(0, -((now_ms - self.next_try_ms) // 1000))
        return f"waiting for {self.waits_for}" + ("" if left_s is None else f", next try in {left_s} s")


_WORDS: Final = {
    Reach.OPEN: "connected",
    Reach.SLEEPING: "sleeping",
    Reach.ELSEWHERE: "another process has the connection",
}
_WAITS_FOR: Final = {
    **dict.fromkeys(_WORDS, ""),
    Reach.UNREGISTERED: "registration",
    Reach.WAITING: "a network",
    Reach.CONNECTING: "the server",
    Reach.UNKNOWN: "the server to know this device",
    Reach.REPLACING: "a new device number",
    Reach.REMOVED: "registration",
}


@dataclass(frozen=True, slots=True)
class Drained:
    """What `Client.drain` came to."""

    received: int
    """How many messages came from others."""
    waiting: int
    """How many messages of this device still wait for the server."""
    done: bool
    """Whether nothing waits, neither here nor at the server."""


def check_network(network: str) -> str:
    """Return the network's name if it can be used.

    Raises:
        InputError: It is not text, or longer than NETWORK_CHARS_MAX.
    """
    if not isinstance(network, str) or len(network) > NETWORK_CHARS_MAX:
        raise InputError(f"a network's name is a text of at most NETWORK_CHARS_MAX = {NETWORK_CHARS_MAX} characters")
    return network


def check_phone(phone: str) -> str:
    """Return the phone number if it is written in E.164.

    Raises:
        InputError: It is not a plus sign and 7 to 15 digits.
    """
    if not isinstance(phone, str) or not _PHONE.fullmatch(phone):
        raise InputError("a phone number is a plus sign and 7 to 15 digits, like +12025550101")
    return phone


def check_device_name(name: str) -> str:
    """Return the name of a device, without space around it.

    Raises:
        InputError: It is longer than DEVICE_NAME_MAX, or has more than one line.
    """
    if not isinstance(name, str) or not (stripped := name.strip()).isprintable():
        raise InputError("a device's name is one line of text")
    if len(stripped) > DEVICE_NAME_MAX:
        raise InputError(f"a device's name has at most DEVICE_NAME_MAX = {DEVICE_NAME_MAX} characters")
    return stripped


def check_text(text: str) -> str:
    """Return the text if it can be sent.

    Raises:
        InputError: It is empty, not text, or longer than TEXT_BYTES_MAX.
    """
    if not isinstance(text, str) or not text:
        raise InputError("a text needs at least one character")
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise InputError("the text holds half a surrogate pair, which no encoding can carry") from error
    if size > TEXT_BYTES_MAX:
        raise InputError(f"the text has {size} bytes, more than TEXT_BYTES_MAX = {TEXT_BYTES_MAX}: split it")
    return text


def check_key(key: str | None) -> str | None:
    """Return the idempotency key if it can be used.

    Raises:
        InputError: It is empty, not text, or longer than KEY_CHARS_MAX.
    """
    if key is None:
        return None
    if not isinstance(key, str) or any("\ud800" <= char <= "\udfff" for char in key):
        raise InputError("a key is text, without halves of surrogate pairs")
    if not 0 < len(key) <= KEY_CHARS_MAX:
        raise InputError(f"a key has 1 to KEY_CHARS_MAX = {KEY_CHARS_MAX} characters, not {len(key)}")
    return key
