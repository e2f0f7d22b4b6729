"""The app's push token: kept, told until it is answered, and told again where the server may not know it."""

import msgspec
import pytest

from onebar.core.frames import Request, Response, encode
from onebar.core.questions import PUSH_TOKEN_CHARS_MAX, RegisterPush
from onebar.core.turn import LinkLost, SetPush
from tests.sdk.core.scripted import Scripted

NIL = msgspec.Raw(b"\xc0")
TOKEN = "ab" * 32


def asked(phone: Scripted) -> Request:
    [request] = phone.requests("push")
    return request


def again(phone: Scripted, epoch: int = 1) -> int:
    """Go on on another link."""
    phone.give(LinkLost(max(phone.engine.links), "cut"))
    phone.wait(60)
    link_no = phone.dials[0].link_no
    phone.welcome(link_no, epoch=epoch)
    return link_no


def test_it_outlives_the_process_and_is_told_until_it_is_answered() -> None:
    phone = Scripted()
    phone.register()
    phone.give(SetPush("apns", TOKEN))
    phone = phone.crash()
    phone.give()
    phone.welcome(phone.dials[0].link_no)
    assert asked(phone).params == msgspec.Raw(encode(RegisterPush("apns", TOKEN)))
    link_no = again(phone)
    phone.say(link_no, Response(asked(phone).no, "", NIL))
    again(phone)
    assert phone.requests("push") == []
    assert not phone.engine.device.push_due
    assert TOKEN not in repr(phone.engine.device) + repr(SetPush("apns", TOKEN)) + repr(RegisterPush("apns", TOKEN))


def test_it_can_be_given_before_there_is_an_account() -> None:
    phone = Scripted()
    phone.give(SetPush("fcm", "token"))
    phone.open()
    assert asked(phone).params == msgspec.Raw(encode(RegisterPush("fcm", "token")))


def test_a_newer_one_is_told_after_an_older_one_that_is_answered_late() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.give(SetPush("apns", TOKEN))
    first = asked(phone)
    phone.give(SetPush("apns", "cd" * 32))
    second = asked(phone)
    phone.say(link_no, Response(first.no, "", NIL))
    assert phone.engine.device.push_due
    phone.say(link_no, Response(second.no, "", NIL))
    assert not phone.engine.device.push_due


def test_a_server_that_was_restored_is_told_again() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.give(SetPush("apns", TOKEN))
    phone.say(link_no, Response(asked(phone).no, "", NIL))
    again(phone, epoch=phone.engine.device.epoch + 1)
    assert asked(phone).params == msgspec.Raw(encode(RegisterPush("apns", TOKEN)))


def test_what_is_not_wanted_any_more_is_told_once() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.give(SetPush("", ""))
    assert phone.requests("push") == [], "there was none"
    phone.give(SetPush("apns", TOKEN))
    phone.say(link_no, Response(asked(phone).no, "", NIL))
    phone.give(SetPush("", ""))
    again(phone, epoch=phone.engine.device.epoch + 1)
    request = asked(phone)
    assert request.params == msgspec.Raw(encode(RegisterPush("", "")))
    phone.say(max(phone.engine.links), Response(request.no, "", NIL))
    again(phone)
    assert phone.requests("push") == []


def test_a_fault_that_will_pass_is_tried_again_and_a_refusal_is_not() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.give(SetPush("apns", TOKEN))
    phone.say(link_no, Response(asked(phone).no, "internal", NIL))
    assert phone.requests("push") == []
    phone.wait(3)
    phone.say(link_no, Response(asked(phone).no, "unknown_method", NIL))
    again(phone)
    assert phone.requests("push") == []
    phone.give(SetPush("apns", TOKEN))
    assert asked(phone).method == "push", "the app's next start may find another server"


@pytest.mark.parametrize(
    ("kind", "token", "said"),
    [
        ("web", TOKEN, "no push of the kind 'web'; there are apns, fcm"),
        ("", TOKEN, "no push of the kind ''"),
        ("apns", "", "no token of apns"),
        ("apns", TOKEN + "/x", "no token of apns"),
        ("apns", TOKEN.upper(), "no token of apns"),
        ("fcm", "a b", "no token of fcm"),
        ("fcm", "a\n", "no token of fcm"),
        ("fcm", "x" * (PUSH_TOKEN_CHARS_MAX + 1), f"at most {PUSH_TOKEN_CHARS_MAX}"),
    ],
)
def test_what_is_no_token(kind: str, token: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        RegisterPush(kind, token)
    assert not token or token not in str(caught.value)
