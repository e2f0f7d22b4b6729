"""What the router and the registration need from an engine: two ports.

`Ledger` holds accounts, devices, codes and prekeys; `Mailbox` holds verdicts and waiting mail. Both are asynchronous
and take a batch at a time: a turn hands over everything it has to write, and an engine commits it at once. The embedded
engine is `onebar_mockserver.sqlite`. The ports `Bus` (wake-ups between gateway processes) and `Blobs` (attachments)
join when they get their first user; what a bus will say has its place already: the router's input `Woken`.
"""

from collections.abc import Sequence
from enum import IntEnum
from math import ceil
from typing import Final, NamedTuple, Protocol

from onebar.core.frames import FLAG_SILENT, Ack, Hello, Note, Stock, Submit, Void
from onebar.core.questions import Question
from onebar.crypto.keys import PeerKeys


class EngineLostError(Exception):
    """Whether the last batch was committed is unknown: close the links and reopen the engine (R19)."""


class BatchFailedError(Exception):
    """An operation raised; nothing of its batch was committed. Run them one by one to find it (R19)."""


FLAG_COUNTED: Final = 1 << 62
"""In a mailbox only: this envelope counts against its sender's share of it, until it leaves (R25)."""


class Kind(IntEnum):
    """What a mailbox entry is."""

    ENVELOPE = 1
    TICK = 2
    UNDELIVERED = 3
    DROPPED = 4


class Entry(NamedTuple):
    """One mailbox entry. `account` and `device` name the peer; `out_no` counts entries in a DROPPED one."""

    seq: int
    kind: Kind
    account: int
    device: int
    out_no: int
    at_ms: int
    flags: int
    body: bytes

    @property
    def rings(self) -> bool:
        """Whether a device that is away is woken for it: somebody has said something."""
        return self.kind == Kind.ENVELOPE and not self.flags & FLAG_SILENT


class Rejection(NamedTuple):
    """In place of a Submit whose handling raised: spend its number with this reason."""

    submit: Submit
    reason: str


class Op(NamedTuple):
    """One frame to apply for a device, on behalf of the link that carries this connection number.

    The first that `speaks`, which is every frame after the link's Welcome, fences all older links of the device (R16).
    """

    link: int
    device: int
    connection_no: int
    frame: Hello | Submit | Void | Ack | Rejection
    speaks: bool = False


class Attached(NamedTuple):
    """The Hello was taken: the device's place and verdicts."""

    epoch: int
    cursor: int
    head: int
    mark: int
    mark_hash: bytes
    notes: tuple[Note, ...]
    floor: int
    stock: Stock


class Refusal(NamedTuple):
    """The Hello was not taken, for a reason of §3."""

    reason: str
    connection_no: int


class Judged(NamedTuple):
    """The verdicts after a Submit or Void; not `answered` if its number was above `mark + 1` (R1)."""

    answered: bool
    mark: int
    notes: tuple[Note, ...]


class Slowed(NamedTuple):
    """No verdict: the number was not judged, because this limit is used up for so long (docs/protocol.md §8)."""

    out_no: int
    limit: str
    wait_s: float


class Acked(NamedTuple):
    """The Ack was applied."""


class Fenced(NamedTuple):
    """A newer link or a removal has ended this one; the frame was not applied."""


class Broken(NamedTuple):
    """The frame cannot be handled or makes no sense, or far too much is unsettled: it costs the link."""


Result = Attached | Refusal | Judged | Slowed | Acked | Fenced | Broken


class Appended(NamedTuple):
    """An entry that a batch added to a mailbox; `head` is the mailbox's last number before it."""

    device: int
    head: int
    entry: Entry


class Outcome(NamedTuple):
    """What a committed batch did: one result for each operation, and the entries it added, in order."""

    results: list[Result]
    appended: list[Appended]


class Want(NamedTuple):
    """A request for a page: entries after `after`, at most about `bytes_max` of them."""

    device: int
    after: int
    bytes_max: int


class Page(NamedTuple):
    """Entries in order; `more` tells that the mailbox holds others behind them, `head` its last number."""

    entries: list[Entry]
    more: bool
    head: int


class Swept(NamedTuple):
    """What one step of the sweep did: `woken` mailboxes got notices; `done` when nothing is left to drop."""

    woken: frozenset[int]
    done: bool


class Identity(NamedTuple):
    """Who a device is, for checking what it has signed."""

    account: int
    identity_key: bytes
    removed: bool = False


class Keys(NamedTuple):
    """A device's public keys as registered (§2)."""

    identity_key: bytes
    box_key: bytes
    key_signature: bytes

    @property
    def valid(self) -> bool:
        """Whether the identity key really signed the box key."""
        return PeerKeys(*self).valid


class Code(NamedTuple):
    """A registration code in life, to be sent now; `made_at_ms` is when its life began."""

    code: str
    made_at_ms: int


class Registered(NamedTuple):
    """The device now known, and the devices that it put out of use."""

    account: int
    device: int
    removed: tuple[int, ...] = ()


