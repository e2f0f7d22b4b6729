"""The rules R1–R4 in a dozen functions from state to state, and everything that can happen to a small world.

`Rules` holds what both sides do with a frame, and the faults. Its two subclasses differ in when the client acts of its
own accord: under `AtAnyTime` at any moment and in any order that the rules allow; under `InTurns` as the product does,
which uses every chance within the turn that brings it.
"""

from collections.abc import Iterator
from enum import Enum
from typing import Final, NamedTuple

from tests.simulation.model.state import (
    FIRST,
    LINKS_MAX,
    MISSING,
    OUT,
    REJECTED,
    SECOND,
    SENT,
    Down,
    Envelope,
    Link,
    Notes,
    Scope,
    State,
    Up,
    final,
)


class Kind(Enum):
    """What can happen; # stands for a link."""

    OPENS = "client opens a link"
    BESIDE = "client opens a link beside the others"
    SEALS = "client seals message"
    SUBMITS = "client submits the next number on #"
    WRITES = "app sends a message"
    HEARS = "client hears the next frame of #"
    SERVES = "server takes the next frame of #"
    REJECTS = "server takes the next frame of #, and rejects it"
    CUTS = "# breaks"
    LOSES_UP = "# loses what was on its way up"
    LOSES_DOWN = "# loses what was on its way down"
    CLIENT_DIES = "client dies"
    SERVER_DIES = "server dies"
    APPEARS = "second device appears"


FAULTS: Final = frozenset({Kind.BESIDE, Kind.CUTS, Kind.CLIENT_DIES, Kind.SERVER_DIES})
"""What costs the budget of faults."""

CHANCES: Final = FAULTS | {Kind.LOSES_UP, Kind.LOSES_DOWN, Kind.APPEARS}
"""What may never happen. Everything else is due sooner or later."""


class Event(NamedTuple):
    """One thing that happens; `place` is that of the link that it happens to."""

    kind: Kind
    place: int = 0
    detail: str = ""

    def __str__(self) -> str:
        """Say it in words."""
        return f"{self.kind.value.replace('#', f'link {self.place + 1}')} {self.detail}".rstrip()


Step = tuple[Event, State]


