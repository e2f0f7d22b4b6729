"""Two ratchets, a hostile network, crashes and a thief, in every order that Hypothesis can think of."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from onebar.crypto.double_ratchet import (
    SKIPPED_MAX,
    Ratchet,
    from_bytes,
    key_id,
    open_,
    seal,
    start_as_initiator,
    start_as_responder,
    to_bytes,
)
from onebar.crypto.primitives import public_of
from onebar.crypto.suites import ONEBAR_V1, SALT_BYTES, Header
from onebar.errors import DecryptionError
from tests.sdk.crypto.devices import NOW_MS, dice

SIDES = st.integers(0, 1)
PLACES = st.integers(0, 10_000)


@dataclass
class Message:
    """What one side sent."""

    sender: int
    sealed: bytes
    plain: bytes
    bound: bytes
    answers: bytes | None
    """The other side's ratchet key that the sender knew."""
    opened: bool = False


@dataclass
class Theft:
    """A copy of one side, which its thief goes on running with what it hears."""

    ratchet: Ratchet
    publics: set[bytes]
    """All ratchet keys that the side had had until then."""
    after: int
    """How many messages had been sent."""


class TwoRatchets(RuleBasedStateMachine):
    """What is kept is bytes: each step loads, does one thing, and keeps the result or crashes before it."""

    def __init__(self) -> None:
        super().__init__()
        self.entropy = dice("machine")
        self.suite = dataclasses.replace(ONEBAR_V1, seal=self.seal_and_note)
        self.last_key = b""
        root, secret = self.entropy(32), self.entropy(32)
        sides = (
            start_as_initiator(self.suite, root, public_of(secret), self.entropy),
            start_as_responder(self.suite, root, secret),
        )
        self.kept = [to_bytes(side) for side in sides]
        self.publics = [{side.state.own_public} for side in sides]
        self.sent: list[Message] = []
        self.keys: set[bytes] = set()
        self.names: set[bytes] = set()
        self.thefts: list[tuple[int, Theft]] = []

    def seal_and_note(self, message_key: bytes, header: Header, plain: bytes, bound: bytes) -> bytes:
        self.last_key = message_key
        return ONEBAR_V1.seal(message_key, header, plain, bound)

    def load(self, side: int) -> Ratchet:
        return from_bytes(self.suite, self.kept[side])

    def keep(self, side: int, ratchet: Ratchet) -> None:
        self.kept[side] = to_bytes(ratchet)
        self.publics[side].add(ratchet.state.own_public)

    def pick(self, place: int, opened: bool | None = None) -> Message | None:
        candidates = [message for message in self.sent if opened is None or message.opened == opened]
        return candidates[place % len(candidates)] if candidates else None

    @rule(side=SIDES, crashes=st.booleans())
    def send(self, side: int, crashes: bool) -> None:
        ratchet = self.load(side)
        if ratchet.state.sending_key is None:
            return
        plain, bound = b"message %d" % len(self.sent), b"way %d" % side
        answers = ratchet.state.their_public
        ratchet, sealed = seal(ratchet, plain, bound, self.entropy(SALT_BYTES))
        if crashes:  # before the commit: the message never left
            return
        self.keep(side, ratchet)
        assert self.last_key not in self.keys
        assert key_id(self.suite, sealed) not in self.names
        self.keys.add(self.last_key)
        self.names.add(key_id(self.suite, sealed))
        self.sent.append(Message(side, sealed, plain, bound, answers))
        for thief_of, theft in self.thefts:
            if thief_of != side:
                self.listen(thief_of, theft, self.sent[-1])

    @rule(place=PLACES, crashes=st.booleans())
    def deliver(self, place: int, crashes: bool) -> None:
        message = self.pick(place, opened=False)
        if message is None:
            return
        side = 1 - message.sender
        ratchet, plain = open_(self.load(side), message.sealed, message.bound, NOW_MS, self.entropy)
        assert plain == message.plain
        if not crashes:
            self.keep(side, ratchet)
            message.opened = True

    @rule(place=PLACES)
    def replay(self, place: int) -> None:
        message = self.pick(place, opened=True)
        if message is not None:
            self.refuses(1 - message.sender, message.sealed, message.bound)

    @rule(place=PLACES)
    def reflect(self, place: int) -> None:
        message = self.pick(place)
        if message is not None:
            self.refuses(message.sender, message.sealed, message.bound)

    @rule(place=PLACES, byte=PLACES, bit=st.integers(0, 7))
    def damage(self, place: int, byte: int, bit: int) -> None:
        message = self.pick(place)
        if message is not None:
            changed = bytearray(message.sealed)
            changed[byte % len(changed)] ^= 1 << bit
            self.refuses(1 - message.sender, bytes(changed), message.bound)

    @rule(place=PLACES, other=PLACES, at=st.integers(1, 60))
    def splice(self, place: int, other: int, at: int) -> None:
        front, back = self.pick(place), self.pick(other)
        if front is not None and back is not None:
            spliced = front.sealed[:at] + back.sealed[at:]
            if spliced not in (front.sealed, back.sealed):
                self.refuses(1 - front.sender, spliced, front.bound)

    @rule(place=PLACES)
    def send_another_way(self, place: int) -> None:
        message = self.pick(place)
        if message is not None:
            self.refuses(1 - message.sender, message.sealed, message.bound + b"!")

    @rule(place=PLACES, side=SIDES)
    def drop(self, place: int, side: int) -> None:
        message = self.pick(place, opened=False)
        if message is not None:
            self.sent.remove(message)

    @precondition(lambda self: len(self.thefts) < 3)
    @rule(side=SIDES)
    def steal(self, side: int) -> None:
        """Copy a side: it opens nothing that this side has opened before."""
        stolen = self.load(side)
        for message in self.sent:
            if message.opened and message.sender != side:
                self.refuses(side, message.sealed, message.bound)
        self.thefts.append((side, Theft(stolen, set(self.publics[side]), len(self.sent))))

    def listen(self, side: int, theft: Theft, message: Message) -> None:
        """A thief hears a message to its victim: it opens none that answers a key made after the theft."""
        try:
            theft.ratchet, plain = open_(theft.ratchet, message.sealed, message.bound, NOW_MS, self.entropy)
        except DecryptionError:
            return
        assert plain == message.plain
        assert message.answers is None or message.answers in theft.publics, "a thief outlives a round trip"

    def refuses(self, side: int, sealed: bytes, bound: bytes) -> None:
        ratchet = self.load(side)
        with pytest.raises(DecryptionError):
            open_(ratchet, sealed, bound, NOW_MS, self.entropy)
        assert to_bytes(ratchet) == self.kept[side]

    @invariant()
    def keys_of_missing_messages_are_those_missing(self) -> None:
        for side in (0, 1):
            assert len(self.load(side).state.skipped) <= min(SKIPPED_MAX, len(self.names))

    def teardown(self) -> None:
        """Whatever is still on its way opens, the last first."""
        for message in reversed([message for message in self.sent if not message.opened]):
            side = 1 - message.sender
            ratchet, plain = open_(self.load(side), message.sealed, message.bound, NOW_MS, self.entropy)
            assert plain == message.plain
            self.keep(side, ratchet)


TestTwoRatchets: Any = TwoRatchets.TestCase


def test_a_thief_reads_on_until_a_round_trip_and_not_after() -> None:
    """The machine's rule in one fixed course, which also shows that its thief can read at all."""
    machine = TwoRatchets()
    deliver_all: Callable[[], None] = machine.teardown
    machine.send(0, crashes=False)
    machine.deliver(0, crashes=False)
    machine.steal(1)
    ((_, theft),) = machine.thefts
    machine.send(0, crashes=False)
    assert theft.ratchet.state.received == 2  # it opened that one
    machine.deliver(0, crashes=False)
    machine.send(1, crashes=False)
    machine.deliver(0, crashes=False)
    machine.send(0, crashes=False)  # answers a key that the thief knows
    assert theft.ratchet.state.received == 1
    machine.deliver(0, crashes=False)
    machine.send(1, crashes=False)
    machine.deliver(0, crashes=False)
    before = theft.ratchet
    machine.send(0, crashes=False)
    assert theft.ratchet is before
    deliver_all()