class RegistrationError(Exception):
    """A registration was refused; `name` is an error name of §2, the text is its detail."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(detail)
        self.name = name

    @property
    def facts(self) -> dict[str, int | str]:
        """What a program may want to know of it, by name."""
        return {}


class RateLimitedError(RegistrationError):
    """A limit is used up; `limit` is its name, and asking again makes sense after `retry_after_s`."""

    def __init__(self, limit: str, retry_after_s: float) -> None:
        super().__init__("rate_limited", f"the limit {limit} is used up; try again in {ceil(retry_after_s)} s")
        self.limit = limit
        self.retry_after_s = retry_after_s

    @property
    def facts(self) -> dict[str, int | str]:
        """The limit's name, and when to come back."""
        return {"limit": self.limit, "retry_after_s": ceil(self.retry_after_s)}


class PinError(RegistrationError):
    """The number is protected; `name` is `pin_required`, `wrong_pin`, `totp_required` or `wrong_totp`."""

    def __init__(self, name: str, tries_left: int, lapses_at_ms: int) -> None:
        what = "PIN" if name.endswith("pin") or name.startswith("pin") else "one-time password"
        wrong = f"the {what} is wrong; " if name.startswith("wrong") else ""
        super().__init__(
            name,
            f"{wrong}this number is protected by a {what}; {tries_left} tries left, or wait until it lapses",
        )
        self.tries_left = tries_left
        self.lapses_at_ms = lapses_at_ms

    @property
    def facts(self) -> dict[str, int | str]:
        """How many tries are left, and when the protection ends if its devices stay silent."""
        return {"tries_left": self.tries_left, "lapses_at_ms": self.lapses_at_ms}


class Asked(NamedTuple):
    """A question, and the device that asks it."""

    account: int
    device: int
    question: Question


class Answer(NamedTuple):
    """The encoded result, or the name of an error; and the devices that the question has put out of use.

    With the error `rate_limited` the result says which limit it is.
    """

    result: bytes = b""
    error: str = ""
    removed: tuple[int, ...] = ()
    why: str = "device_removed"
    """Why they are out of use: a reason of §3."""


class QuestionError(Exception):
    """A question has no answer; `name` is an error name of §5."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Bell(Protocol):
    """Wakes devices that are away. Nothing here waits: turns call it."""

    def ring(self, device: int, *, soon: bool = False) -> None:
        """Wake a device for which a message waits; `soon`: unless it connects by itself first."""

    def answered(self, device: int) -> None:
        """Note that a device has connected."""

    def missed(self) -> None:
        """Note that messages may have come of which nobody said anything."""


class Silence:
    """A bell that wakes nobody."""

    def ring(self, device: int, *, soon: bool = False) -> None:
        """Do nothing."""

    def answered(self, device: int) -> None:
        """Do nothing."""

    def missed(self) -> None:
        """Do nothing."""


class Ledger(Protocol):
    """Accounts, devices, registration codes, and what devices have published."""

    async def issue_code(self, phone: str, fresh: bytes, now_ms: int) -> Code:
        """Return the phone's code in life, or make one of the random bytes `fresh`; it is to be sent now.

        Raises:
            RateLimitedError: It is too early: `code_resend` while the last code can still be used, else `codes`.
            EngineLostError: Unknown whether it was stored; ask again.
        """

    async def code_not_sent(self, phone: str, now_ms: int) -> None:
        """Note that the code could not be sent, so that it may be asked for again at once.

        Raises:
            EngineLostError: Unknown whether it was stored.
        """

    async def register(
        self, phone: str, code: str, keys: Keys, now_ms: int, pin: bytes = b"", totp: str = ""
    ) -> Registered:
        """Register a device by its code; the account's other devices and its device list are removed (§2).

        Raises:
            PinError: The number wants another PIN or one-time password; the code can be used again.
            RegistrationError: The code is wrong or expired, or the PIN was tried too often.
            EngineLostError: Unknown whether it was stored; ask again.
        """

    async def replace(self, account: int, device: int, keys: Keys, now_ms: int) -> Registered:
        """Give a restored phone a new device id (R20). The caller has checked the proof.

        Raises:
            RegistrationError: The old device was removed by something else, or replaced too often today.
            EngineLostError: Unknown whether it was stored; ask again.
        """

    async def identities(self, devices: Sequence[int]) -> dict[int, Identity]:
        """Return who these devices are, removed ones too; unknown and pending ones are left out.

        Raises:
            EngineLostError: The engine must be reopened.
        """

    async def answer(self, asked: Sequence[Asked], now_ms: int) -> list[Answer]:
        """Answer questions in order, and return when what they changed is durable.

        Raises:
            BatchFailedError: A question raised; nothing was committed.
            EngineLostError: Whether it was committed is unknown.
        """


class Mailbox(Protocol):
    """Verdicts and waiting mail."""

    async def apply(self, ops: Sequence[Op], now_ms: int) -> Outcome:
        """Apply a batch in order and return when it is durable (D9).

        Raises:
            BatchFailedError: An operation raised; nothing was committed.
            EngineLostError: Whether it was committed is unknown.
        """

    async def fetch(self, wants: Sequence[Want]) -> list[Page]:
        """Return one page for each wish, with everything that was committed before the call.

        Raises:
            EngineLostError: The engine must be reopened.
        """

    async def sweep(self, now_ms: int) -> Swept:
        """Do a bounded step of dropping mail that is too old or whose device is gone, with its notices (R5).

        Raises:
            EngineLostError: The engine must be reopened.
        """

    async def reopen(self) -> None:
        """Open the engine anew after EngineLostError.

        Raises:
            EngineLostError: It cannot be opened yet; try again later.
        """
