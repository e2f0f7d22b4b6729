"""Who is found under which name; what is asked of devices that are none."""

import pytest

from onebar.core import frames
from onebar.core.questions import AccountInfo, FindAccount, FindBundle, FindDevice, FindPhone, Publish, Question
from onebar_mockserver.ports import Registered
from tests.mockserver.signer import Signer
from tests.mockserver.sqlite.setting import Setting, keys

PHONE = "+4915112345678"


@pytest.fixture
def bob(setting: Setting) -> Registered:
    return setting.register(PHONE, 1)


def info(setting: Setting, by: Registered, question: Question) -> AccountInfo:
    return frames.decode_as(AccountInfo, setting.ask(by, question).result)


def test_accounts_are_found_by_number_and_phone(setting: Setting, bob: Registered) -> None:
    bare = AccountInfo(bob.account, PHONE, b"")
    assert info(setting, bob, FindPhone(PHONE)) == info(setting, bob, FindAccount(bob.account)) == bare
    signed = Signer(bob.account).sign({bob.device: keys(1)})
    setting.publish(bob, Publish(devices=signed))
    listed = AccountInfo(bob.account, PHONE, signed)
    assert info(setting, bob, FindPhone(PHONE)) == info(setting, bob, FindAccount(bob.account)) == listed


def test_a_device_is_found_only_under_its_own_account(setting: Setting, bob: Registered) -> None:
    other = setting.register("+491", 2)
    for question in (
        FindPhone("+490"),
        FindAccount(9),
        FindDevice(bob.account, other.device),
        FindDevice(9, bob.device),
        FindDevice(bob.account, 9),
        FindBundle(bob.account, other.device),
        FindBundle(9, bob.device),
        FindBundle(bob.account, 9),
    ):
        assert setting.ask(bob, question).error == "no_account", question


def test_a_removed_device_is_found_for_ever(setting: Setting, bob: Registered) -> None:
    signer = Signer(bob.account)
    setting.publish(bob, Publish(devices=signer.sign({bob.device: keys(1)})))
    new = setting.register(PHONE, 2)
    assert setting.info(bob) == AccountInfo(bob.account, PHONE, b"", signer.certificate(bob.device, keys(1)), True)
    assert setting.info(new) == AccountInfo(bob.account, PHONE, b"")


def test_a_device_that_has_published_no_bundle(setting: Setting, bob: Registered) -> None:
    assert setting.ask(bob, FindBundle(bob.account, bob.device)).error == "no_bundle"
