"""One device: the turn (ARCHITECTURE.md, "the turn").

An `Engine` never waits. A turn takes inputs, handles them inside one transaction of the store, commits, and only then
releases its outputs. The caller carries them out and calls again when something happened or the timer is due.
"""

import logging
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from onebar.config import Config
from onebar.core import (
    calls,
    dialing,
    inbox,
    orders,
    outbox,
    pace,
    profiles,
    publishing,
    push,
    reception,
    resume,
    transfers,
)
from onebar.core.backoff import Entropy
from onebar.core.frames import (
    Accepted,
    CaughtUp,
    Deliver,
    Delivered,
    MessageError,
    Pong,
    ServerFrame,
    Unreadable,
    decode_server,
)
from onebar.core.link import Link
from onebar.core.link_states import LinkState, LinkTrigger
from onebar.core.liveness import note_owed
from onebar.core.ports import Store
from onebar.core.questions import AddDevice, Question
from onebar.core.records import Device, Status
from onebar.core.state import DeviceState, new_device
from onebar.core.status import status
from onebar.core.turn import (
    AppInput,
    Input,
    Instant,
    LinkConnected,
    LinkLost,
    MessageArrived,
    Transmit,
    Turn,
)
from onebar.crypto.kem import Kem
from onebar.crypto.keys import PeerKeys
from onebar.errors import OnebarError, RemoteProtocolError, StoreError
from onebar.models import LinkStatus, Reach

INDEX_MESSAGES: Final = 200
"""Older messages taken into the full-text index in one turn, after an update: that takes about 5 ms."""

INPUTS_MAX: Final = 256
"""Most inputs of one turn (R19): their effects and acks wait for one another, so a turn must stay short."""

FAILED_PAUSE_S: Final = 1.0
"""Pause after a turn that failed for no input's fault, so that a defect does not cost a whole core."""

_log = logging.getLogger("onebar")


@dataclass(frozen=True, slots=True)
class _Frame:
    """A frame that came in on a link."""

    link_no: int
    frame: ServerFrame


_SEALS_NOTHING: Final = (Accepted, CaughtUp, Deliver, Delivered, Pong)
"""Frames after which nothing new can be sealed, unless what they do says so (`DeviceState.outbox_due`)."""

_Work = AppInput | LinkConnected | LinkLost | _Frame


