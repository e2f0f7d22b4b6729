"""What travels on the link: frames, and the messages that hold them (docs/protocol.md §4).

One binary WebSocket message is a MessagePack array of frames. A frame is an array that starts with its tag. A reader
skips tags that it does not know and fields that it does not expect, so that newer peers can add to both.
"""

from collections.abc import Iterable
from typing import Annotated, Final, TypeVar, get_args

import msgspec

MESSAGE_BYTES_MAX: Final = 256 * 1024
"""Longest WebSocket message: 64 KiB of delivery credit (R25) and room for a burst of verdicts and ticks."""

SUBMIT_BYTES_MAX: Final = 16 * 1024
"""Longest Submit or Deliver (R7): on a 20 kbit/s link it takes 6.5 s, and nothing urgent may wait longer."""

FRAMES_MAX: Final = 1024
"""Most frames in one message: more than a full window of submits with its acks, far below what hurts."""

HASH_BYTES: Final = 16
"""Length of an envelope's hash. It tells an old copy of a database from the real one; it guards no secret."""

VOID_HASH: Final = bytes(HASH_BYTES)
"""The hash of a number that was spent by Void (R3)."""

FLAG_TOP_UP: Final = 1
"""On Submit: only the devices named are meant, so do not look for missing ones (R4)."""

FLAG_SILENT: Final = 2
"""On Submit and Deliver: control content, which earns no Delivered tick."""

Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Hash = Annotated[bytes, msgspec.Meta(max_length=HASH_BYTES)]
Key = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
Signature = Annotated[bytes, msgspec.Meta(min_length=64, max_length=64)]
Name = Annotated[str, msgspec.Meta(max_length=64)]


class Hello(msgspec.Struct, array_like=True, frozen=True, tag=1):
    """Who the client is and where it stopped (§3); signed together with the frames behind it."""

    account: Number
    device: Number
    connection_no: Number
    time_ms: Number
    epoch: Number
    cursor: Number
    floor: Number
    unopened: Annotated[tuple[Number, ...], msgspec.Meta(max_length=FRAMES_MAX)] = ()


class Submit(msgspec.Struct, array_like=True, frozen=True, tag=2):
    """One sealed envelope under its number; `recipients` are the sealed bytes, a `list[Recipient]`."""

    out_no: Number
    floor: Number
    flags: Number
    recipients: msgspec.Raw


class Void(msgspec.Struct, array_like=True, frozen=True, tag=3):
    """Spend a number that cannot be used any more (R3)."""

    out_no: Number
    floor: Number


class Ack(msgspec.Struct, array_like=True, frozen=True, tag=4):
    """Everything up to this cursor is committed; those of `unopened` could not be opened (R11)."""

    epoch: Number
    cursor: Number
    unopened: Annotated[tuple[Number, ...], msgspec.Meta(max_length=FRAMES_MAX)] = ()


class Request(msgspec.Struct, array_like=True, frozen=True, tag=5):
    """A question; the Response repeats its number. `params` is one of `onebar.core.questions`, by its method."""

    no: Number
    method: Name
    params: msgspec.Raw


class Ping(msgspec.Struct, array_like=True, frozen=True, tag=6):
    """Asks for a Pong with the same nonce."""

    nonce: Number


class Limits(msgspec.Struct, array_like=True, frozen=True):
    """The server's limits, announced on connect (D10). Bytes, counts and seconds."""

    message_bytes_max: Number
    submit_bytes_max: Number
    window: Number
    retention_s: Number
    outbox_s: Number
    mailbox_bytes_max: Number
    messages_max: Number = 0
    """Envelopes for one other account that the server takes at once; 0: any number."""
    messages_refill_ms: Number = 0
    """Time after which it takes one more."""


class Note(msgspec.Struct, array_like=True, frozen=True):
    """A verdict that is not plainly accepted (R3): a reason means rejected, else devices were left out or are gone."""

    out_no: Number
    reason: Name = ""
    missing: tuple[tuple[Number, Number], ...] = ()
    removed: tuple[tuple[Number, Number], ...] = ()


class Stock(msgspec.Struct, array_like=True, frozen=True):
    """What the server holds of what the device and its account have published (§5); zeros where it is nothing."""

    list_counter: Number = 0
    """Of the account's device list."""
    bundle_ms: Number = 0
    """When the device's signed prekey bundle was made."""
    one_time: Number = 0
    """One-time X25519 prekeys left."""
    one_time_kem: Number = 0
    """One-time ML-KEM prekeys left."""


