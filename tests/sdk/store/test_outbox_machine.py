"""Verdicts, ticks, top-ups and restores in any order: nothing is lost, doubled, or ended twice (R1–R6, R20, R21).

The model is plain Python and knows the rules, not the SQL.
"""

from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from onebar.core.records import Envelope
from onebar.models import MessageState
from onebar.store import open_store
from onebar.store.database import IN_MEMORY
from tests.sdk.store.conftest import BOB, BOBS_PHONE, EVE, EVES_PHONE, US, count, know, our_device, peer, seal, send

DEVICES = (1, 2, 3)
OWN_DEVICES = (12, 13)
FORWARD = {
    MessageState.QUEUED: {MessageState.SENT, MessageState.DELIVERED, MessageState.REJECTED, MessageState.UNDELIVERABLE},
    MessageState.SENT: {
        MessageState.DELIVERED,
        MessageState.READ,
        MessageState.REJECTED,
        MessageState.UNDELIVERABLE,
    },
    MessageState.UNDELIVERABLE: {MessageState.DELIVERED},  # a top-up after all: good news is always true
    MessageState.DELIVERED: {MessageState.READ},
    MessageState.READ: set(),
    MessageState.REJECTED: set(),
}


@dataclass
class Sealed:
    """An envelope as the model sees it."""

    envelope: Envelope
    message_no: int
    first: bool
    waiting: set[int]
    """Devices that neither opened it nor were given up."""
    judged: bool = False
    copies: set[int] = field(default_factory=set)
    """Devices of ours that have not opened their copy."""


@dataclass
class Model:
    """What must be true."""

    states: dict[int, MessageState] = field(default_factory=dict)
    envelopes: dict[int, Sealed] = field(default_factory=dict)
    due: set[tuple[int, int]] = field(default_factory=set)
    drafts: set[int] = field(default_factory=set)
    gaps: set[int] = field(default_factory=set)
    """Given up before anybody could get it, with nothing sealed behind it yet."""
    sealed: set[int] = field(default_factory=set)
    """What has been sealed by this device."""
    left_behind: set[int] = field(default_factory=set)
    """Sent by a device that is gone: its ticks will not come any more."""

    def of(self, message_no: int) -> list[Sealed]:
        return [found for found in self.envelopes.values() if found.message_no == message_no]

    def hopeless(self, message_no: int) -> bool:
        due = any(no == message_no and device not in OWN_DEVICES for no, device in self.due)
        return not due and message_no not in self.drafts and not any(found.waiting for found in self.of(message_no))

    def blocked(self) -> set[int]:
        open_ = [found for found in self.envelopes.values() if found.first and not found.judged]
        left_out = {
            device for found in open_ for device in DEVICES + OWN_DEVICES if device not in found.waiting | found.copies
        }
        return left_out | {device for _, device in self.due}

    def over(self, device: int) -> list[int]:
        """Return what was given up and this device is due to hear of."""
        given_up = MessageState.REJECTED
        return sorted(no for no, due in self.due if due == device and self.states[no] is given_up)

    def show_gaps(self) -> None:
        """Let everybody hear of the gaps before what is sealed."""
        seen = {no for no in self.gaps if no < max(self.sealed, default=0)}
        self.due |= {(no, device) for no in seen for device in DEVICES}
        self.gaps -= seen

    def forget_done(self) -> None:
        self.envelopes = {
            no: found for no, found in self.envelopes.items() if not found.judged or found.waiting or found.copies
        }


