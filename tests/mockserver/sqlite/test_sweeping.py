"""Retention and removal: mail that is dropped leaves a hole for the reader and a notice for the sender."""

from onebar.core.frames import FLAG_SILENT
from onebar_mockserver.limits import SWEEP_ENTRIES_MAX
from onebar_mockserver.ports import Entry, Kind
from onebar_mockserver.sqlite.sweeping import sweep
from tests.mockserver.rawclient import submit
from tests.mockserver.sqlite.setting import Setting


def pair(setting: Setting) -> tuple[int, int, int]:
    alice = setting.register("+491", 1)
    bob = setting.register("+492", 2)
    return alice.device, bob.account, bob.device


def age(setting: Setting) -> None:
    setting.now_ms += setting.limits.retention_s * 1000 + 1


def notices(entries: list[Entry]) -> list[tuple[int, int, bytes]]:
    return [(entry.device, entry.out_no, entry.body) for entry in entries if entry.kind == Kind.UNDELIVERED]


def test_young_mail_stays(setting: Setting) -> None:
    alice, account, bob = pair(setting)
    setting.judge(alice, submit(1, (account, [(bob, b"x")])))
    setting.now_ms += setting.limits.retention_s * 1000
    assert setting.sweep() == frozenset()
    assert len(setting.mail(bob)) == 1


def test_old_mail_becomes_one_hole_and_notices(setting: Setting) -> None:
    alice, account, bob = pair(setting)
    for out_no in (1, 2):
        setting.judge(alice, submit(out_no, (account, [(bob, b"x")]), flags=FLAG_SILENT * (out_no - 1)))
    age(setting)
    setting.judge(alice, submit(3, (account, [(bob, b"y")])))
    assert setting.sweep() == {alice}
    hole, rest = setting.mail(bob)
    assert (hole.kind, hole.seq, hole.out_no, hole.body) == (Kind.DROPPED, 2, 2, b"expired")
    assert (rest.kind, rest.seq) == (Kind.ENVELOPE, 3)
    assert notices(setting.mail(alice)) == [(bob, 1, b"expired"), (bob, 2, b"expired")]


def test_holes_merge(setting: Setting) -> None:
    alice, account, bob = pair(setting)
    for out_no in (1, 2):
        setting.judge(alice, submit(out_no, (account, [(bob, b"x")])))
        age(setting)
        setting.sweep()
    [hole] = setting.mail(bob)
    assert (hole.seq, hole.out_no) == (2, 2)


def test_hole_is_acknowledged_without_a_tick(setting: Setting) -> None:
    alice, account, bob = pair(setting)
    setting.judge(alice, submit(1, (account, [(bob, b"x")])))
    age(setting)
    setting.sweep()
    setting.ack(bob, 1)
    assert setting.mail(bob) == []
    assert setting.row(bob).position.mailbox_bytes == 0
    assert [entry.kind for entry in setting.mail(alice)] == [Kind.UNDELIVERED]


def test_mail_of_a_removed_device_is_dropped_at_once(setting: Setting) -> None:
    alice, account, bob = pair(setting)
    setting.judge(alice, submit(1, (account, [(bob, b"x")])))
    setting.register("+492", 3)
    assert setting.sweep() == {alice}
    assert setting.mail(bob) == []
    assert notices(setting.mail(alice)) == [(bob, 1, b"device_removed")]


def test_looking_for_mail_of_removed_devices_does_not_look_at_all_devices(setting: Setting) -> None:
    alice, account, bob = pair(setting)
    setting.judge(alice, submit(1, (account, [(bob, b"x")])))
    for number in range(300):
        setting.register("+493", 10 + number)
    setting.sweep()
    assert setting.connection.execute("SELECT * FROM orphans").fetchall() == []
    steps: list[int] = []
    setting.connection.set_progress_handler(lambda: steps.append(1), 100)
    setting.sweep()
    setting.connection.set_progress_handler(None, 0)
    assert len(steps) <= 2


def test_a_step_is_bounded(setting: Setting) -> None:
    alice, account, bob = pair(setting)
    for out_no in range(1, SWEEP_ENTRIES_MAX + 2):
        setting.judge(alice, submit(out_no, (account, [(bob, b"x")])))
    age(setting)
    assert setting.run(sweep).done is False
    assert len(setting.mail(bob)) == 2
    assert setting.run(sweep).done is True
    [hole] = setting.mail(bob)
    assert hole.out_no == SWEEP_ENTRIES_MAX + 1
    assert len(notices(setting.mail(alice))) == SWEEP_ENTRIES_MAX + 1
