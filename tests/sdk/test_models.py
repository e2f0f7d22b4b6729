"""What an app may say, and what it sees, with the limits named."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebar.errors import InputError
from onebar.models import (
    DEVICE_NAME_MAX,
    KEY_CHARS_MAX,
    NETWORK_CHARS_MAX,
    TEXT_BYTES_MAX,
    LinkStatus,
    Message,
    MessageState,
    Reach,
    check_device_name,
    check_key,
    check_network,
    check_phone,
    check_text,
)


@pytest.mark.parametrize("phone", ["+1234567", "+4915112345671", "+123456789012345"])
def test_e_164_is_taken_as_it_is(phone: str) -> None:
    assert check_phone(phone) == phone


@pytest.mark.parametrize(
    "phone",
    [
        "",
        "+",
        "4915112345671",
        "+0915112345671",
        "+123456",
        "+1234567890123456",
        "+49 151 12345671",
        "+4915112345671\n",
        "\n+4915112345671",
        "+49151123456٧١",
        "＋4915112345671",
        "+4915112345671'; DROP TABLE message",
    ],
)
def test_a_number_that_is_not_e_164_is_refused_with_an_example(phone: str) -> None:
    with pytest.raises(InputError, match=r"\+12025550101"):
        check_phone(phone)


@pytest.mark.parametrize("value", [None, 4915112345671, b"+4915112345671", ["+4915112345671"]])
def test_what_is_no_text_is_no_number_and_no_message(value: object) -> None:
    with pytest.raises(InputError):
        check_phone(value)  # type: ignore[arg-type]
    with pytest.raises(InputError):
        check_text(value)  # type: ignore[arg-type]


@given(st.text(min_size=1, max_size=2000))
def test_a_text_is_taken_unchanged_or_is_too_long_in_bytes(text: str) -> None:
    if len(text.encode()) <= TEXT_BYTES_MAX:
        assert check_text(text) == text
    else:
        with pytest.raises(InputError, match="TEXT_BYTES_MAX"):
            check_text(text)


@pytest.mark.parametrize("letter", ["x", "é", "€", "😀"])
def test_the_limit_counts_bytes_and_names_itself(letter: str) -> None:
    fits = letter * (TEXT_BYTES_MAX // len(letter.encode()))
    assert check_text(fits) == fits
    with pytest.raises(InputError, match=rf"{len((fits + letter).encode())} bytes.*TEXT_BYTES_MAX = 4096"):
        check_text(fits + letter)


@pytest.mark.parametrize("text", ["\ud83d", "hi \udc00", "\udfff" * 3])
def test_half_a_surrogate_pair_is_refused_before_it_is_stored(text: str) -> None:
    with pytest.raises(InputError, match="surrogate"):
        check_text(text)


@pytest.mark.parametrize("text", ["\0", " ", "a\0b", "\u202e", "\r\n"])
def test_odd_texts_are_texts(text: str) -> None:
    assert check_text(text) == text


def test_an_empty_text_is_refused() -> None:
    with pytest.raises(InputError, match="at least one character"):
        check_text("")


@pytest.mark.parametrize("key", [None, "k", "ü" * KEY_CHARS_MAX])
def test_a_key_or_none_is_taken(key: str | None) -> None:
    assert check_key(key) == key


@pytest.mark.parametrize("key", ["", "k" * (KEY_CHARS_MAX + 1)])
def test_a_key_too_short_or_long_is_refused_with_the_limit(key: str) -> None:
    with pytest.raises(InputError, match=f"KEY_CHARS_MAX = {KEY_CHARS_MAX}"):
        check_key(key)


@pytest.mark.parametrize("key", ["\ud83d", 5, b"key"])
def test_a_key_that_cannot_be_stored_is_refused_as_input(key: object) -> None:
    """Otherwise it would break the turn that stores it."""
    with pytest.raises(InputError):
        check_key(key)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "wifi:1f2e", "n" * NETWORK_CHARS_MAX])
def test_a_networks_name_is_taken(name: str) -> None:
    assert check_network(name) == name


@pytest.mark.parametrize("name", ["n" * (NETWORK_CHARS_MAX + 1), None, 5])
def test_a_networks_name_that_is_too_long_or_no_text_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"NETWORK_CHARS_MAX = {NETWORK_CHARS_MAX}"):
        check_network(name)


@pytest.mark.parametrize(
    ("link", "line"),
    [
        (LinkStatus(Reach.WAITING, next_try_ms=13_001), "waiting for a network, next try in 13 s"),
        (LinkStatus(Reach.WAITING, next_try_ms=500), "waiting for a network, next try in 0 s"),
        (LinkStatus(Reach.WAITING, portal=True), "waiting for you to sign in to this network"),
        (LinkStatus(Reach.CONNECTING), "waiting for the server"),
        (LinkStatus(Reach.OPEN), "connected"),
        (LinkStatus(Reach.SLEEPING), "sleeping"),
    ],
)
def test_a_line_for_a_screen(link: LinkStatus, line: str) -> None:
    assert link.sentence(1000) == line


@pytest.mark.parametrize("state", Reach)
def test_every_state_has_words(state: Reach) -> None:
    assert LinkStatus(state).sentence(0)


def test_exactly_the_three_final_failures_are_failures() -> None:
    failed = {state for state in MessageState if state.failed}
    assert failed == {MessageState.EXPIRED, MessageState.REJECTED, MessageState.UNDELIVERABLE}


def test_a_log_shows_neither_text_nor_number() -> None:
    message = Message(5, "+4915112345671", True, MessageState.SENT, "secret", 1)
    assert repr(message) == "<Message 5 outgoing sent>"
    assert repr(dataclasses.replace(message, outgoing=False)) == "<Message 5 incoming sent>"


def test_what_an_app_holds_cannot_be_changed() -> None:
    message = Message(5, "+4915112345671", True, MessageState.SENT, "secret", 1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        message.text = "other"  # type: ignore[misc]


def test_names_of_devices() -> None:
    assert check_device_name("  Anna's phone \n") == "Anna's phone"
    assert check_device_name("") == ""
    assert check_device_name("x" * DEVICE_NAME_MAX) == "x" * DEVICE_NAME_MAX
    for wrong in ("x" * (DEVICE_NAME_MAX + 1), "two\nlines", "\x1b[31mred"):
        with pytest.raises(InputError, match="device's name"):
            check_device_name(wrong)