class Welcome(msgspec.Struct, array_like=True, frozen=True, tag=32):
    """The answer to Hello: deliveries go on after `cursor`; `mark` and `notes` as in Accepted.

    `floor` is the highest settled floor that the server ever heard of: a lower one in the Hello is an old copy's (R20).
    """

    server_time_ms: Number
    connection_no: Number
    epoch: Number
    cursor: Number
    mark: Number
    mark_hash: Hash
    notes: tuple[Note, ...]
    limits: Limits
    floor: Number = 0
    stock: Stock = Stock()


class Accepted(msgspec.Struct, array_like=True, frozen=True, tag=33):
    """Cumulative verdicts: every number up to `mark` is accepted but for what all the notes above the floor say."""

    mark: Number
    notes: tuple[Note, ...] = ()


class Response(msgspec.Struct, array_like=True, frozen=True, tag=34):
    """The answer to the Request of this number: its `result` (`onebar.core.questions`), or the name of an error.

    With the error `rate_limited` the result is a `questions.Limited`.
    """

    no: Number
    error: Name = ""
    result: msgspec.Raw = msgspec.Raw(b"\xc0")


class Deliver(msgspec.Struct, array_like=True, frozen=True, tag=35):
    """One envelope from the mailbox. `prev_seq` is what this link sent last (R14).

    `sent_at_ms` is 0: version 0.1.0 told when the server had accepted the envelope, and nobody needed its 9 bytes.
    """

    prev_seq: Number
    seq: Number
    account: Number
    device: Number
    out_no: Number
    sent_at_ms: Number
    flags: Number
    ciphertext: bytes


class Dropped(msgspec.Struct, array_like=True, frozen=True, tag=36):
    """Entries up to `seq` that the server had to drop stand here no more (R14)."""

    prev_seq: Number
    seq: Number
    count: Number
    reason: Name


class CaughtUp(msgspec.Struct, array_like=True, frozen=True, tag=37):
    """The mailbox held nothing more when this was sent."""

    seq: Number


class Delivered(msgspec.Struct, array_like=True, frozen=True, tag=38):
    """A device opened these envelopes: ranges `(first, last)` of the reader's own `out_no` (R12)."""

    prev_seq: Number
    seq: Number
    account: Number
    device: Number
    out_nos: tuple[tuple[Number, Number], ...]


class Undelivered(msgspec.Struct, array_like=True, frozen=True, tag=39):
    """The server gave up delivering one envelope to one device (R5)."""

    prev_seq: Number
    seq: Number
    account: Number
    device: Number
    out_no: Number
    reason: Name


class Pong(msgspec.Struct, array_like=True, frozen=True, tag=40):
    """The answer to Ping."""

    nonce: Number


class GoAway(msgspec.Struct, array_like=True, frozen=True, tag=41):
    """The server is about to close: connect again at a random moment within this time (R17)."""

    within_ms: Number
    reason: Name


class Refused(msgspec.Struct, array_like=True, frozen=True, tag=42):
    """The server will not have this link; `connection_no` is the highest that it has committed (§3)."""

    reason: Name
    connection_no: Number = 0


class FlightWanted(msgspec.Struct, array_like=True, frozen=True, tag=43):
    """The upgrade came without its flight, perhaps stripped on the way: send it as the first message."""


class Slow(msgspec.Struct, array_like=True, frozen=True, tag=44):
    """No verdict yet: this number was not judged, because a limit is used up. Submit it again after the wait (§8)."""

    out_no: Number
    limit: Name
    wait_ms: Number


ClientFrame = Hello | Submit | Void | Ack | Request | Ping
ServerFrame = (
    Welcome
    | Accepted
    | Response
    | Deliver
    | Dropped
    | CaughtUp
    | Delivered
    | Undelivered
    | Pong
    | GoAway
    | Refused
    | FlightWanted
    | Slow
)


class Recipient(msgspec.Struct, array_like=True, frozen=True):
    """The ciphertexts for devices of one account; they travel one by one, and the server knows whose each device is."""

    account: Number
    """0: whose the devices are."""
    envelopes: tuple[tuple[Number, bytes], ...]
    """Pairs of device and ciphertext."""


class Unreadable(msgspec.Struct, frozen=True):
    """A frame that is not valid here: an unknown tag (a newer peer; skip it), or a broken one."""

    unknown_tag: bool
    problem: str


