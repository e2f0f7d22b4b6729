"""R1 to R5: one verdict per number, with its notes and entries."""

import msgspec
import pytest

from onebar.core.frames import FLAG_SILENT, FLAG_TOP_UP, SUBMIT_BYTES_MAX, VOID_HASH, Note, Submit, Void
from onebar_mockserver.limits import ServerLimits
from onebar_mockserver.ports import Judged, Kind, Registered, Rejection
from onebar_mockserver.sqlite.verdicts import envelope_hash, judge
from tests.mockserver.rawclient import submit
from tests.mockserver.sqlite.setting import Setting, family, row_of


@pytest.fixture
def pair(setting: Setting) -> tuple[int, int, int]:
    """Alice's device, Bob's account and device."""
    alice = setting.register("+491", 1)
    bob = setting.register("+492", 2)
    return alice.device, bob.account, bob.device


def test_next_number_is_accepted_and_stored(setting: Setting, pair: tuple[int, int, int]) -> None:
    alice, account, bob = pair
    assert setting.judge(alice, submit(1, (account, [(bob, b"x")]), flags=FLAG_SILENT)) == Judged(True, 1, ())
    [entry] = setting.mail(bob)
    assert (entry.seq, entry.kind, entry.device, entry.out_no) == (1, Kind.ENVELOPE, alice, 1)
    assert (entry.body, entry.flags, entry.at_ms) == (b"x", FLAG_SILENT, setting.now_ms)


def test_repeated_number_is_answered_and_not_processed_again(setting: Setting, pair: tuple[int, int, int]) -> None:
    alice, account, bob = pair
    setting.judge(alice, submit(1, (account, [(bob, b"x")])))
    assert setting.judge(alice, submit(1, (account, [(bob, b"other")]))) == Judged(True, 1, ())
    assert [entry.body for entry in setting.mail(bob)] == [b"x"]


def test_number_beyond_the_next_is_ignored(setting: Setting, pair: tuple[int, int, int]) -> None:
    alice, account, bob = pair
    assert setting.judge(alice, submit(2, (account, [(bob, b"x")]))) == Judged(False, 0, ())
    assert setting.mail(bob) == []


def test_void_spends_a_number(setting: Setting, pair: tuple[int, int, int]) -> None:
    alice, account, bob = pair
    first = submit(1, (account, [(bob, b"x")]))
    setting.judge(alice, first)
    assert setting.row(alice).position.mark_hash == envelope_hash(first)
    assert setting.judge(alice, Void(2, 0)) == Judged(True, 2, ())
    assert setting.row(alice).position.mark_hash == VOID_HASH


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (submit(1, (2, [(2, bytes(SUBMIT_BYTES_MAX))])), "too_large"),
        (Submit(1, 0, 0, msgspec.Raw(b"\x01")), "malformed"),
        (Submit(1, 0, 0, msgspec.Raw(b"\x91\x93\x01\x02")), "malformed"),
        (submit(1, (2, [(2, b"x"), (2, b"y")])), "malformed"),
        (submit(1, (2, [(2, b"x")]), (2, [])), "malformed"),
        (submit(1), "no_recipients"),
        (submit(1, (99, [(99, b"x")])), "no_recipients"),
        (submit(1, (2, [(99, b"x")]), flags=FLAG_TOP_UP), "no_recipients"),
    ],
)
def test_rejected(setting: Setting, pair: tuple[int, int, int], frame: Submit, reason: str) -> None:
    alice, _, bob = pair
    assert setting.judge(alice, frame) == Judged(True, 1, (Note(1, reason),))
    assert setting.mail(bob) == []
    assert setting.judge(alice, frame) == Judged(True, 1, (Note(1, reason),)), "final"


def test_a_submit_that_raised_is_rejected_as_internal(setting: Setting, pair: tuple[int, int, int]) -> None:
    alice, account, bob = pair
    rejection = Rejection(submit(1, (account, [(bob, b"x")])), "internal")
    answer = setting.run(lambda batch: judge(batch, row_of(batch, alice), rejection))
    assert answer == Judged(True, 1, (Note(1, "internal"),))