class OutboxMachine(RuleBasedStateMachine):
    """Do to the outbox what engine and server may do, in any order."""

    @initialize()
    def begin(self) -> None:
        self.store = open_store(IN_MEMORY)
        self.store.save_device(our_device())
        know(self.store, BOB, BOBS_PHONE, *(peer(BOB, no) for no in DEVICES))
        know(self.store, EVE, EVES_PHONE)
        self.model = Model()
        self.out_no = self.floor = 0
        self.seen = 0
        self.ended: Counter[int] = Counter()
        self.keys: dict[str, int] = {}

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()

    def move(self, message_no: int, state: MessageState) -> None:
        assert state in FORWARD[self.model.states[message_no]]
        self.model.states[message_no] = state
        self.ended[message_no] += state.failed

    @rule(key=st.none() | st.sampled_from("abc"))
    def send(self, key: str | None) -> None:
        message_no = send(self.store, key=key)
        if key in self.keys:
            assert message_no == self.keys[key or ""]
            return
        assert message_no not in self.model.states
        if key is not None:
            self.keys[key] = message_no
        self.model.states[message_no] = MessageState.QUEUED
        self.model.drafts.add(message_no)

    @rule(leave_out=st.sets(st.sampled_from(DEVICES), max_size=2), own=st.sets(st.sampled_from(OWN_DEVICES)))
    def seal_draft(self, leave_out: set[int], own: set[int]) -> None:
        drafts = self.store.outbox.drafts(99)
        assert [draft.message_no for draft in drafts] == sorted(self.model.drafts)
        devices = [no for no in DEVICES if no not in leave_out | self.model.blocked()]
        if drafts and devices:
            self.model.drafts.remove(drafts[0].message_no)
            self._seal(drafts[0].message_no, devices, first=True, own=own)

    @rule()
    def seal_top_up(self) -> None:
        due = self.store.outbox.top_ups(99)
        assert {(found.draft.message_no, found.account, found.device) for found in due} == {
            (message_no, US if device in OWN_DEVICES else BOB, device) for message_no, device in self.model.due
        }
        assert [found.draft.message_no for found in due] == sorted(found.draft.message_no for found in due)
        assert all(found.draft.over == (found.draft.message_no in self.model.over(found.device)) for found in due)
        if due and due[0].draft.over:
            device, places = due[0].device, self.model.over(due[0].device)
            chat_nos = [sorted(self.model.states).index(no) + 1 for no in places]
            assert self.store.places.take(due[0].draft.message_no, device, 99) == chat_nos
            self.model.due -= {(no, device) for no in places}
        elif due:
            self.model.due.remove((due[0].draft.message_no, due[0].device))
            device = due[0].device
            ours = device in OWN_DEVICES
            self._seal(due[0].draft.message_no, [] if ours else [device], first=False, own={device} if ours else set())

    def _seal(self, message_no: int, devices: list[int], *, first: bool, own: set[int]) -> None:
        self.out_no += 1
        envelope = seal(
            self.store,
            self.out_no,
            message_no,
            *devices,
            answers=None if first else 0,
            own=sorted(own),
            account=BOB if devices else US,
        )
        if first:
            self.model.sealed.add(message_no)
            self.model.show_gaps()
        self.model.envelopes[self.out_no] = Sealed(envelope, message_no, first, set(devices), copies=set(own))

    @precondition(lambda self: self.floor < self.out_no)
    @rule(missing=st.none() | st.sampled_from(DEVICES + OWN_DEVICES))
    def accept(self, missing: int | None) -> None:
        self.floor += 1
        found = self.model.envelopes.get(self.floor)
        sent = self.store.outbox.accept(self.floor)
        if found is None or not found.message_no:
            assert sent is None
            self.model.envelopes.pop(self.floor, None)
            return
        found.judged = True
        new = found.first and self.model.states[found.message_no] is MessageState.QUEUED
        assert sent == (found.message_no if new else None)
        if new:
            self.move(found.message_no, MessageState.SENT)
        if (
            found.first
            and missing
            and missing not in found.waiting | found.copies
            and found.message_no not in self.ended
        ):
            self.store.outbox.add_top_up(found.message_no, US if missing in OWN_DEVICES else BOB, missing, 0)
            self.model.due.add((found.message_no, missing))
        self.model.forget_done()

    @precondition(lambda self: self.floor < self.out_no)
    @rule()
    def reject(self) -> None:
        self.floor += 1
        found = self.model.envelopes.pop(self.floor, None)
        ended = self.store.outbox.reject(self.floor, "too_large")
        if found is None or not found.message_no:
            assert ended is None
            return
        alive = self.model.states[found.message_no] in {MessageState.QUEUED, MessageState.SENT}
        fails = alive and (found.first or self.model.hopeless(found.message_no))
        assert ended == (found.message_no if fails else None)
        if fails:
            self.move(found.message_no, MessageState.REJECTED)
            self.model.gaps.add(found.message_no)
            self.model.show_gaps()

    @rule(data=st.data(), device=st.sampled_from(DEVICES))
    def tick(self, data: st.DataObject, device: int) -> None:
        first = data.draw(st.integers(0, self.out_no + 1))
        last = data.draw(st.integers(first, self.out_no + 1))
        opened = [no for no, found in self.model.envelopes.items() if first <= no <= last and device in found.waiting]
        delivered = []
        for no in opened:
            found = self.model.envelopes[no]
            found.waiting.remove(device)
            if MessageState.DELIVERED in FORWARD[self.model.states[found.message_no]]:
                self.move(found.message_no, MessageState.DELIVERED)
                delivered.append(found.message_no)
        assert self.store.outbox.delivered(first, last, EVE, device) == []
        assert self.store.outbox.delivered(first, last, BOB, device) == delivered
        self.model.forget_done()

    @rule(data=st.data(), device=st.sampled_from(OWN_DEVICES))
    def tick_of_a_copy(self, data: st.DataObject, device: int) -> None:
        first = data.draw(st.integers(0, self.out_no + 1))
        last = data.draw(st.integers(first, self.out_no + 1))
        for no, found in self.model.envelopes.items():
            if first <= no <= last:
                found.copies.discard(device)
        assert self.store.outbox.delivered(first, last, US, device) == []
        self.model.forget_done()

    @precondition(lambda self: self.out_no)
    @rule(data=st.data(), device=st.sampled_from(OWN_DEVICES))
    def copy_undelivered(self, data: st.DataObject, device: int) -> None:
        out_no = data.draw(st.integers(1, self.out_no))
        assert self.store.outbox.undelivered(out_no, US, device, "too_old") is None
        if found := self.model.envelopes.get(out_no):
            found.copies.discard(device)
        self.model.forget_done()

    @rule(data=st.data())
    def receipt(self, data: st.DataObject) -> None:
        """Each message is one of Bob's chat, so its place in the chat is its place among all."""
        upto = data.draw(st.integers(0, len(self.model.states) + 1))
        places = [(chat_no, no, self.model.states[no]) for chat_no, no in enumerate(sorted(self.model.states), 1)]
        within = [place for place in places if self.seen < place[0] <= upto]
        read = [message_no for _, message_no, state in within if state is MessageState.DELIVERED]
        self.seen = max(
            (chat_no for chat_no, _, state in within if state is not MessageState.QUEUED), default=self.seen
        )
        assert self.store.outbox.read(EVE, upto) == []
        assert self.store.outbox.read(BOB, upto) == read
        for message_no in read:
            self.move(message_no, MessageState.READ)

    @precondition(lambda self: self.out_no)
    @rule(data=st.data(), device=st.sampled_from(DEVICES))
    def undelivered(self, data: st.DataObject, device: int) -> None:
        out_no = data.draw(st.integers(1, self.out_no))
        failed = self.store.outbox.undelivered(out_no, BOB, device, "too_old")
        found = self.model.envelopes.get(out_no)
        if found is None or not found.message_no:
            assert failed is None
            return
        found.waiting.discard(device)
        self.model.forget_done()
        alive = self.model.states[found.message_no] in {MessageState.QUEUED, MessageState.SENT}
        fails = alive and self.model.hopeless(found.message_no)
        assert failed == (found.message_no if fails else None)
        if fails:
            self.move(found.message_no, MessageState.UNDELIVERABLE)

    @precondition(lambda self: self.floor)
    @rule(data=st.data())
    def restore_the_server(self, data: st.DataObject) -> None:
        self.floor = data.draw(st.integers(0, self.floor))
        self.store.outbox.reopen_from(self.floor, self.out_no)
        for no in range(self.floor + 1, self.out_no + 1):
            void = Sealed(Envelope(no, 0, b""), 0, False, set())
            self.model.envelopes.setdefault(no, void).judged = False

    @rule()
    def restore_the_phone(self) -> None:
        self.store.outbox.unseal()
        for found in self.model.envelopes.values():
            state = self.model.states.get(found.message_no)
            if state is MessageState.QUEUED:
                self.model.drafts.add(found.message_no)
                self.model.sealed.discard(found.message_no)
            elif state in {MessageState.SENT, MessageState.DELIVERED, MessageState.READ} and not found.judged:
                self.model.due |= {(found.message_no, device) for device in found.waiting | found.copies}
            elif found.judged:
                self.model.left_behind.add(found.message_no)
        self.model.envelopes.clear()
        self.out_no = self.floor = 0

    @invariant()
    def the_store_says_what_the_model_says(self) -> None:
        if not hasattr(self, "model"):
            return
        model, outbox = self.model, self.store.outbox
        assert {no: self.store.state(no) for no in model.states} == model.states
        waiting = [found.envelope for no, found in sorted(model.envelopes.items()) if not found.judged]
        assert outbox.outstanding(0, 999) == waiting
        assert count(self.store, "envelope") == len(model.envelopes)
        assert count(self.store, "envelope_device") == sum(
            len(found.waiting | found.copies) for found in model.envelopes.values()
        )
        assert outbox.blocked(BOBS_PHONE, DEVICES + OWN_DEVICES) == model.blocked()
        assert outbox.blocked(EVES_PHONE, DEVICES + OWN_DEVICES) == set()

    @invariant()
    def nothing_waits_for_ever_and_nothing_ends_twice(self) -> None:
        if not hasattr(self, "model"):
            return
        assert all(times == 1 for times in self.ended.values() if times)
        for message_no, state in self.model.states.items():
            if state is MessageState.QUEUED:
                assert message_no in self.model.drafts or any(found.first for found in self.model.of(message_no))
            elif state is MessageState.SENT and message_no not in self.model.left_behind:
                assert not self.model.hopeless(message_no)


BOUNDS = settings(max_examples=100, stateful_step_count=40, deadline=None)


def test_any_order_of_verdicts_ticks_top_ups_and_restores_keeps_the_rules() -> None:
    run_state_machine_as_test(OutboxMachine, settings=BOUNDS)


def test_the_model_can_be_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that never fails proves nothing: it sees an outbox that forgets to note a verdict."""
    monkeypatch.setattr("onebar.store.outbox._ACCEPTED", 0)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(OutboxMachine, settings=settings(BOUNDS, phases=[Phase.generate], database=None))
