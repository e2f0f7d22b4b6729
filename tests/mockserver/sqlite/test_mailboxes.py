"""Taking Hellos and Acks, ticks and pages; and a property test of all of it against a simple model."""

import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onebar.core.frames import FLAG_SILENT, Ack, Hello, Void
from onebar_mockserver.limits import PAGE_ENTRIES_MAX, TICK_RANGES_MAX
from onebar_mockserver.ports import Attached, Broken, Entry, Kind, Refusal, Registered
from onebar_mockserver.sqlite import mailboxes
from onebar_mockserver.sqlite.batch import entry_bytes
from onebar_mockserver.sqlite.mailboxes import acknowledge, merge_ranges
from tests.mockserver.rawclient import submit
from tests.mockserver.sqlite.setting import Setting, family, row_of

Ranges = tuple[tuple[int, int], ...]


@pytest.fixture
def pair(setting: Setting) -> tuple[int, int, int]:
    """Alice's device, Bob's account and device, with five envelopes from Alice; the last one is silent."""
    alice = setting.register("+491", 1)
    bob = setting.register("+492", 2)
    for out_no in range(1, 6):
        flags = FLAG_SILENT if out_no == 5 else 0
        setting.judge(alice.device, submit(out_no, (bob.account, [(bob.device, b"x")]), flags=flags))
    return alice.device, bob.account, bob.device


@pytest.mark.parametrize("epoch", [mailboxes.EPOCH_MAX, 2**63 - 1])
def test_an_epoch_after_which_there_is_none_is_refused(
    setting: Setting, pair: tuple[int, int, int], epoch: int
) -> None:
    _, _, bob = pair
    assert setting.attach(bob, epoch=epoch, floor=9) == Refusal("malformed", 0)
    assert isinstance(setting.attach(bob, epoch=mailboxes.EPOCH_MAX - 1, floor=9), Attached)


def ticks(entries: list[Entry]) -> list[Ranges]:
    return [msgspec.msgpack.decode(entry.body, type=Ranges) for entry in entries if entry.kind == Kind.TICK]


def test_ack_removes_and_ticks_what_was_opened(setting: Setting, pair: tuple[int, int, int]) -> None:
    alice, _, bob = pair
    setting.ack(bob, 5, (2,))
    assert setting.mail(bob) == []
    assert setting.row(bob).position.mailbox_bytes == 0
    assert ticks(setting.mail(alice)) == [((1, 1), (3, 4))]


def test_a_copy_for_an_own_device_earns_no_tick(setting: Setting, pair: tuple[int, int, int]) -> None:
    _, account, bob = pair
    second = family(setting, Registered(account, bob))
    setting.judge(bob, submit(1, (account, [(second.device, b"copy")])))
    setting.ack(second.device, 1)
    assert setting.mail(second.device) == []
    assert setting.mail(bob)[5:] == [], "no more than Alice's five"


def test_ack_is_cumulative_and_idempotent(setting: Setting, pair: tuple[int, int, int]) -> None:
    alice, _, bob = pair
    setting.ack(bob, 2)
    setting.ack(bob, 1)
    setting.ack(bob, 2)
    assert [entry.seq for entry in setting.mail(bob)] == [3, 4, 5]
    assert ticks(setting.mail(alice)) == [((1, 2),)]


def test_ack_of_another_epoch_does_nothing(setting: Setting, pair: tuple[int, int, int]) -> None:
    _, _, bob = pair
    setting.ack(bob, 5, epoch=2)
    assert len(setting.mail(bob)) == 5


def test_ticks_of_a_pair_coalesce_into_one_entry(setting: Setting, pair: tuple[int, int, int]) -> None:
    alice, _, bob = pair
    for cursor in (1, 2, 3):
        setting.ack(bob, cursor)
    [entry] = setting.mail(alice)
    assert ticks([entry]) == [((1, 3),)]
    assert entry.seq == 3
    assert setting.row(alice).position.mailbox_bytes == entry_bytes(entry)


def test_a_tick_after_an_acknowledged_one_says_only_the_rest(setting: Setting, pair: tuple[int, int, int]) -> None:
    alice, _, bob = pair
    setting.ack(bob, 2)
    setting.ack(alice, 1)
    setting.ack(bob, 4)
    assert ticks(setting.mail(alice)) == [((3, 4),)]


