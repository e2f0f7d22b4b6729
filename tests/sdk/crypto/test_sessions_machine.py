"""Two devices that start sessions whenever they like, over a hostile network, with crashes."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from onebar.crypto.sessions import SESSIONS_MAX, from_bytes, key_id, to_bytes
from onebar.errors import DecryptionError
from tests.sdk.crypto.devices import NOW_MS, WAY, Device, FakeKem, dice

SIDES = st.integers(0, 1)
PLACES = st.integers(0, 10_000)
STARTS_MAX = SESSIONS_MAX // 2
"""Of each side, so that none is dropped and everything has to open."""


@dataclass
class Sent:
    sender: int
    envelope: bytes
    plain: bytes
    bound: bytes
    opened: bool = False


class TwoDevices(RuleBasedStateMachine):
    """Every envelope opens exactly once, whoever starts how often, and both come to use the same session."""

    @initialize(kems=st.tuples(st.booleans(), st.booleans()), stock=st.integers(0, 3))
    def register(self, kems: tuple[bool, bool], stock: int) -> None:
        self.devices = [
            Device(name, FakeKem(dice("kem")) if kem else None, stock)
            for name, kem in zip(("alice", "bob"), kems, strict=True)
        ]
        self.both_have_kem = all(kems)
        self.clock_ms = NOW_MS
        self.starts = [0, 0]
        self.sent: list[Sent] = []
        self.names: set[bytes] = set()

    def pick(self, place: int, opened: bool | None = None) -> Sent | None:
        candidates = [sent for sent in self.sent if opened is None or sent.opened == opened]
        return candidates[place % len(candidates)] if candidates else None

    @rule(side=SIDES, later_ms=st.integers(-1, 2))
    def start(self, side: int, later_ms: int) -> None:
        if self.starts[side] < STARTS_MAX:
            self.starts[side] += 1
            self.clock_ms += later_ms
            self.devices[side].start(self.devices[1 - side], self.clock_ms)
            assert self.devices[side].sessions.is_pq == self.both_have_kem

    @rule(side=SIDES, crashes=st.booleans())
    def send(self, side: int, crashes: bool) -> None:
        device = self.devices[side]
        if not device.sessions.sessions:
            return
        before, plain, bound = device.sessions, b"message %d" % len(self.sent), WAY + b"%d" % len(self.sent)
        envelope = device.seal(plain, bound)
        if crashes:  # before the commit: the envelope never left
            device.sessions = before
            return
        device.sessions = from_bytes(to_bytes(device.sessions))
        assert key_id(envelope) not in self.names
        self.names.add(key_id(envelope))
        self.sent.append(Sent(side, envelope, plain, bound))

    @rule(place=PLACES, crashes=st.booleans())
    def deliver(self, place: int, crashes: bool) -> None:
        sent = self.pick(place, opened=False)
        if sent is not None:
            self.open(sent, crashes)

    def open(self, sent: Sent, crashes: bool = False) -> None:
        device, peer = self.devices[1 - sent.sender], self.devices[sent.sender]
        opened = device.try_open(peer, sent.envelope, sent.bound)
        assert opened.plain == sent.plain
        assert opened.is_pq == self.both_have_kem
        if not crashes:
            device.keep(opened)
            sent.opened = True

    @rule(place=PLACES)
    def replay(self, place: int) -> None:
        sent = self.pick(place, opened=True)
        if sent is not None:
            self.refuses(1 - sent.sender, sent.envelope, sent.bound)

    @rule(place=PLACES)
    def reflect(self, place: int) -> None:
        sent = self.pick(place)
        if sent is not None:
            self.refuses(sent.sender, sent.envelope, sent.bound)

    @rule(place=PLACES, byte=PLACES, bit=st.integers(0, 7))
    def damage(self, place: int, byte: int, bit: int) -> None:
        sent = self.pick(place)
        if sent is not None:
            changed = bytearray(sent.envelope)
            changed[byte % len(changed)] ^= 1 << bit
            self.refuses(1 - sent.sender, bytes(changed), sent.bound)

    @rule(place=PLACES, other=PLACES, at=PLACES)
    def splice(self, place: int, other: int, at: int) -> None:
        front, back = self.pick(place), self.pick(other)
        if front is not None and back is not None:
            at %= len(front.envelope)
            spliced = front.envelope[:at] + back.envelope[at:]
            if spliced not in (front.envelope, back.envelope):
                self.refuses(1 - front.sender, spliced, front.bound)

    @rule(place=PLACES)
    def send_another_way(self, place: int) -> None:
        sent = self.pick(place)
        if sent is not None:
            self.refuses(1 - sent.sender, sent.envelope, sent.bound + b"!")

    @rule(place=PLACES)
    def drop(self, place: int) -> None:
        sent = self.pick(place, opened=False)
        if sent is not None:
            self.sent.remove(sent)

    def refuses(self, side: int, envelope: bytes, bound: bytes) -> None:
        device = self.devices[side]
        before, prekeys = to_bytes(device.sessions), (dict(device.one_time_prekeys), dict(device.kem_prekeys))
        with pytest.raises(DecryptionError):
            device.open(self.devices[1 - side], envelope, bound)
        assert to_bytes(device.sessions) == before
        assert (device.one_time_prekeys, device.kem_prekeys) == prekeys

    @invariant()
    def memory_is_bounded(self) -> None:
        for device in self.devices:
            assert len(device.sessions.sessions) <= SESSIONS_MAX
            assert len(device.spent) == len(set(device.spent))

    def teardown(self) -> None:
        """The rest opens, the last first; then one message each way, and both seal in the same session."""
        for sent in reversed(self.sent):
            if not sent.opened:
                self.open(sent)
        if not any(device.sessions.sessions for device in self.devices):
            return
        for _ in range(2):
            for side in (0, 1):
                known = len(self.sent)
                self.send(side, crashes=False)
                for sent in self.sent[known:]:
                    self.open(sent)
        newest = [device.sessions.sessions[0].ephemeral for device in self.devices]
        assert newest[0] == newest[1]
        assert self.devices[0].seal(b"ordinary")[0] == 0x20


TestTwoDevices: Any = TwoDevices.TestCase
