"""Whatever arrives: frames, or exactly one kind of refusal, and never a crash (§4)."""

import hashlib
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onebar.core import questions
from onebar.core.frames import (
    FRAMES_MAX,
    ClientFrame,
    Deliver,
    FlightWanted,
    Hello,
    MessageError,
    Ping,
    Pong,
    Recipient,
    Refused,
    Request,
    Response,
    ServerFrame,
    Submit,
    Unreadable,
    decode_as,
    decode_client,
    decode_recipients,
    decode_server,
    encode,
    encode_message,
)

TOP = 2**63 - 1
NUMBERS = st.sampled_from([0, 1, 127, 128, 255, 256, 2**32, TOP]) | st.integers(0, TOP)
NESTED: list[bytes] = [b"\x91" * 100_000, b"\x91\x92\x06" + b"\x91" * 100_000, b"\x81\xa1x" * 50_000]
RAWS = (st.none() | st.integers(0, 9) | st.text(max_size=9) | st.lists(st.integers(0, 9))).map(
    lambda value: msgspec.Raw(encode(value))
)


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a field's type, its limits respected."""
    if isinstance(kind, msgspec.inspect.IntType):
        return NUMBERS
    if isinstance(kind, msgspec.inspect.BytesType):
        return st.binary(min_size=kind.min_length or 0, max_size=kind.max_length or 64)
    if isinstance(kind, msgspec.inspect.StrType):
        return st.text(max_size=kind.max_length or 64)
    if isinstance(kind, msgspec.inspect.BoolType):
        return st.booleans()
    if isinstance(kind, msgspec.inspect.RawType):
        return RAWS
    if isinstance(kind, msgspec.inspect.TupleType):
        return st.tuples(*map(values, kind.item_types))
    if isinstance(kind, msgspec.inspect.VarTupleType):
        return st.lists(values(kind.item_type), max_size=4).map(tuple)
    assert isinstance(kind, msgspec.inspect.StructType), kind
    return st.builds(kind.cls, *[values(field.type) for field in kind.fields])


def any_of(union: object) -> st.SearchStrategy[Any]:
    return st.one_of([values(msgspec.inspect.type_info(kind)) for kind in get_args(union)])


WITH_FIELDS = [kind for kind in get_args(ClientFrame) + get_args(ServerFrame) if kind is not FlightWanted]
CLIENT, SERVER = any_of(ClientFrame), any_of(ServerFrame)
BOTH = pytest.mark.parametrize("decode", [decode_client, decode_server])


def tag_of(kind: Any) -> int:
    return int(kind.__struct_config__.tag)


@given(st.lists(CLIENT, max_size=6))
def test_what_a_client_says_is_what_the_server_hears(said: list[ClientFrame]) -> None:
    message = encode_message(said)
    heard = decode_client(message)
    assert list(map(type, heard)) == list(map(type, said))
    assert encode_message(heard) == message  # type: ignore[arg-type]


@given(st.lists(SERVER, max_size=6))
def test_what_the_server_says_is_what_a_client_hears(said: list[ServerFrame]) -> None:
    message = encode_message(said)
    heard = decode_server(message)
    assert list(map(type, heard)) == list(map(type, said))
    assert encode_message(heard) == message  # type: ignore[arg-type]


@BOTH
@given(data=st.binary(max_size=300))
def test_any_bytes_are_frames_or_a_message_error(decode: Any, data: bytes) -> None:
    for message in (data, b"\x91" + data, b"\x91\x94" + data):
        try:
            found = decode(message)
        except MessageError:
            continue
        assert all(isinstance(frame, msgspec.Struct) for frame in found)


@BOTH
@settings(max_examples=300)
@given(frame=CLIENT | SERVER, data=st.data())
def test_a_valid_message_damaged_anywhere_is_frames_or_a_message_error(
    decode: Any, frame: ClientFrame | ServerFrame, data: st.DataObject
) -> None:
    message = bytearray(encode_message([frame]))
    for _ in range(data.draw(st.integers(1, 3))):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.sampled_from(b"\xc1\xff\xc0\x80\xd9\xdf\0"))
    try:
        found = decode(bytes(message))
    except MessageError:
        return
    assert all(isinstance(heard, msgspec.Struct) for heard in found)


