"""What a user wants of the server: asked until it is answered, on whatever link, and ended with the account."""

import msgspec
import pytest

from onebar.core.frames import Refused, Request, Response, encode
from onebar.core.questions import (
    METHODS,
    Block,
    Blocks,
    DeleteAccount,
    DeviceNames,
    FindBlocks,
    FindDeviceNames,
    FindProtection,
    NameDevice,
    ProtectionInfo,
    SetPin,
    SetTotp,
)
from onebar.core.turn import LinkLost, PlaceOrder, SetStanding
from onebar.errors import InputError, NotRegisteredError
from onebar.models import Protection, Standing
from tests.sdk.core.scripted import MY_PHONE, PEER_PHONE, Scripted

NIL = msgspec.Raw(b"\xc0")


def asked(phone: Scripted, method: str) -> Request:
    [request] = phone.requests(method)
    return request


def again(phone: Scripted) -> int:
    """Go on on another link."""
    phone.give(LinkLost(max(phone.engine.links), "cut"))
    phone.wait(60)
    link_no = phone.dials[0].link_no
    phone.welcome(link_no)
    return link_no


def test_an_order_is_asked_anew_on_the_next_link_until_it_is_answered() -> None:
    phone, wish = Scripted(), SetPin(b"p" * 32)
    phone.open()
    phone.give(PlaceOrder(wish))
    assert asked(phone, "pin").params == msgspec.Raw(encode(wish))
    assert phone.engine.order(wish) is None
    link_no = again(phone)
    no = asked(phone, "pin").no
    phone.say(link_no, Response(no, "", NIL))
    assert phone.engine.order(wish) == ""
    assert phone.turn.news
    again(phone)
    assert phone.requests("pin") == []


def test_an_error_is_told_and_one_that_will_pass_is_asked_again() -> None:
    phone, wish = Scripted(), SetPin(b"")
    link_no = phone.open()
    phone.give(PlaceOrder(wish))
    phone.say(link_no, Response(asked(phone, "pin").no, "internal", NIL))
    assert phone.engine.order(wish) is None
    assert phone.requests("pin") == []
    phone.wait(3)
    phone.say(link_no, Response(asked(phone, "pin").no, "device_removed", NIL))
    assert phone.engine.order(wish) == "device_removed"


def test_without_an_account_there_are_none() -> None:
    phone = Scripted()
    [result] = phone.give(PlaceOrder(SetPin(b""))).results
    assert isinstance(result, NotRegisteredError)


def test_the_end_of_the_account_ends_them() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.give(PlaceOrder(DeleteAccount()), PlaceOrder(SetPin(b"")))
    phone.say(link_no, Refused("account_gone", 0))
    assert phone.engine.order(DeleteAccount()) == ""
    assert phone.engine.order(SetPin(b"")) == "account_gone"


def test_blocks_outlive_the_process_and_are_told_in_the_end() -> None:
    phone = Scripted()
    phone.register()
    phone.give(SetStanding(PEER_PHONE, Standing.BLOCKED))
    phone = phone.crash()
    phone.give()
    link_no = phone.dials[0].link_no
    phone.welcome(link_no)
    request = asked(phone, "block")
    assert request.params == msgspec.Raw(encode(Block(PEER_PHONE, True)))
    phone.say(link_no, Response(request.no, "", NIL))
    again(phone)
    assert phone.requests("block") == []


def test_names_of_devices_are_kept_as_the_server_has_them() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.give(PlaceOrder(NameDevice(11, "phone")))
    assert phone.store.contacts.device_names() == {}
    phone.say(link_no, Response(asked(phone, "name_device").no, "", NIL))
    assert phone.store.contacts.device_names() == {11: "phone"}
    phone.give(PlaceOrder(FindDeviceNames()))
    answer = Response(asked(phone, "device_names").no, "", msgspec.Raw(encode(DeviceNames(((12, "laptop"),)))))
    phone.say(link_no, answer)
    assert phone.store.contacts.device_names() == {12: "laptop"}
    phone.give(PlaceOrder(NameDevice(13, "nobody's")))
    phone.say(link_no, Response(asked(phone, "name_device").no, "bad_request", NIL))
    assert phone.engine.order(NameDevice(13, "nobody's")) == "bad_request"
    assert phone.store.contacts.device_names() == {12: "laptop"}


def test_what_protects_the_number_is_kept_as_the_server_has_it() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.give(PlaceOrder(FindProtection()))
    answer = Response(asked(phone, "protection").no, "", msgspec.Raw(encode(ProtectionInfo(True, False))))
    phone.say(link_no, answer)
    assert phone.store.contacts.protection() == Protection(pin=True, totp=False)
    for wish, error, after in (
        (SetTotp(b"s" * 20, "123456"), "wrong_totp", Protection(pin=True, totp=False)),
        (SetTotp(b"s" * 20, "654321"), "", Protection(pin=True, totp=True)),
        (SetPin(b""), "", Protection(pin=False, totp=True)),
    ):
        phone.give(PlaceOrder(wish))
        phone.say(link_no, Response(asked(phone, METHODS[type(wish)]).no, error, NIL))
        assert phone.store.contacts.protection() == after


def test_what_the_account_has_blocked_elsewhere_is_learned() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.give(PlaceOrder(FindBlocks()))
    answer = Response(asked(phone, "blocks").no, "", msgspec.Raw(encode(Blocks((PEER_PHONE,)))))
    phone.say(link_no, answer)
    assert phone.store.standings.blocked() == [PEER_PHONE]
    assert phone.engine.order(FindBlocks()) == ""


@pytest.mark.parametrize("standing", Standing)
def test_nobody_blocks_or_accepts_oneself(standing: Standing) -> None:
    phone = Scripted()
    phone.open()
    [result] = phone.give(SetStanding(MY_PHONE, standing)).results
    assert isinstance(result, InputError)
