"""The app on a phone: it says things until they are stored, and keeps a ledger of what it was told."""

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from onebar.core.turn import (
    AppInput,
    Input,
    MarkRead,
    Registered,
    Send,
    SetStanding,
    SetTransfer,
)
from onebar.errors import NotRegisteredError
from onebar.events import Event, MessageQueued, MessageReceived, MessageSent
from onebar.models import Standing, TransferWish
from tests.simulation.faults import Fault, Kind
from tests.simulation.files import cancelled_after_s, file_of
from tests.simulation.unread import Seen

if TYPE_CHECKING:
    from tests.simulation.phone import Phone
    from tests.simulation.world import World

SAY_AGAIN_S: Final = 2.0
"""After this time the app repeats what could not be stored."""

REPEATED: Final = 2
"""How many of the sends that were stored the app repeats after a crash all the same: `key` makes that harmless."""

EVENTS_AT_ONCE: Final = 20
"""How many events the app takes at a time."""

CONSUMER: Final = "app"

_NEW_EVENTS: Final = """
    SELECT e.event_no, e.kind, e.message_no, e.detail, c.phone, m.text, m.account, m.device FROM event e
    LEFT JOIN message m USING (message_no) LEFT JOIN chat c USING (chat_id) WHERE e.event_no > ? ORDER BY e.event_no"""

_REQUESTS: Final = "SELECT phone FROM chat WHERE standing = 'requested' ORDER BY chat_id"


@dataclass(frozen=True, slots=True)
class Saying:
    """A text that somebody wants to say; the text is its name."""

    no: int
    author: int
    reader: int
    text: str
    at_s: float = 0.0
    """When it is said, in virtual time."""