@BOTH
@given(frame=CLIENT | SERVER)
def test_a_message_cut_anywhere_is_a_message_error(decode: Any, frame: ClientFrame | ServerFrame) -> None:
    message = encode_message([frame])
    for length in {0, 1, 2, len(message) // 2, len(message) - 1} - {len(message)}:
        with pytest.raises(MessageError):
            decode(message[:length])


@pytest.mark.parametrize(
    ("decode", "message"),
    [
        (decode_client, [[5, 1, b"\xff", None]]),
        (decode_server, [[34, 1, b"\xff", None]]),
        (decode_server, [[41, 1, b"\xed\xa0\x80"]]),
        (decode_server, [[42, b"\xc3"]]),
        (decode_server, [[33, 1, [[1, b"\xff"]]]]),
    ],
)
def test_text_that_is_no_utf_8_spoils_its_frame_only(decode: Any, message: list[Any]) -> None:
    """msgspec raises UnicodeDecodeError for it, which is none of its own errors."""
    good = Ping(1) if decode is decode_client else Pong(1)
    mixed = encode([good, *message, good]).replace(b"\xc4", b"\xd9")  # bytes become a string
    first, broken, last = decode(mixed)
    assert (first, last) == (good, good)
    assert isinstance(broken, Unreadable)
    assert not broken.unknown_tag


def test_parameters_and_results_that_are_no_utf_8_are_message_errors() -> None:
    with pytest.raises(MessageError, match="FindPhone"):
        decode_as(questions.FindPhone, b"\x91\xa1\xff")
    with pytest.raises(MessageError, match="AccountInfo"):
        decode_as(questions.AccountInfo, b"\x93\x01\xa1\xff\xc4\x00")


@BOTH
@pytest.mark.parametrize("tag", [0, 31, 45, 99, 127, 128, 65_536, TOP, TOP + 1, 2**64 - 1, -1, -33, -(2**63)])
@pytest.mark.parametrize("fields", [[], [1, 2, 3], ["Invalid value"], [{"a": [None]}]])
def test_an_unknown_tag_is_a_newer_peer_and_its_neighbours_are_read(decode: Any, tag: int, fields: list[Any]) -> None:
    good = Ping(1) if decode is decode_client else Pong(1)
    first, unknown, last = decode(encode([good, [tag, *fields], good]))
    assert (first, last) == (good, good)
    assert isinstance(unknown, Unreadable)
    assert unknown.unknown_tag


def test_a_frame_of_the_other_direction_is_unknown() -> None:
    for union, decode in ((ServerFrame, decode_client), (ClientFrame, decode_server)):
        for kind in get_args(union):
            [found] = decode(encode([[tag_of(kind), 1]]))
            assert isinstance(found, Unreadable)
            assert found.unknown_tag


@BOTH
@pytest.mark.parametrize(
    "broken",
    [[], 5, None, "x", b"", {}, {0: 99}, [None], ["a"], [2.0], [True], [[99]], [b"\x06"], [float("nan")]],
)
def test_a_frame_without_a_tag_is_broken_not_new(decode: Any, broken: object) -> None:
    [found] = decode(encode([broken]))
    assert isinstance(found, Unreadable)
    assert not found.unknown_tag


@pytest.mark.parametrize("kind", WITH_FIELDS)
@pytest.mark.parametrize("bad", [-1, TOP + 1, 2**64 - 1, "1", 1.0, None, True, [], {}])
def test_a_known_frame_with_a_bad_field_is_broken_not_new(kind: Any, bad: object) -> None:
    decode = decode_client if kind in get_args(ClientFrame) else decode_server
    fields = msgspec.structs.fields(kind)
    [found] = decode(encode([[tag_of(kind), *[bad] * len(fields)]]))
    assert isinstance(found, Unreadable)
    assert not found.unknown_tag


@given(CLIENT | SERVER, st.lists(st.integers() | st.text(max_size=5), min_size=1, max_size=3))
def test_fields_that_a_newer_peer_added_are_ignored(frame: ClientFrame | ServerFrame, more: list[Any]) -> None:
    more = [value if not isinstance(value, int) else value % TOP for value in more]
    decode = decode_client if isinstance(frame, ClientFrame) else decode_server
    longer = msgspec.msgpack.decode(encode(frame)) + more
    [found] = decode(encode([longer]))
    assert encode(found) == encode(frame)


@BOTH
@pytest.mark.parametrize("message", NESTED)
def test_nesting_without_end_is_refused_and_breaks_no_stack(decode: Any, message: bytes) -> None:
    with pytest.raises(MessageError):
        decode(message)


@BOTH
def test_too_many_frames_are_refused_before_one_is_read(decode: Any) -> None:
    assert len(decode(encode([[99]] * FRAMES_MAX))) == FRAMES_MAX
    with pytest.raises(MessageError, match=str(FRAMES_MAX)):
        decode(encode([[99]] * (FRAMES_MAX + 1)))
    with pytest.raises(MessageError):
        decode(b"\xdd\xff\xff\xff\xff")  # four billion are announced, none come


@BOTH
@pytest.mark.parametrize("message", [b"", b"\xc0", b"\x80", b"\x05", b"\xa1x", b"\x90\x90", encode([1]) + b"\0"])
def test_what_is_no_array_is_a_message_error(decode: Any, message: bytes) -> None:
    with pytest.raises(MessageError):
        decode(message)


@BOTH
def test_a_message_without_frames_is_fine(decode: Any) -> None:
    assert decode(b"\x90") == []


@given(st.lists(st.builds(Recipient, NUMBERS, st.lists(st.tuples(NUMBERS, st.binary(max_size=99))).map(tuple))))
def test_sealed_recipients_travel_byte_for_byte(recipients: list[Recipient]) -> None:
    """Their hash tells an old copy of a database from the real one: it may not depend on who encoded them."""
    sealed = encode(recipients)
    [found] = decode_client(encode_message([Submit(1, 0, 0, msgspec.Raw(sealed))]))
    assert isinstance(found, Submit)
    assert bytes(found.recipients) == sealed
    assert hashlib.sha256(found.recipients).digest() == hashlib.sha256(sealed).digest()
    assert decode_recipients(found.recipients) == recipients


def test_even_sealed_bytes_that_we_would_encode_otherwise_stay_as_they_are() -> None:
    wide = b"\xdc\x00\x01" + b"\x92" + b"\xcf" + bytes(7) + b"\x07" + b"\x90"
    [found] = decode_client(b"\x91\x95\x02\x01\x00\x00" + wide)
    assert isinstance(found, Submit)
    assert bytes(found.recipients) == wide
    assert decode_recipients(found.recipients) == [Recipient(7, ())]
    assert encode_message([found]).endswith(wide)


@pytest.mark.parametrize("sealed", [b"", b"\xc0", b"\x91\x05", b"\x91\x92\xff\x90", *NESTED, encode([[1, []]] * 1025)])
def test_recipients_that_are_none_are_a_message_error(sealed: bytes) -> None:
    with pytest.raises(MessageError, match="recipients"):
        decode_recipients(msgspec.Raw(sealed))


@given(st.binary(max_size=200))
def test_any_bytes_as_recipients_parameters_or_results_are_fine_or_a_message_error(data: bytes) -> None:
    for attempt in (
        lambda: decode_recipients(msgspec.Raw(data)),
        lambda: decode_as(questions.AccountInfo, data),
        lambda: decode_as(questions.Publish, msgspec.Raw(data)),
    ):
        try:
            attempt()
        except MessageError:
            continue


@pytest.mark.parametrize("length", [0, 31, 33])
def test_keys_of_a_device_that_is_to_be_added_have_the_right_length(length: int) -> None:
    decode_as(questions.AddDevice, encode([b"k" * 32, b"k" * 32, b"s" * 64]))
    with pytest.raises(MessageError):
        decode_as(questions.AddDevice, encode([b"k" * 32, b"k" * length, b"s" * 64]))


@pytest.mark.parametrize(
    ("kind", "limit", "fields"),
    [
        (questions.AccountInfo, questions.DEVICE_LIST_BYTES_MAX, lambda data: [7, "+4915112345672", data]),
        (questions.Bundle, questions.SIGNED_BUNDLE_BYTES_MAX, lambda data: [data]),
        (questions.Publish, questions.PREKEY_BYTES_MAX, lambda data: [b"", b"", 0, [[1, data]]]),
    ],
)
def test_what_is_signed_is_bounded(kind: type, limit: int, fields: Any) -> None:
    decode_as(kind, encode(fields(bytes(limit))))
    with pytest.raises(MessageError):
        decode_as(kind, encode(fields(bytes(limit + 1))))


def test_defaults_stand_for_fields_that_an_older_peer_leaves_out() -> None:
    assert decode_server(encode([[34, 5], [42, "unavailable"], [43]])) == [
        Response(5, "", msgspec.Raw(b"\xc0")),
        Refused("unavailable", 0),
        FlightWanted(),
    ]
    assert decode_client(encode([[1, 1, 2, 3, 4, 5, 6, 7]])) == [Hello(1, 2, 3, 4, 5, 6, 7, ())]


def test_every_tag_of_the_protocol_is_used_once() -> None:
    client, server = ([tag_of(kind) for kind in get_args(union)] for union in (ClientFrame, ServerFrame))
    assert (sorted(client), sorted(server)) == (list(range(1, 7)), list(range(32, 45)))


def test_the_wire_is_as_small_as_promised() -> None:
    assert len(encode_message([Ping(5)])) == 4
    assert len(encode_message([Deliver(1, 2, 3, 4, 5, 2**40, 0, b"x" * 100)])) <= 100 + 25
    assert encode_message([Request(1, "phone", msgspec.Raw(b"\x91\xa1x"))]) == b"\x91\x94\x05\x01\xa5phone\x91\xa1x"
