"""What the model knows: one sender, one server, a recipient with one device or two, and the links between them."""

from typing import Final, NamedTuple

LINKS_MAX: Final = 3
"""Most links at once: the one in use, one beside it, and a broken one that still delivers."""

OUT: Final = "out"
"""A number without a verdict."""

SENT: Final = "sent"
"""A number that was accepted; as a message's state: shown as sent."""

REJECTED: Final = "rejected"
"""A number that was rejected; as a message's state: shown as rejected. As a note: the same."""

MISSING: Final = "missing"
"""A note: accepted, but the second device was left out (R4)."""

FIRST: Final[tuple[int, ...]] = (1,)
"""Sealed for the recipient's first device only. For both: FIRST + SECOND."""

SECOND: Final[tuple[int, ...]] = (2,)
"""Sealed for the second device only: a top-up."""

Notes = tuple[tuple[int, str], ...]


class Scope(NamedTuple):
    """How small a world is."""

    chats: str = "AA"
    """The chat of each message, in the order of writing."""
    faults: int = 1
    """Cuts, links beside the one in use, and deaths of either side, together."""
    rejects: int = 1
    window: int = 2
    second: bool = False
    """Whether a second device of the recipient may appear, unknown to the sender."""


class Envelope(NamedTuple):
    """One number of the outbox."""

    message: int
    devices: tuple[int, ...]
    verdict: str = OUT


class Up(NamedTuple):
    """A frame on its way to the server: hello, submit or find (the keys of the second device)."""

    kind: str
    number: int = 0
    floor: int = 0


class Down(NamedTuple):
    """A frame on its way to the client: welcome, accepted or found."""

    kind: str
    mark: int = 0
    notes: Notes = ()


class Link(NamedTuple):
    """One connection: two queues, and what the client remembers of it while it holds it."""

    up: tuple[Up, ...] = ()
    down: tuple[Down, ...] = ()
    whole: bool = True
    """Whether new frames can enter. What is in a broken one may still arrive, or be lost."""
    welcomed: bool = False
    position: int = 0
    """The highest number submitted on it."""
    asking: bool = False
    """Whether a find is on its way on it."""

    @property
    def held(self) -> bool:
        """Whether the client has it: it hears of a break behind what still arrives."""
        return self.whole or bool(self.down)


class State(NamedTuple):
    """Everything there is. Only the links are volatile, and whether a Welcome has `confirmed` the database (R20)."""

    faults: int
    rejects: int
    written: int = 0
    """How many messages the app has sent."""
    outbox: tuple[Envelope, ...] = ()
    due: tuple[int, ...] = ()
    """Messages that are due for the second device."""
    knows_second: bool = False
    confirmed: bool = False
    mark: int = 0
    floor: int = 0
    """The settled floor that the server has heard of."""
    notes: Notes = ()
    boxes: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
    """The messages in the mailboxes of both devices of the recipient."""
    second_since: int | None = None
    """How many messages the first device had when the second one appeared."""
    links: tuple[Link, ...] = ()
    """Oldest first."""

    @property
    def settled(self) -> int:
        """This number and all below have a verdict that the client has committed."""
        return next((n for n, envelope in enumerate(self.outbox) if envelope.verdict == OUT), len(self.outbox))

    def with_link(self, index: int, link: Link) -> "State":
        """Return this state with another link in this place."""
        return self._replace(links=(*self.links[:index], link, *self.links[index + 1 :]))

    def tidy(self) -> "State":
        """Return this state after both ends have heard of every break: what delivers nothing more is gone."""
        links = [link if link.held else Link(link.up, whole=False) for link in self.links]
        return self._replace(links=tuple(link for link in links if link.whole or link.up or link.down))


def shown(state: State) -> dict[int, str]:
    """Return what the app sees of each message that is numbered: the verdict on its first envelope."""
    states: dict[int, str] = {}
    for envelope in state.outbox:
        states.setdefault(envelope.message, envelope.verdict)
    return states


def broken_promise(state: State, scope: Scope) -> str:
    """Return the first promise that this state breaks, or nothing."""
    for message, devices, verdict in state.outbox:
        for device in devices:
            stored = message in state.boxes[device - 1]
            if verdict == SENT and not stored:
                return "lost: shown as sent, in no mailbox"
            if verdict == REJECTED and stored:
                return "untrue: shown as rejected, in a mailbox"
    for box in state.boxes:
        for place, message in enumerate(box):
            earlier = [other for other in box[:place] if scope.chats[other] == scope.chats[message]]
            if message in earlier:
                return "doubled: twice in a mailbox"
            if any(other > message for other in earlier):
                return "reordered: a chat out of order"
    if any(number <= state.mark - scope.window for number, _ in state.notes):
        return "unbounded: a note from before the window"
    return "forgotten: all is final, and the second device lacks one" if _forgotten(state, scope) else ""


def _forgotten(state: State, scope: Scope) -> bool:
    if state.second_since is None or not final(state, scope):
        return False
    rejected = {message for message, devices, verdict in state.outbox if (devices, verdict) == (SECOND, REJECTED)}
    return any(message not in state.boxes[1] and message not in rejected
               for message in state.boxes[0][state.second_since :])  # fmt: skip


def final(state: State, scope: Scope) -> bool:
    """Return whether every message has its final state, and nothing is due."""
    numbered = {envelope.message for envelope in state.outbox}
    return state.settled == len(state.outbox) and len(numbered) == len(scope.chats) and not state.due