class MessageError(ValueError):
    """The bytes are not a message at all: not an array, too many frames, or nested beyond reason."""


class _Tagged(msgspec.Struct, array_like=True, frozen=True):
    """The tag of any frame, whatever follows it."""

    tag: int


T = TypeVar("T")

_tagged = msgspec.msgpack.Decoder(_Tagged)
_encoder = msgspec.msgpack.Encoder()
_frames = msgspec.msgpack.Decoder(Annotated[list[msgspec.Raw], msgspec.Meta(max_length=FRAMES_MAX)])
_client_frame = msgspec.msgpack.Decoder(ClientFrame)
_server_frame = msgspec.msgpack.Decoder(ServerFrame)
_Envelopes = Annotated[tuple[tuple[Number, bytes], ...], msgspec.Meta(max_length=FRAMES_MAX)]
_recipients = msgspec.msgpack.Decoder(
    Annotated[list[tuple[Number, bytes | _Envelopes]], msgspec.Meta(max_length=FRAMES_MAX)]
)


def is_unknown(data: bytes | msgspec.Raw, known: object) -> bool:
    """Whether this is an array with an integer tag that no member of a union of structs has."""
    try:
        tag = _tagged.decode(data).tag
    except (msgspec.DecodeError, ValueError, RecursionError):
        return False
    return tag not in {kind.__struct_config__.tag for kind in get_args(known)}


def describe(frame: object) -> str:
    """Name a frame for a log: its kind and its number, and nothing of what it carries."""
    for name in ("out_no", "seq", "cursor", "mark", "no", "nonce", "reason"):
        if hasattr(frame, name):
            return f"{type(frame).__name__} {name}={getattr(frame, name)}"
    return type(frame).__name__


def encode(value: object) -> bytes:
    """Encode one frame, its sealed recipients, or any other value of this module."""
    return _encoder.encode(value)


def encode_message(frames: Iterable[ClientFrame | ServerFrame]) -> bytes:
    """Encode what a turn has to say on one link as one WebSocket message."""
    return _encoder.encode(list(frames))


def join(encoded: Iterable[bytes]) -> bytes:
    """Make one WebSocket message of frames that are encoded already."""
    return _encoder.encode([msgspec.Raw(frame) for frame in encoded])


def decode_client(message: bytes) -> list[ClientFrame | Unreadable]:
    """Decode what a client sent.

    Raises:
        MessageError: The bytes are no message. The peer is broken or hostile: close its link.
    """
    return [_decode(_client_frame, ClientFrame, raw) for raw in _split(message)]


def decode_server(message: bytes) -> list[ServerFrame | Unreadable]:
    """Decode what the server sent.

    Raises:
        MessageError: The bytes are no message. Close the link and connect again.
    """
    return [_decode(_server_frame, ServerFrame, raw) for raw in _split(message)]


def encode_recipients(envelopes: Iterable[tuple[int, bytes]]) -> bytes:
    """Encode pairs of device and ciphertext, the sealed bytes of a Submit."""
    return _encoder.encode(list(envelopes))


def decode_recipients(sealed: msgspec.Raw) -> list[Recipient]:
    """Decode the sealed bytes of a Submit: pairs of device and ciphertext, or as version 0.1.0 had them, by account.

    Raises:
        MessageError: They are not a list of recipients.
    """
    try:
        pairs = _recipients.decode(sealed)
    except (msgspec.DecodeError, RecursionError) as error:
        raise MessageError(f"recipients: {error}") from error
    return [
        Recipient(0, ((number, what),)) if isinstance(what, bytes) else Recipient(number, what)
        for number, what in pairs
    ]


def decode_as(kind: type[T], raw: msgspec.Raw | bytes) -> T:
    """Decode the parameters of a Request or the result of a Response.

    Raises:
        MessageError: The bytes are not of this kind.
    """
    try:
        return msgspec.msgpack.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MessageError(f"{kind.__name__}: {error}") from error


def _split(message: bytes) -> list[msgspec.Raw]:
    try:
        frames: list[msgspec.Raw] = _frames.decode(message)
    except (msgspec.DecodeError, RecursionError) as error:
        raise MessageError(f"a message of {len(message)} bytes is not an array of frames: {error}") from error
    return frames


def _decode(decoder: msgspec.msgpack.Decoder[T], known: object, raw: msgspec.Raw) -> T | Unreadable:
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:  # msgspec lets the second one through
        return Unreadable(is_unknown(raw, known), str(error))