class App:
    """What the app on a phone knows, in a database of its own that is part of the same backups."""

    def __init__(self, world: "World", phone: "Phone") -> None:
        self.world, self.phone = world, phone
        self.pending: dict[str, Saying] = {}
        self.stored: dict[str, Saying] = {}
        """What the SDK has said that it stored."""
        self.refused: set[str] = set()
        """What the SDK did not take, because the device was removed."""
        self.heard: list[str] = []
        """The texts that came in, in the order of their events."""
        self.effects: list[tuple[int, str]] = []
        """The ledger: number and text of each event that was a text."""
        self.done_up_to = 0
        """The last event whose effect is in the ledger."""
        self.looked_up_to = 0
        """The last event that the simulator has seen."""
        self.ranks: dict[int, tuple[int, str]] = {}
        """How far each message has come, as the events told."""
        self.told: list[str] = []
        """The kinds of events that are about the device itself."""
        self._asked: deque[Input] = deque()
        self.seen = Seen()
        """What its user has seen."""
        self._marks: dict[int, str] = {}
        """The texts that the app has shown, by their numbers."""

    def copy(self, phone: "Phone") -> "App":
        """Return a copy, for a backup of a phone or for the phone that it is put on."""
        app = App(self.world, phone)
        app.rewind(self)
        return app

    def rewind(self, image: "App") -> None:
        """Become what a backup holds."""
        self.pending, self.stored = dict(image.pending), dict(image.stored)
        self.refused, self.heard, self.effects = set(image.refused), list(image.heard), list(image.effects)
        self.done_up_to, self.looked_up_to, self.ranks = image.done_up_to, image.looked_up_to, dict(image.ranks)
        self.told, self.seen = list(image.told), image.seen.copy()
        self._asked.clear()

    def say(self, saying: Saying) -> None:
        """Say something."""
        self.pending[saying.text] = saying
        self._send(saying)

    def _send(self, saying: Saying) -> None:
        self.phone.send(self.world.numbers[saying.reader], saying.text)

    def _again(self, text: str) -> None:
        if text in self.pending:
            self._send(self.pending[text])

    def start(self) -> None:
        """Begin anew after a crash: say again what was not confirmed, and some of what was."""
        self._asked.clear()
        self.seen.crashed(self.phone)
        for saying in [*list(self.stored.values())[-REPEATED:], *self.pending.values()]:
            self._send(saying)
        self.look()

    def results(self, inputs: list[Input], results: list[object]) -> None:
        """Take the results of calls, in the order of the calls."""
        self._asked.extend(item for item in inputs if isinstance(item, AppInput))
        for result in results:
            call = self._asked.popleft()
            if isinstance(call, Send):
                self._result(call.text, result)
            elif isinstance(call, MarkRead) and call.message_no is not None:
                self.seen.answered(self.phone, call.message_no, good=result is None)
                if result is None:
                    self.world.marked.add(self._marks[call.message_no])
            elif isinstance(call, Registered) and result is not None:
                self.world.clock.after(SAY_AGAIN_S, self.phone.register)

    def _result(self, text: str, result: object) -> None:
        if isinstance(result, int):
            if text in self.pending:
                self.stored[text] = self.pending.pop(text)
        elif isinstance(result, NotRegisteredError) and self.phone.removed:
            self.pending.pop(text, None)
            self.refused.add(text)
        else:
            self.world.clock.after(SAY_AGAIN_S, lambda: self._again(text))

    def look(self) -> None:
        """See what the SDK committed for the app; the simulator judges it, the app takes some of it."""
        rows = self.phone.database.connection.execute(_NEW_EVENTS, (self.looked_up_to,)).fetchall()
        for event_no, kind, message_no, detail, chat, text, account, device in rows:
            self.looked_up_to = event_no
            self.world.note(self.phone.name, "event", event_no, kind, message_no, detail)
            if message_no is None:
                self.told.append(kind)
            elif kind == MessageReceived.__name__:
                self.heard.append(text)
                self.world.heard(self.phone, chat, text)
                self._perhaps_mark(chat, message_no, text)
            elif kind == MessageSent.__name__ and device:
                self.world.copied(self.phone, chat, text)
            elif account == 0 and device == 0:
                self.world.checks.verdict_is_shown(self.phone, message_no, kind, detail)
                self.world.checks.states_go_forward(self, message_no, kind, detail, text)
                if kind == MessageQueued.__name__ and file_of(self.world, text) is not None:
                    self._perhaps_cancel(message_no, text)
        if self.world.plan.files:
            self._accept_requests()
        fault = self.phone.take(Kind.APP_KILLED, self.world.clock.now_s)
        if fault is not None:
            self.world.fired(fault, self.phone)
        if fault is not None or self.world.dice.random() < 0.3:
            self.consume(fault)

    def _perhaps_cancel(self, message_no: int, text: str) -> None:
        """Give a file up a little later, or not."""
        after_s = cancelled_after_s(self.world, text)

        def cancel() -> None:
            if self.phone.awake:
                self.world.cancelled.add(text)
                self.phone.hear(SetTransfer(message_no, TransferWish.CANCEL))

        if after_s is not None:
            self.world.clock.after(after_s, cancel)

    def _accept_requests(self) -> None:
        """Want every chat, for what strangers send does not come by itself."""
        for (chat,) in self.phone.database.connection.execute(_REQUESTS).fetchall():
            self.phone.hear(SetStanding(chat, Standing.ACCEPTED))

    def _perhaps_mark(self, chat: str, message_no: int, text: str) -> None:
        """Show the chat up to a message, or not."""
        if self.world.reading.random() < self.world.plan.reads:
            self._marks[message_no] = text
            self.world.shown.add(text)
            self.seen.asks(self.phone, message_no)
            self.phone.hear(MarkRead(chat, message_no), SetStanding(chat, Standing.ACCEPTED))

    def consume(self, killed: Fault | None = None) -> bool:
        """Take the next events into the ledger and confirm them, unless killed before; return whether any came."""
        events: list[Event] = self.phone.store.next_events(CONSUMER, EVENTS_AT_ONCE)
        if killed is not None and killed.amount < 0.5:
            return bool(events)
        for event in events:
            if event.event_no > self.done_up_to:
                self.done_up_to = event.event_no
                if isinstance(event, MessageReceived):
                    self.effects.append((event.event_no, event.text))
        if events and killed is None:
            self.phone.store.confirm_events(CONSUMER, events[-1].event_no)
        return bool(events)
