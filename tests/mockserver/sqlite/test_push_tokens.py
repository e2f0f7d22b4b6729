"""Push tokens: one a device, as long as it is in use and the gateway knows it; and for whom mail waits."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from onebar.core.frames import FLAG_SILENT
from onebar.core.questions import DeleteAccount, RegisterPush
from onebar_mockserver.ports import Registered
from onebar_mockserver.push.gateways import PushToken, Sleepers
from onebar_mockserver.sqlite import push_tokens
from onebar_mockserver.sqlite.database import FILE_NAME
from onebar_mockserver.sqlite.invariants import broken
from tests.mockserver.sqlite.setting import Setting, family, said

ALICE, BOB = "+4915112345671", "+4915112345672"
TOKEN = "ab" * 32
FIRST, SECOND = RegisterPush("apns", TOKEN), RegisterPush("fcm", "other")


@pytest.fixture
def setting() -> Iterator[Setting]:
    made = Setting()
    yield made
    assert list(broken(made.connection)) == []
    made.connection.close()


@pytest.fixture
def bob(setting: Setting) -> Registered:
    return setting.register(BOB, 2)


def tokens(setting: Setting, *phones: Registered) -> list[PushToken | None]:
    found = push_tokens.find(setting.connection, [phone.device for phone in phones])
    return [found.get(phone.device) for phone in phones]


def test_a_device_has_the_newest_one_or_none(setting: Setting, bob: Registered) -> None:
    assert setting.ask(bob, FIRST).error == ""
    assert tokens(setting, bob) == [PushToken("apns", TOKEN)]
    setting.ask(bob, SECOND)
    assert tokens(setting, bob) == [PushToken("fcm", "other")]
    assert "other" not in repr(tokens(setting, bob))
    setting.ask(bob, RegisterPush("", ""))
    assert tokens(setting, bob) == [None]


def test_it_goes_with_its_device(setting: Setting, bob: Registered) -> None:
    second = family(setting, bob)
    for phone in (bob, second):
        setting.ask(phone, FIRST)
    replaced = setting.replace(bob, 7)
    assert tokens(setting, bob, second, replaced) == [None, PushToken("apns", TOKEN), None]
    assert setting.ask(bob, FIRST).error == "device_removed"
    setting.ask(replaced, FIRST)
    setting.ask(replaced, DeleteAccount())
    assert tokens(setting, bob, second, replaced) == [None, None, None]


def test_it_is_dropped_unless_it_is_newer_or_another(setting: Setting, bob: Registered) -> None:
    setting.ask(bob, FIRST)

    def drop(token: str, before_ms: int) -> None:
        setting.run(lambda batch: push_tokens.drop(batch.connection, bob.device, token, before_ms))

    drop("other", setting.now_ms)
    drop(TOKEN, setting.now_ms - 1)
    assert tokens(setting, bob) == [PushToken("apns", TOKEN)]
    drop(TOKEN, setting.now_ms)
    assert tokens(setting, bob) == [None]


def test_for_whom_a_message_waits(setting: Setting, bob: Registered) -> None:
    alice, carol = setting.register(ALICE, 1), setting.register("+4915112345673", 3)
    for phone in (alice, bob, carol):
        setting.ask(phone, FIRST)

    def sleepers(after: int = 0, limit: int = 9) -> Sleepers:
        return push_tokens.sleepers(setting.connection, after, limit)

    setting.judge(alice.device, said(1, carol, flags=FLAG_SILENT))
    assert sleepers() == Sleepers((), None), "for a receipt nobody is woken"
    setting.judge(alice.device, said(2, bob))
    assert sleepers() == Sleepers((bob.device,), None)
    setting.ack(bob.device, 1)
    assert sleepers() == Sleepers((), None), "nor for the tick that waits for Alice"
    setting.judge(alice.device, said(3, bob, carol))
    devices = sorted(phone.device for phone in (alice, bob, carol))
    first = sleepers(limit=2)
    assert first.last == devices[1]
    rest = sleepers(devices[1], 2)
    assert rest.last is None
    assert {*first.devices, *rest.devices} == {bob.device, carol.device}


def test_the_tokens_of_a_phone(tmp_path: Path) -> None:
    setting = Setting(tmp_path / FILE_NAME)
    bob = setting.register(BOB, 2)
    setting.ask(bob, FIRST)
    assert push_tokens.tokens_of(tmp_path, BOB) == {TOKEN}
    assert push_tokens.tokens_of(tmp_path, ALICE) == frozenset()
    setting.connection.close()