def test_a_tick_has_a_bounded_number_of_ranges(setting: Setting) -> None:
    alice = setting.register("+491", 1)
    bob = setting.register("+492", 2)
    count = 2 * TICK_RANGES_MAX + 2
    for out_no in range(1, count + 1):
        setting.judge(alice.device, submit(out_no, (bob.account, [(bob.device, b"x")])))
        setting.ack(bob.device, out_no, (out_no,) if out_no % 2 else ())
    told = ticks(setting.mail(alice.device))
    assert [len(ranges) for ranges in told] == [TICK_RANGES_MAX, 1]
    assert [first for ranges in told for first, _ in ranges] == list(range(2, count + 1, 2))


def test_no_tick_for_a_sender_that_is_gone(setting: Setting, pair: tuple[int, int, int]) -> None:
    alice, _, bob = pair
    setting.register("+491", 3)
    setting.ack(bob, 5)
    assert setting.mail(alice) == []


def test_pages_are_bounded_by_bytes_and_count(setting: Setting, pair: tuple[int, int, int]) -> None:
    alice, account, bob = pair
    page = setting.page(bob, after=1, bytes_max=1)
    assert ([entry.seq for entry in page.entries], page.more, page.head) == ([2], True, 5)
    for out_no in range(6, PAGE_ENTRIES_MAX + 2):
        setting.judge(alice, submit(out_no, (account, [(bob, b"x")])))
    page = setting.page(bob)
    assert (len(page.entries), page.more) == (PAGE_ENTRIES_MAX, True)
    rest = setting.page(bob, PAGE_ENTRIES_MAX)
    assert ([entry.seq for entry in rest.entries], rest.more) == ([PAGE_ENTRIES_MAX + 1], False)


def test_hello_acknowledges_and_tells_the_place(setting: Setting, pair: tuple[int, int, int]) -> None:
    alice, _, bob = pair
    setting.attach(bob)
    answer = setting.attach(bob, connection_no=2, cursor=2)
    assert isinstance(answer, Attached)
    assert (answer.epoch, answer.cursor, answer.head, answer.mark) == (1, 2, 5, 0)
    assert ticks(setting.mail(alice)) == [((1, 2),)]


def test_connection_number_must_rise(setting: Setting, pair: tuple[int, int, int]) -> None:
    assert isinstance(setting.attach(pair[2], connection_no=7), Attached)
    assert setting.attach(pair[2], connection_no=7) == Refusal("connection_number", 7)
    assert setting.attach(pair[2], connection_no=6) == Refusal("connection_number", 7)
    assert isinstance(setting.attach(pair[2], connection_no=8), Attached)


def test_removed_device_is_refused(setting: Setting, pair: tuple[int, int, int]) -> None:
    setting.register("+492", 3)
    assert setting.attach(pair[2]) == Refusal("device_removed", 0)


@pytest.mark.parametrize("ahead", [{"cursor": 3}, {"floor": 1}])
def test_client_from_another_history_gets_a_new_epoch(
    setting: Setting, pair: tuple[int, int, int], ahead: dict[str, int]
) -> None:
    bob = pair[2]
    answer = setting.attach(bob, **ahead)
    assert isinstance(answer, Attached)
    assert (answer.epoch, answer.cursor) == (2, 0)
    assert len(setting.mail(bob)) == 5, "nothing was acknowledged"


def test_hello_of_another_epoch_acknowledges_nothing(setting: Setting, pair: tuple[int, int, int]) -> None:
    answer = setting.attach(pair[2], epoch=9, cursor=4)
    assert isinstance(answer, Attached)
    assert (answer.epoch, answer.cursor) == (1, 0)
    assert len(setting.mail(pair[2])) == 5


def restored(setting: Setting, pair: tuple[int, int, int], more: int) -> None:
    """Restore a backup of when Bob was there with five entries: the lost history had two more, the new has `more`."""
    alice, account, bob = pair
    setting.attach(bob)
    image = setting.image()
    for out_no in (6, 7):
        setting.judge(alice, submit(out_no, (account, [(bob, b"lost")])))
    setting.use(image)
    for out_no in range(6, 6 + more):
        setting.judge(alice, submit(out_no, (account, [(bob, b"new")])))


@pytest.mark.parametrize("more", [0, 2, 9])
def test_a_cursor_of_a_lost_history_is_not_believed_even_if_its_number_was_given_again(
    setting: Setting, pair: tuple[int, int, int], more: int
) -> None:
    restored(setting, pair, more)
    answer = setting.attach(pair[2], connection_no=2, cursor=7)
    assert isinstance(answer, Attached)
    assert (answer.epoch, answer.cursor) == (2, 0)
    assert len(setting.mail(pair[2])) == 5 + more