class Rules:
    """What both sides do with a frame, and what can go wrong."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    @property
    def start(self) -> State:
        """The first state."""
        return State(self.scope.faults, self.scope.rejects)

    def steps(self, state: State) -> Iterator[Step]:
        """Yield all that can happen next."""
        for event, after in (*self.own_steps(state), *self.frame_steps(state), *self.fault_steps(state)):
            if event.kind not in FAULTS:
                yield event, after.tidy()
            elif state.faults:
                yield event, after._replace(faults=state.faults - 1).tidy()

    def own_steps(self, state: State) -> Iterator[Step]:
        """Yield what the client may do of its own accord."""
        yield from ()

    def acted(self, state: State) -> State:
        """Return the state after what the client does within the turn that something brought it."""
        return state

    def frame_steps(self, state: State) -> Iterator[Step]:
        """Yield what becomes of the next frame of each queue."""
        for index, link in enumerate(state.links):
            if link.down:
                yield Event(Kind.HEARS, index), self.acted(self.hear(state, index))
            if link.up:
                yield Event(Kind.SERVES, index), self.serve(state, index)
                first = link.up[0]
                if first.kind == "submit" and self.takes(state, first.number) and state.rejects:
                    after = self.serve(state._replace(rejects=state.rejects - 1), index, rejects=True)
                    yield Event(Kind.REJECTS, index), after

    def fault_steps(self, state: State) -> Iterator[Step]:
        """Yield what goes wrong, and the second device."""
        for index, link in enumerate(state.links):
            if link.whole:
                yield Event(Kind.CUTS, index), state.with_link(index, link._replace(whole=False))
            if link.up and not link.whole:
                yield Event(Kind.LOSES_UP, index), state.with_link(index, link._replace(up=()))
            if link.down and not link.whole:
                yield Event(Kind.LOSES_DOWN, index), state.with_link(index, link._replace(down=()))
        if state.links:
            down = tuple(link._replace(whole=False, down=()) for link in state.links)
            yield Event(Kind.CLIENT_DIES), state._replace(links=down, confirmed=False)
            yield Event(Kind.SERVER_DIES), self.server_dies(state)
        if self.scope.second and state.second_since is None:
            yield Event(Kind.APPEARS), state._replace(second_since=len(state.boxes[0]))

    def server_dies(self, state: State) -> State:
        """All links break, and what the server has not read is lost."""
        return state._replace(links=tuple(link._replace(whole=False, up=()) for link in state.links))

    # The client

    def hear(self, state: State, index: int) -> State:
        """The client takes the next frame of a link and commits what it says (R3)."""
        link = state.links[index]
        frame, link = link.down[0], link._replace(down=link.down[1:])
        if frame.kind == "found":
            return state.with_link(index, link._replace(asking=False))._replace(knows_second=True)
        if frame.kind == "welcome":  # the first link welcomed wins: the client closes the others
            others = tuple(other._replace(whole=False, down=()) for other in state.links)
            state = state._replace(links=others, confirmed=True)
            link = link._replace(welcomed=True)
        return self.learn(state.with_link(index, link), frame.mark, frame.notes)

    def learn(self, state: State, mark: int, notes: Notes) -> State:
        """Apply the notes first, then take every other outstanding number up to the mark as accepted."""
        noted, outbox, due = dict(notes), list(state.outbox), list(state.due)
        for number in range(state.settled + 1, mark + 1):
            message, devices, _ = outbox[number - 1]
            note = noted.get(number, SENT)
            outbox[number - 1] = Envelope(message, devices, REJECTED if note == REJECTED else SENT)
            due += [message] if note == MISSING else []
        return state._replace(outbox=tuple(outbox), due=tuple(due))

    def fresh(self, state: State) -> list[int]:
        """Return the messages that were never numbered, in order; a rejected one is not numbered again (R2)."""
        numbered = {envelope.message for envelope in state.outbox}
        return [message for message in range(len(self.scope.chats)) if message not in numbered]

    def holding_back(self, state: State) -> list[int]:
        """Return the messages behind which no newer one of their chat may be sealed for the second device (R4)."""
        return [*state.due, *(envelope.message for envelope in state.outbox if envelope[1:] == (FIRST, OUT))]

    def may_have_both(self, state: State, message: int) -> bool:
        """Return whether a message may be sealed for the second device as well."""
        chats = self.scope.chats
        return chats[message] not in {chats[other] for other in self.holding_back(state)}

    def room(self, state: State) -> int:
        """Return how many numbers may be sealed: at most a window of them is unsettled."""
        return self.scope.window - (len(state.outbox) - state.settled)

    def seal(self, state: State, message: int, devices: tuple[int, ...]) -> State:
        """Give a message the next number."""
        due = tuple(other for other in state.due if devices != SECOND or other != message)
        return state._replace(outbox=(*state.outbox, Envelope(message, devices)), due=due)

    def submission(self, state: State, number: int) -> Up:
        """Return the frame that carries a number: its bytes are fixed, the floor is today's."""
        return Up("submit", number, state.settled)

    # The server

    def serve(self, state: State, index: int, *, rejects: bool = False) -> State:
        """The server takes the next frame of a link, commits, and answers on that link."""
        link = state.links[index]
        frame, state = link.up[0], state.with_link(index, link._replace(up=link.up[1:]))
        state = self.fence(state, index, frame)
        if frame.kind == "find":
            return self.say(state, index, Down("found"))
        state = self.settle(state, frame.floor)
        if frame.kind == "hello":
            return self.answer(state, index, "welcome", 0)
        if self.takes(state, frame.number):
            state = self.judge(state, frame.number, rejects=rejects)
        elif frame.number > state.mark:
            return state
        return self.answer(state, index, "accepted", frame.number)

    def fence(self, state: State, index: int, frame: Up) -> State:
        """What follows a Hello ends the older links, and what they carry has no effect any more (R16).

        A Hello ends those that the server has not greeted yet: their numbers are too low by then (R15).
        """
        older = tuple(
            link._replace(whole=False, up=())
            if frame.kind != "hello" or [up.kind for up in link.up[:1]] == ["hello"]
            else link
            for link in state.links[:index]
        )
        return state._replace(links=(*older, *state.links[index:]))

    def takes(self, state: State, number: int) -> bool:
        """Return whether a number gets its verdict now: only the next one does (R1)."""
        return number == state.mark + 1

    def settle(self, state: State, floor: int) -> State:
        """Forget the notes up to the floor that the client has committed."""
        floor = max(state.floor, min(floor, state.mark))
        return state._replace(floor=floor, notes=tuple(note for note in state.notes if note[0] > floor))

    def judge(self, state: State, number: int, *, rejects: bool) -> State:
        """Commit the verdict, the mark, the note and the mailboxes together."""
        envelope = state.outbox[number - 1]
        note = ((number, REJECTED),) if rejects else ()
        if not rejects:
            state = state._replace(boxes=self.stored(state, envelope))
            if envelope.devices == FIRST and state.second_since is not None:
                note = ((number, MISSING),)
        return state._replace(mark=max(state.mark, number), notes=(*state.notes, *note))

    def stored(self, state: State, envelope: Envelope) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the mailboxes with an envelope in them."""
        first, second = (
            (*box, envelope.message) if device in envelope.devices else box for device, box in enumerate(state.boxes, 1)
        )
        return first, second

    def answer(self, state: State, index: int, kind: str, number: int) -> State:
        """Say the mark and all notes above the floor; `number` is the one that is answered."""
        return self.say(state, index, Down(kind, state.mark, state.notes))

    def say(self, state: State, index: int, frame: Down) -> State:
        """Put a frame on a link, if it is whole."""
        link = state.links[index]
        return state.with_link(index, link._replace(down=(*link.down, frame))) if link.whole else state


class AtAnyTime(Rules):
    """The rules alone: whatever they allow can happen at any moment. The app has sent everything from the start."""

    def own_steps(self, state: State) -> Iterator[Step]:
        """Open a link, submit the next number on one, or seal."""
        whole = [index for index, link in enumerate(state.links) if link.whole]
        if len(state.links) < LINKS_MAX and not final(state, self.scope):
            link = Link((Up("hello", 0, state.settled),))
            yield Event(Kind.BESIDE if whole else Kind.OPENS), state._replace(links=(*state.links, link))
        for index in whole:
            link = state.links[index]
            number = max(state.settled, link.position) + 1
            if number <= len(state.outbox):
                link = link._replace(up=(*link.up, self.submission(state, number)), position=number)
                yield Event(Kind.SUBMITS, index), state.with_link(index, link)
        for message, devices in self.sealable(state) if self.room(state) > 0 else ():
            yield Event(Kind.SEALS, 0, f"{message + 1} for {devices}"), self.seal(state, message, devices)

    def sealable(self, state: State) -> list[tuple[int, tuple[int, ...]]]:
        """Return what may be numbered next: the oldest top-up, or the next message with or without the second one."""
        choices: list[tuple[int, tuple[int, ...]]] = [(message, SECOND) for message in state.due[:1]]
        for message in self.fresh(state)[:1]:
            choices.append((message, FIRST))
            if state.second_since is not None and self.may_have_both(state, message):
                choices.append((message, FIRST + SECOND))
        return choices


class InTurns(Rules):
    """The rules as the product keeps them: the client does in each turn all that it can.

    It seals what the app has sent once a Welcome has confirmed its database (R20), asks the directory for the keys of
    a device that it does not know, and sends on the open link whatever is new; its first flight carries the outbox.
    """

    def own_steps(self, state: State) -> Iterator[Step]:
        """Open a link, or let the app send. While the client is not running, or has no link yet, the app waits."""
        if len(state.links) < LINKS_MAX and not final(state, self.scope):
            kind = Kind.BESIDE if any(link.whole for link in state.links) else Kind.OPENS
            yield Event(kind), self.acted(state._replace(links=(*state.links, self.flight(state))))
        if state.written < len(self.scope.chats) and (state.confirmed or any(link.held for link in state.links)):
            yield Event(Kind.WRITES), self.acted(state._replace(written=state.written + 1))

    def flight(self, state: State) -> Link:
        """Return a new link with the Hello and the whole outbox behind it."""
        owed = range(state.settled + 1, len(state.outbox) + 1)
        frames = (Up("hello", 0, state.settled), *(self.submission(state, number) for number in owed))
        return Link(frames, position=max(state.settled, *owed, 0))

    def acted(self, state: State) -> State:
        """Seal all that may be sealed, and put it on the open link."""
        asks = bool(state.due) and not state.knows_second and state.confirmed and self.room(state) > 0
        while state.confirmed and self.room(state) > 0 and (choice := self.next_to_seal(state)):
            state = self.seal(state, *choice)
        for index, link in enumerate(state.links):
            if link.held and link.welcomed:
                state = state.with_link(index, self.spoken(state, link, asks=asks))
        return state

    def next_to_seal(self, state: State) -> tuple[int, tuple[int, ...]] | None:
        """Return the oldest top-up, else the next message, for the devices that it may have."""
        if state.due and state.knows_second:
            return state.due[0], SECOND
        for message in self.fresh(state)[:1]:
            if message < state.written:
                both = state.knows_second and self.may_have_both(state, message)
                return message, FIRST + SECOND if both else FIRST
        return None

    def spoken(self, state: State, link: Link, *, asks: bool) -> Link:
        """Return an open link with what is new: the question first, then the outbox in order."""
        position = max(link.position, state.settled)
        up = [Up("find")] if asks and not link.asking else []
        up += [self.submission(state, number) for number in range(position + 1, len(state.outbox) + 1)]
        carried = (*link.up, *up) if link.whole else link.up
        return link._replace(up=carried, position=max(position, len(state.outbox)), asking=link.asking or asks)