class Engine:
    """One device. A value: its state is what its store has committed, and a cache of it."""

    def __init__(self, store: Store, entropy: Entropy, config: Config, kem: Kem | None = None) -> None:
        device = store.load_device()
        if device is None:
            device = new_device(entropy)
            with store.transaction():
                store.save_device(device)
        self._state = DeviceState(store, entropy, config, device, config.window, kem=kem)
        if store.inbox.unsupported(1):
            with store.transaction():
                inbox.reread(self._state)
        self._committed = device
        self._link = status(self._state, None, LinkStatus(Reach.WAITING))
        self._pause_until_s = 0.0  # after a turn that failed for no input's fault
        self._calls: deque[AppInput] = deque()
        self._links: dict[int, deque[MessageArrived | LinkConnected | LinkLost | _Frame]] = {}

    def __repr__(self) -> str:
        """Show who it is."""
        return f"<Engine {self._state.device!r}>"

    @property
    def device(self) -> Device:
        """This device, as committed; may be read from any thread."""
        return self._committed

    @property
    def links(self) -> dict[int, LinkState]:
        """The state of each link, by its number."""
        return {link.link_no: link.state for link in self._state.links.values()}

    @property
    def link(self) -> LinkStatus:
        """What an app can say about the connection, as of the last turn; may be read from any thread."""
        return self._link

    @property
    def published_list(self) -> int:
        """The counter of the device list that the server said it has, 0 before it did; may be read from any thread."""
        stock = self._state.stock
        return 0 if stock is None else stock.list_counter

    def public_keys(self) -> PeerKeys:
        """Return what to register this device with (docs/protocol.md §2)."""
        return self._state.keys.public()

    def refusal(self, keys: PeerKeys) -> str:
        """Return why the server will not have a device that was approved, one word; may be called from any thread."""
        return self._state.adding.get(AddDevice(keys.identity_key, keys.box_key, keys.key_signature), "")

    def order(self, question: Question) -> str | None:
        """Return what became of an order; may be called from any thread.

        None: there is no answer yet. Else the name of an error, empty if it is done.
        """
        return self._state.orders.get(question)

    def turn(self, inputs: Sequence[Input], now: Instant) -> Turn:
        """Handle inputs in one transaction and return what may leave the device now that it is committed.

        Args:
            inputs: What happened since the last turn; those beyond INPUTS_MAX wait for the next one.
            now: The time; `monotonic_s` never goes back.

        Raises:
            StoreError: The database cannot be opened any more. Nothing that was acknowledged is lost.
        """
        self._queue(inputs)
        work = self._next_work()
        before = self._state.copy()
        self._state.now = now
        results: list[object] = []
        try:
            results += self._run(work)
        except StoreError as error:
            return self._recover(before, work, results, error)
        except Exception:  # noqa: BLE001 - whatever it is, the input that causes it must not stop the others (R19)
            _log.exception("a turn of %d inputs failed; they run one by one", len(work))
            self._state = before
            self._state.now = now
            before = self._state.copy()
            try:
                self._run_singly(work, results)
            except StoreError as error:
                return self._recover(before, work, results, error)
        return self._release(results)

    def _queue(self, inputs: Iterable[Input]) -> None:
        for item in inputs:
            if isinstance(item, MessageArrived | LinkConnected | LinkLost):
                self._links.setdefault(item.link_no, deque()).append(item)
            else:
                self._calls.append(item)

    def _next_work(self) -> list[_Work]:
        """Take up to INPUTS_MAX inputs, in turn from the app and from each link, so that none starves the others."""
        work: list[_Work] = []
        while len(work) < INPUTS_MAX and (self._calls or self._links):
            if self._calls:
                work.append(self._calls.popleft())
            for link_no, queue in list(self._links.items()):
                item = queue.popleft()
                if isinstance(item, MessageArrived):
                    queue.extendleft(reversed(_take_apart(item)))  # only now: an undecoded message is the smallest
                else:
                    work.append(item)
                if not queue:
                    del self._links[link_no]
        return work

    def _run(self, work: Sequence[_Work]) -> list[object]:
        with self._state.store.transaction():
            saved = self._state.device
            results = [result for item in work for result in self._handle(item)]
            self._advance()
            if self._state.device is not saved:
                self._state.store.save_device(self._state.device, saved)
        return results

    def _run_singly(self, work: Sequence[_Work], results: list[object]) -> None:
        """Find the input that makes a turn fail, and contain it (R19)."""
        for batch in [[item] for item in work] or [[]]:
            for _ in range(INPUTS_MAX):
                before, known = self._state.copy(), len(self._state.poison)
                try:
                    results += self._run(batch)
                except StoreError:
                    raise
                except Exception as error:  # noqa: BLE001 - the culprit is contained, the others go on (R19)
                    self._state = before
                    if len(self._state.poison) > known:
                        continue  # what it was is known now, and set aside at the next attempt
                    _log.exception("inputs %s failed", [type(item).__name__ for item in batch])
                    results += self._blame(batch, error)
                break

    def _blame(self, batch: Sequence[_Work], error: Exception) -> list[object]:
        for item in batch:
            if isinstance(item, _Frame | LinkConnected | LinkLost):
                link = self._state.links.get(item.link_no)
                if link is not None:
                    self._state.drop(link)
        self._pause_until_s = self._state.now.monotonic_s + FAILED_PAUSE_S
        return [error for item in batch if _has_result(item)]

    def _recover(self, before: DeviceState, work: Sequence[_Work], results: list[object], error: StoreError) -> Turn:
        """A failed commit is unknown: close the links, reopen the store, go on from what is there (R19)."""
        _log.error("the database failed; the device starts again from what is committed: %s", error)
        drawn, state = self._state.drawn, before
        state.now = self._state.now
        state.drop_all()
        outputs, state.outputs = state.outputs, []
        state.outbox_due = True
        state.poison.clear()  # a full disk raises wherever something is written; none of that is the culprit
        state.store.reopen()
        device = state.store.load_device()
        if device is None:
            raise StoreError("the device is gone from its database") from error
        state.device = self._committed = device
        state.why = "the database failed"
        state.failures += 1
        state.dial_at_s = state.replace_at_s = state.now.monotonic_s + state.pause_s()
        self._state = state
        self._links.clear()
        for item in [item for item in work if _has_result(item)][len(results) :]:
            message_id = drawn.get(id(item))
            stored = None if message_id is None else state.store.outbox.number_of(message_id)
            results.append(error if stored is None else stored)
        self._link = status(state, state.dial_at_s, self._link)
        return Turn(outputs, results, state.dial_at_s, more=bool(self._calls), news=True)

    def _release(self, results: list[object]) -> Turn:
        state = self._state
        self._committed = state.device
        turn = Turn(state.outputs, results, self._timer_s(), bool(self._calls or self._links), state.news)
        self._link = status(state, turn.timer_s, self._link)
        if turn.timer_s is not None:
            turn.timer_s = max(turn.timer_s, self._pause_until_s)
        state.outputs, state.drawn, state.news = [], {}, False
        return turn

    def _handle(self, item: _Work) -> list[object]:
        """Handle one input; the result of an app's input is in the list."""
        if isinstance(item, _Frame | LinkConnected | LinkLost):
            link = self._state.links.get(item.link_no)
            if link is not None:
                self._handle_link(link, item)
            return []
        self._state.outbox_due = True
        try:
            return [calls.call(self._state, item)]
        except OnebarError as error:
            if isinstance(error, StoreError):
                raise
            return [error]

    def _handle_link(self, link: Link, item: _Frame | LinkConnected | LinkLost) -> None:
        try:
            if isinstance(item, LinkConnected):
                link.trigger(LinkTrigger.CONNECTED)
                link.heard_at_s = self._state.now.monotonic_s
            elif isinstance(item, LinkLost):
                _log.info("= link %d lost: %s", link.link_no, item.why)
                self._state.why = item.why
                self._state.drop(link)
                pace.turned_away(self._state, item)
            else:
                link.heard_at_s = self._state.now.monotonic_s
                before = self._state.device
                self._state.outbox_due |= not isinstance(item.frame, _SEALS_NOTHING)
                reception.hear(self._state, link, item.frame)
                if not isinstance(item.frame, Pong):
                    link.probes = 0
                after = self._state.device
                link.useful |= (after.floor, after.cursor) != (before.floor, before.cursor)
        except RemoteProtocolError as error:
            _log.warning("= link %d: %s", link.link_no, error)
            self._state.why = str(error)
            self._state.drop(link)

    def _advance(self) -> None:
        """Do what is due: give up, probe, seal, dial, submit, acknowledge."""
        state, now_s = self._state, self._state.now.monotonic_s
        dialing.look_after(state)
        if state.device.status is Status.REPLACING and state.replace_at_s <= now_s:
            resume.ask_replacement(state)
        opened = next(state.open_links(), None)
        if opened is not None and state.expire_at_s <= now_s:
            outbox.expire(state)
        if state.indexing:
            state.indexing = state.store.search.catch_up(INDEX_MESSAGES)
        orders.advance(state)
        push.advance(state)
        publishing.advance(state)  # before asking again: only who is listed may seal
        if opened is not None and state.repair_at_s is not None and state.repair_at_s <= now_s:
            inbox.repair(state)
        inbox.go_on(state)
        outbox.seal_waiting(state)
        profiles.advance(state)
        transfers.advance(state)
        dialing.dial_if_due(state)
        for link in state.links.values():
            self._speak(link)
        dialing.rest(state)

    def _speak(self, link: Link) -> None:
        state = self._state
        if link.state is LinkState.OPEN:
            outbox.submit(state, link)
        if link.state in {LinkState.OPEN, LinkState.DRAINING}:
            inbox.acknowledge(state, link)
        state.outputs += [Transmit(link.link_no, message) for message in link.messages()]
        state.path = note_owed(link, state.path, state.device.floor, state.now.monotonic_s)

    def _timer_s(self) -> float | None:
        state = self._state
        times = dialing.timer_s(state)
        times += transfers.timers(state)
        times += [state.now.monotonic_s] if state.indexing or state.profiles_left else []
        if state.device.status is Status.REPLACING:
            times.append(state.replace_at_s)
        if next(state.open_links(), None) is not None:
            times.append(state.expire_at_s)
            times += [pause.until_s for pause in state.postponed.values() if pause.until_s > state.now.monotonic_s]
            times += pace.due_s(state)
            times += [state.receipts_at_s] if state.receipts_at_s > state.now.monotonic_s else []
            times += [] if state.repair_at_s is None else [state.repair_at_s]
        finite = [time_s for time_s in times if time_s != float("inf")]
        return min(finite, default=None)


def _has_result(item: _Work) -> bool:
    return not isinstance(item, _Frame | LinkConnected | LinkLost)


def _take_apart(item: MessageArrived) -> list[_Frame | LinkLost]:
    """Return the frames of a message; what is broken loses the link, what is unknown is skipped (§4)."""
    try:
        frames = decode_server(item.data)
    except MessageError as error:
        return [LinkLost(item.link_no, str(error))]
    parts: list[_Frame | LinkLost] = []
    for frame in frames:
        if not isinstance(frame, Unreadable):
            parts.append(_Frame(item.link_no, frame))
        elif not frame.unknown_tag:
            parts.append(LinkLost(item.link_no, frame.problem))
    return parts