def test_stale_list_is_accepted_with_missing_and_removed(setting: Setting, pair: tuple[int, int, int]) -> None:
    alice, account, old = pair
    new = setting.register("+492", 3).device
    note = Note(1, "", ((account, new),), ((account, old),))
    assert setting.judge(alice, submit(1, (account, [(old, b"x")]))) == Judged(True, 1, (note,))
    assert setting.mail(new) == setting.mail(old) == []
    assert setting.judge(alice, submit(2, (account, [(new, b"x")]), flags=FLAG_TOP_UP, floor=1)) == Judged(True, 2, ())


def test_senders_own_device_is_never_missing(setting: Setting, pair: tuple[int, int, int]) -> None:
    alice, account, bob = pair
    own = setting.row(alice).account
    assert setting.judge(alice, submit(1, (account, [(bob, b"x")]), (own, []))) == Judged(True, 1, ())


def test_a_message_goes_to_the_senders_other_devices_too(setting: Setting, pair: tuple[int, int, int]) -> None:
    alice, account, bob = pair
    own = setting.row(alice).account
    second = family(setting, Registered(own, alice), 1)
    left_out = submit(1, (account, [(bob, b"x")]), (own, []))
    note = Note(1, "", ((own, second.device),))
    assert setting.judge(alice, left_out).notes == (note,), "the other one is missing, the sending one is not"
    both = submit(2, (account, [(bob, b"x")]), (own, [(second.device, b"y")]), floor=1)
    assert setting.judge(alice, both) == Judged(True, 2, ())
    assert [entry.body for entry in setting.mail(second.device)] == [b"y"]
    assert [entry.body for entry in setting.mail(bob)] == [b"x", b"x"]


def test_device_of_another_account_gets_nothing(setting: Setting, pair: tuple[int, int, int]) -> None:
    alice, account, bob = pair
    carol = setting.register("+493", 3)
    answer = setting.judge(alice, submit(1, (account, [(bob, b"x"), (carol.device, b"y")])))
    assert answer.notes == (Note(1, "", (), ((account, carol.device),)),)
    assert setting.mail(carol.device) == []


def test_notes_stay_until_the_floor_passes_them(setting: Setting, pair: tuple[int, int, int]) -> None:
    alice, account, bob = pair
    for out_no in (1, 2, 3):
        setting.judge(alice, submit(out_no))
    notes = setting.judge(alice, submit(4, (account, [(bob, b"x")]))).notes
    assert [note.out_no for note in notes] == [1, 2, 3]
    assert [note.out_no for note in setting.judge(alice, Void(5, 2)).notes] == [3]
    assert setting.judge(alice, Void(6, 99)).notes == (), "a floor above the mark settles up to the mark"
    assert setting.row(alice).position.notes_bytes == 0
    assert setting.row(alice).position.floor == 5


def test_full_mailboxes_reject_only_when_all_are_full(setting: Setting, pair: tuple[int, int, int]) -> None:
    alice, account, bob = pair
    setting.limits = ServerLimits(mailbox_bytes_max=150)
    carol = setting.register("+493", 3)
    setting.judge(alice, submit(1, (account, [(bob, bytes(100))])))
    answer = setting.judge(alice, submit(2, (account, [(bob, bytes(20))])))
    assert answer.notes == (Note(2, "mailbox_full"),)
    both = submit(3, (account, [(bob, bytes(20))]), (carol.account, [(carol.device, bytes(20))]), floor=2)
    assert setting.judge(alice, both) == Judged(True, 3, ())
    [notice] = setting.mail(alice)
    assert (notice.kind, notice.device, notice.out_no, notice.body) == (
        Kind.UNDELIVERED,
        bob,
        3,
        b"mailbox_full",
    )
    assert len(setting.mail(bob)) == len(setting.mail(carol.device)) == 1


def test_rolled_back_verdict_leaves_no_trace(setting: Setting, pair: tuple[int, int, int]) -> None:
    alice, account, bob = pair
    setting.judge(alice, submit(1, (account, [(bob, b"x")])), crash=True)
    assert setting.row(alice).position.mark == 0
    assert setting.mail(bob) == []