@pytest.mark.parametrize("more", [0, 2, 9])
def test_a_cursor_from_before_the_backup_is_believed(setting: Setting, pair: tuple[int, int, int], more: int) -> None:
    restored(setting, pair, more)
    answer = setting.attach(pair[2], connection_no=2, cursor=5)
    assert isinstance(answer, Attached)
    assert (answer.epoch, answer.cursor) == (1, 5)
    assert len(setting.mail(pair[2])) == more


def test_a_hello_that_was_not_committed_makes_no_cursor_believable(
    setting: Setting, pair: tuple[int, int, int]
) -> None:
    alice, account, bob = pair
    setting.run(
        lambda batch: mailboxes.attach(batch, row_of(batch, bob), Hello(account, bob, 1, 0, 1, 0, 0)), crash=True
    )
    setting.judge(alice, submit(6, (account, [(bob, b"x")])))
    assert setting.row(bob).position.sent == 0


def test_an_ack_beyond_the_mailbox_is_a_broken_clients(setting: Setting, pair: tuple[int, int, int]) -> None:
    bob = pair[2]
    assert setting.run(lambda batch: acknowledge(batch, row_of(batch, bob), Ack(1, 6))) == Broken()
    assert len(setting.mail(bob)) == 5


def test_hello_is_told_the_highest_floor_that_was_ever_heard_of(setting: Setting, pair: tuple[int, int, int]) -> None:
    alice = pair[0]
    told = [setting.attach(alice, connection_no=number, floor=floor) for number, floor in ((1, 0), (2, 3), (3, 1))]
    assert [answer.floor for answer in told if isinstance(answer, Attached)] == [0, 3, 3]


def test_a_new_epoch_is_above_both(setting: Setting, pair: tuple[int, int, int]) -> None:
    answer = setting.attach(pair[2], epoch=9, floor=1)
    assert isinstance(answer, Attached)
    assert answer.epoch == 10


@given(st.lists(st.integers(1, 40)), st.lists(st.integers(1, 40)))
def test_merged_ranges_cover_both_and_nothing_else(first: list[int], second: list[int]) -> None:
    merged = merge_ranges(merge_ranges([], first), second)
    assert {number for low, high in merged for number in range(low, high + 1)} == {*first, *second}
    assert all(left[1] + 1 < right[0] for left, right in pairwise(merged))


# --- against a model ------------------------------------------------------------------------------

PHONES = 3


@dataclass
class Model:
    """What must be true, kept in the simplest way: lists and sets, nothing is ever removed but by an ack."""

    mark: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    floor: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    rejected: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    waiting: dict[int, list[tuple[int, int, bool]]] = field(default_factory=lambda: defaultdict(list))
    opened: set[tuple[int, int, int]] = field(default_factory=set)
    expired: set[tuple[int, int, int]] = field(default_factory=set)
    told: set[tuple[int, int, int]] = field(default_factory=set)
    told_expired: list[tuple[int, int, int]] = field(default_factory=list)
    last_seq: dict[int, int] = field(default_factory=lambda: defaultdict(int))


device_index = st.integers(0, PHONES - 1)
actions = st.one_of(
    st.tuples(st.just("submit"), device_index, st.sampled_from([-1, 0, 0, 0, 1]), st.sets(device_index), st.booleans()),
    st.tuples(st.just("crash"), device_index, st.just(0), st.sets(device_index), st.booleans()),
    st.tuples(st.just("void"), device_index),
    st.tuples(st.just("ack"), device_index, st.integers(1, 4), st.booleans()),
    st.tuples(st.just("settle"), device_index),
    st.tuples(st.just("restart")),
    st.tuples(st.just("expire")),
)


