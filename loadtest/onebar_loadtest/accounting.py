"""Every message of a run, accounted for: arrived, lost, doubled, reordered, late, or ended visibly for its author."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Final

LATE_S: Final = 60.0
"""A message that takes longer although both phones and the server are there is late: twice the longest pause between
two dials (DESIGN D8), for a dial that fails."""

SHOWN_MAX: Final = 10
"""Most complaints that are kept in words; all are counted."""


PHOTO: Final = ".photo"
"""How the keys of messages end that bring a photo."""


@dataclass(slots=True)
class Tally:
    """What came of all messages; tallies of several processes add up."""

    sent: int = 0
    """Messages that `send` has committed."""
    accepted: int = 0
    """Those that the server has said to have."""
    delivered: int = 0
    """Those that the app of the other phone has got, each counted once."""
    lost: int = 0
    """Those that ended in no visible state and did not arrive."""
    duplicated: int = 0
    """Arrivals of what had arrived before, or of what nobody sent to that phone."""
    reordered: int = 0
    """Arrivals behind a later one of the same author. Photos take their time, and are not looked at for that."""
    photos: int = 0
    """Those of the delivered that brought a photo, which is whole at the other phone."""
    late: int = 0
    """Arrivals more than LATE_S after the last time when a phone or the server was away, photos left out."""
    unreadable: int = 0
    """Messages that could not be opened, even after they were asked for again."""
    beside: int = 0
    """Messages of light devices that have arrived; they are in no other figure."""
    beside_lost: int = 0
    """Those that have not, or that the server has refused; and light devices that heard wrongly or lost their link."""
    failed: dict[str, int] = field(default_factory=dict)
    """Those that ended visibly for their author, by reason, such as `rate_limited`."""
    limited: dict[str, int] = field(default_factory=dict)
    """How often phones were told of a rate limit of the server, by its name: messages waited, and none was lost."""
    complaints: list[str] = field(default_factory=list)
    """The first ones of what is wrong, in words, without texts and numbers."""

    @property
    def open(self) -> int:
        """How many messages are not accounted for: none, unless a process did not come to its end."""
        return self.sent - self.delivered - self.lost - sum(self.failed.values())

    @property
    def right(self) -> bool:
        """Whether every message arrived once, in order and in time, or ended visibly."""
        wrong = self.lost or self.duplicated or self.reordered or self.late or self.unreadable
        return not (wrong or self.beside_lost)

    def add(self, other: "Tally") -> None:
        """Add another process's tally."""
        for name, value in asdict(other).items():
            if isinstance(value, int):
                setattr(self, name, getattr(self, name) + value)
        self.failed = dict(Counter(self.failed) + Counter(other.failed))
        self.limited = dict(Counter(self.limited) + Counter(other.limited))
        self.complaints = [*self.complaints, *other.complaints][:SHOWN_MAX]

    def known(self) -> dict[str, object]:
        """Return it as plain data, for a report or another process."""
        return asdict(self)

    @classmethod
    def from_known(cls, known: Mapping[str, object]) -> "Tally":
        """Read what `known` returned."""
        return cls(**known)  # type: ignore[arg-type]


@dataclass(slots=True)
class _Stream:
    """What one phone says to another one."""

    said_s: list[float] = field(default_factory=list)
    """When, by number from 0."""
    arrived: bytearray = field(default_factory=bytearray)
    """Which have arrived, ended, or were taken back."""
    last: int = -1
    """The highest number that has arrived."""


