"""Blocking: the sender sees `sent`, later `expired`; the reader nothing."""

import pytest

from onebar.core.frames import FLAG_SILENT, decode_as
from onebar.core.questions import Block, Blocks, FindBlocks
from onebar_mockserver.limits import RETENTION_S
from onebar_mockserver.ports import Judged, Kind, Registered
from onebar_mockserver.sqlite import blocks
from tests.mockserver.sqlite.setting import Setting, said

ALICE, BOB = "+4915112345678", "+4915112345679"
GOOD = Judged(True, 1, ())


@pytest.fixture
def pair(setting: Setting) -> tuple[Registered, Registered]:
    """Alice, and Bob, whom she has blocked."""
    alice, bob = setting.register(ALICE, 1), setting.register(BOB, 2)
    setting.ask(alice, Block(BOB, blocked=True))
    return alice, bob


def test_a_blocked_sender_sees_sent_and_later_expired(setting: Setting, pair: tuple[Registered, Registered]) -> None:
    alice, bob = pair
    assert setting.judge(bob.device, said(1, alice)) == GOOD
    assert setting.judge(bob.device, said(2, alice, flags=FLAG_SILENT)).mark == 2
    assert setting.mail(alice.device) == []
    setting.now_ms += RETENTION_S * 1000
    setting.sweep()
    assert setting.mail(bob.device) == []
    setting.now_ms += 1
    assert setting.sweep() == {bob.device}
    [entry] = setting.mail(bob.device)
    assert (entry.kind, entry.account, entry.device, entry.out_no, entry.body) == (
        Kind.UNDELIVERED,
        alice.account,
        alice.device,
        1,
        b"expired",
    )
    assert setting.sweep() == frozenset()


def test_others_are_not_blocked_nor_is_the_other_way(setting: Setting, pair: tuple[Registered, Registered]) -> None:
    alice, bob = pair
    carol = setting.register("+4915112345680", 3)
    setting.judge(carol.device, said(1, alice, bob))
    setting.judge(alice.device, said(1, bob))
    assert [entry.account for entry in setting.mail(alice.device)] == [carol.account]
    assert [entry.account for entry in setting.mail(bob.device)] == [carol.account, alice.account]


def test_unblocking(setting: Setting, pair: tuple[Registered, Registered]) -> None:
    alice, bob = pair
    assert decode_as(Blocks, setting.ask(alice, FindBlocks()).result) == Blocks((BOB,))
    setting.judge(bob.device, said(1, alice))
    for _ in range(2):
        setting.ask(alice, Block(BOB, blocked=False))
    setting.judge(bob.device, said(2, alice))
    assert [entry.out_no for entry in setting.mail(alice.device)] == [2], "what was withheld is gone"
    assert decode_as(Blocks, setting.ask(alice, FindBlocks()).result) == Blocks(())


def test_a_number_is_blocked_not_an_account(setting: Setting) -> None:
    alice = setting.register(ALICE, 1)
    assert not setting.ask(alice, Block(BOB, blocked=True)).error, "whether somebody has it is not told"
    setting.judge(setting.register(BOB, 2).device, said(1, alice))
    assert setting.mail(alice.device) == []


def test_both_lists_are_bounded(
    setting: Setting, pair: tuple[Registered, Registered], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = pair
    monkeypatch.setattr(blocks, "BLOCKS_MAX", 1)
    monkeypatch.setattr(blocks, "WITHHELD_MAX", 1)
    assert setting.ask(alice, Block("+491", blocked=True)).error == "too_many"
    for number in (1, 2):
        assert setting.judge(bob.device, said(number, alice)).mark == number
    [count] = setting.connection.execute("SELECT count(*) FROM withheld").fetchone()
    assert count == 1