class Play:
    """Plays actions on the database and on the model, and compares."""

    def __init__(self, path: Path) -> None:
        self.setting = Setting(path)
        self.model = Model()
        self.phones = [self.setting.register(f"+49{number}", number) for number in range(1, PHONES + 1)]
        self.devices = [phone.device for phone in self.phones]

    def submit(self, index: int, ahead: int, to: set[int], silent: bool, *, crash: bool = False) -> None:
        sender, model = self.devices[index], self.model
        out_no = model.mark[sender] + 1 + ahead
        recipients = [(self.phones[other].account, [(self.devices[other], b"%d" % out_no)]) for other in sorted(to)]
        frame = submit(out_no, *recipients, floor=model.floor[sender], flags=FLAG_SILENT if silent else 0)
        answer = self.setting.judge(sender, frame, crash=crash)
        if crash:
            return
        if ahead == 0:
            model.mark[sender] = out_no
            if to:
                for other in sorted(to):
                    model.waiting[self.devices[other]].append((sender, out_no, silent))
            else:
                model.rejected[sender].add(out_no)
        assert answer.answered is (ahead <= 0)
        assert answer.mark == model.mark[sender]
        if answer.answered:
            unsettled = {number for number in model.rejected[sender] if number > model.floor[sender]}
            assert {note.out_no for note in answer.notes} == unsettled

    def crash(self, index: int, ahead: int, to: set[int], silent: bool) -> None:
        self.submit(index, ahead, to, silent, crash=True)

    def void(self, index: int) -> None:
        sender = self.devices[index]
        self.model.mark[sender] += 1
        answer = self.setting.judge(sender, Void(self.model.mark[sender], self.model.floor[sender]))
        assert answer.mark == self.model.mark[sender]

    def settle(self, index: int) -> None:
        self.model.floor[self.devices[index]] = self.model.mark[self.devices[index]]

    def restart(self) -> None:
        self.setting.reopen()

    def expire(self) -> None:
        for device in self.devices:
            self.read(device)
            for sender, out_no, _ in self.model.waiting[device]:
                self.model.expired.add((sender, device, out_no))
            self.model.waiting[device].clear()
        self.setting.now_ms += self.setting.limits.retention_s * 1000 + 1
        self.setting.sweep()

    def ack(self, index: int, count: int, first_unopened: bool) -> None:
        device = self.devices[index]
        entries = self.read(device)[:count]
        if not entries:
            return
        envelopes = [entry for entry in entries if entry.kind == Kind.ENVELOPE]
        unopened = tuple(entry.seq for entry in envelopes[:1] if first_unopened)
        for entry, (sender, out_no, silent) in zip(envelopes, self.model.waiting[device], strict=False):
            if not silent and entry.seq not in unopened and sender != device:
                self.model.opened.add((sender, device, out_no))
        del self.model.waiting[device][: len(envelopes)]
        self.setting.ack(device, entries[-1].seq, unopened)

    def read(self, device: int) -> list[Entry]:
        """Read the whole mailbox, check it, and remember what it told."""
        model, entries = self.model, self.setting.mail(device)
        envelopes = [
            (entry.device, entry.out_no, bool(entry.flags & FLAG_SILENT))
            for entry in entries
            if entry.kind == Kind.ENVELOPE
        ]
        assert envelopes == model.waiting[device], "every accepted envelope, once, in order"
        for entry in entries:
            if entry.kind == Kind.TICK:
                for first, last in msgspec.msgpack.decode(entry.body, type=Ranges):
                    model.told |= {(device, entry.device, number) for number in range(first, last + 1)}
            elif entry.kind == Kind.UNDELIVERED and entry.seq > model.last_seq[device]:
                model.told_expired.append((device, entry.device, entry.out_no))
        seqs = [entry.seq for entry in entries]
        assert seqs == sorted(set(seqs))
        model.last_seq[device] = max([model.last_seq[device], *seqs])
        assert model.told <= model.opened, "ticks tell the truth"
        return entries

    def check(self) -> None:
        for device in self.devices:
            entries = self.read(device)
            row = self.setting.row(device)
            assert row.position.mailbox_bytes == sum(entry_bytes(entry) for entry in entries)
            assert row.position.mark == self.model.mark[device]
            notes = self.setting.notes(device)
            assert set(notes) <= self.model.rejected[device]

    def finish(self) -> None:
        """Everyone reads and acknowledges everything, so every tick and notice that is due has been told."""
        for _ in range(2):
            for index in range(PHONES):
                self.ack(index, 10**6, False)
        self.check()
        assert self.model.told == self.model.opened
        assert sorted(self.model.told_expired) == sorted(self.model.expired)
        assert not any(self.model.waiting.values())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(actions, max_size=40))
def test_mailboxes_do_what_the_model_says(script: list[tuple[object, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        play = Play(Path(folder) / "onebar.sqlite3")
        try:
            for name, *arguments in script:
                getattr(play, str(name))(*arguments)
                play.check()
            play.finish()
        finally:
            play.setting.connection.close()