class Ledger:
    """Who said what to whom, and what became of it. The text of each message begins with its key.

    A message with a photo arrives when the photo is there, whole.
    """

    def __init__(self) -> None:
        self.tally = Tally()
        self._streams: dict[tuple[int, int, bool], _Stream] = {}  # by author, reader, and whether they are photos

    @property
    def waiting(self) -> int:
        """How many messages have neither arrived nor ended."""
        return self.tally.open

    def waiting_phones(self) -> set[int]:
        """Return the phones that have said something that has not arrived, and those that wait for it."""
        return {no for who, stream in self._streams.items() if 0 in stream.arrived for no in who[:2]}

    def met(self, one: int, other: int) -> bool:
        """Whether a text between two phones has arrived, either way: then there is a session for the next ones."""
        streams = self._streams.get((one, other, False)), self._streams.get((other, one, False))
        return any(1 in stream.arrived for stream in streams if stream is not None)

    def say(self, author: int, reader: int, at_s: float, *, photo: bool = False) -> str:
        """Note that a phone says something to another one; return the key that its text must begin with."""
        stream = self._streams.setdefault((author, reader, photo), _Stream())
        stream.said_s.append(at_s)
        stream.arrived.append(0)
        self.tally.sent += 1
        return f"{author}.{reader}.{len(stream.said_s) - 1}{PHOTO if photo else ''}"

    def take_back(self, key: str) -> None:
        """Note that `send` has refused it: nobody was promised anything."""
        author, reader, number = (int(part) for part in key.removesuffix(PHOTO).split("."))
        self._streams[author, reader, key.endswith(PHOTO)].arrived[number] = 1
        self.tally.sent -= 1

    def accept(self) -> None:
        """Note that an author was told that the server has a message."""
        self.tally.accepted += 1

    def limit(self, name: str) -> None:
        """Note that a phone was told of a rate limit."""
        self.tally.limited[name] = self.tally.limited.get(name, 0) + 1

    def arrive(self, reader: int, text: str, at_s: float, back_s: float = 0.0) -> float | None:
        """Note that a phone's app has got a text.

        Args:
            reader: The phone.
            text: The text; its first word is the key.
            at_s: When.
            back_s: When the last outage ended that was in its way.

        Returns:
            How long it took since it was said; None if it should not have come.
        """
        author, number, stream = self._find(reader, text)
        photo = is_photo(text)
        if stream is None:
            self.tally.duplicated += 1
            self._complain(f"phone {reader} got what nobody sent to it")
            return None
        if stream.arrived[number]:
            self.tally.duplicated += 1
            self._complain(f"message {number} of phone {author} came to phone {reader} twice")
            return None
        stream.arrived[number] = 1
        self.tally.delivered += 1
        self.tally.photos += photo
        if number < stream.last and not photo:
            self.tally.reordered += 1
            self._complain(f"message {number} of phone {author} came to phone {reader} after message {stream.last}")
        stream.last = max(stream.last, number)
        waited_s = at_s - max(stream.said_s[number], back_s)
        if waited_s > LATE_S and not photo:
            self.tally.late += 1
            self._complain(f"message {number} of phone {author} came to phone {reader} after {waited_s:.0f} s")
        return at_s - stream.said_s[number]

    def author(self, text: str) -> int:
        """Return the phone that says to have sent a text; -1 if none does."""
        name = text.partition(".")[0]
        return int(name) if name.isdecimal() and name.isascii() else -1

    def fail(self, text: str, reader: int, reason: str) -> None:
        """Note that a message ended visibly for its author."""
        _, number, stream = self._find(reader, text)
        if stream is not None and not stream.arrived[number]:  # a message that arrived may have lost its tick
            stream.arrived[number] = 1
            self.tally.failed[reason] = self.tally.failed.get(reason, 0) + 1

    def unreadable(self, reader: int) -> None:
        """Note that a message could not be opened."""
        self.tally.unreadable += 1
        self._complain(f"phone {reader} could not open a message")

    def no_photo(self, reader: int, reason: str) -> None:
        """Note why the photo of a message is not at the phone that it was sent to; the message counts as lost."""
        self._complain(f"a photo did not come to phone {reader}: {reason}")

    def close_beside(self, said: int, arrived: int, wrong: int) -> None:
        """Account for what light devices said, and for those that heard wrongly or lost their link."""
        self.tally.beside, self.tally.beside_lost = arrived, said - arrived + wrong
        if self.tally.beside_lost:
            self._complain(f"{said - arrived} messages of light devices did not arrive, {wrong} of these went wrong")

    def close(self) -> Tally:
        """Count what has not arrived as lost; return the tally."""
        self.tally.lost = 0
        for (author, reader, photo), stream in self._streams.items():
            missing = stream.arrived.count(0)
            if missing:
                self.tally.lost += missing
                first = stream.arrived.index(0)
                what = "photos" if photo else "messages"
                self._complain(f"{missing} {what} of phone {author} to phone {reader} are lost, first {first}")
        return self.tally

    def _find(self, reader: int, text: str) -> tuple[int, int, _Stream | None]:
        try:
            author, to, number = (int(part) for part in key_of(text).removesuffix(PHOTO).split("."))
        except ValueError:
            return 0, 0, None
        stream = self._streams.get((author, to, is_photo(text)))
        if to != reader or stream is None or not 0 <= number < len(stream.said_s):
            return 0, 0, None
        return author, number, stream

    def _complain(self, text: str) -> None:
        if len(self.tally.complaints) < SHOWN_MAX:
            self.tally.complaints.append(text)


def key_of(text: str) -> str:
    """Return the key of a message: its first word."""
    return text.partition(" ")[0]


def is_photo(text: str) -> bool:
    """Whether a message brings a photo."""
    return key_of(text).endswith(PHOTO)
