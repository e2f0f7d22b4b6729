import pytest
from benchmarks.raw_links import RawLink, masked
from benchmarks.report import BenchError
from benchmarks.wire_messages import sized_frames, split_head, split_messages
from msgspec import Raw
from msgspec.msgpack import encode
from websockets.frames import Frame, Opcode

from onebar.core.frames import Accepted, Ack, ClientFrame, Pong, ServerFrame, Submit, encode_message

LENGTHS = [0, 1, 125, 126, 300, 65535, 65536]


def wire(payload: bytes, *, mask: bool, opcode: Opcode = Opcode.BINARY) -> bytes:
    return Frame(opcode, payload).serialize(mask=mask)


@pytest.mark.parametrize("mask", [True, False])
def test_messages_of_every_length_are_found_and_unmasked(mask: bool) -> None:
    payloads = [bytes(length % 251 for length in range(length)) for length in LENGTHS]
    stream = [wire(payload, mask=mask) for payload in payloads]
    found = list(split_messages(b"".join(stream)))
    assert [message.payload for message in found] == payloads
    assert [message.size for message in found] == [len(message) for message in stream]


def test_an_incomplete_message_is_left_out() -> None:
    whole = wire(b"x" * 300, mask=True)
    assert [list(split_messages(whole[:cut])) for cut in range(len(whole))] == [[]] * len(whole)


def test_other_frames_are_not_ours() -> None:
    with pytest.raises(ValueError, match="0x88"):
        list(split_messages(wire(b"\x03\xe8", mask=True, opcode=Opcode.CLOSE)))


@pytest.mark.parametrize("from_client", [True, False])
def test_each_frame_counts_as_if_it_had_travelled_alone(from_client: bool) -> None:
    submits = [Submit(7, 6, 0, Raw(encode(b"x" * length))) for length in LENGTHS]
    frames: list[ClientFrame | ServerFrame] = [*submits, Ack(1, 2)] if from_client else [Accepted(9, ()), Pong(1)]
    alone = [len(wire(encode_message([frame]), mask=from_client)) for frame in frames]
    unknown = encode([[99]])
    stream = wire(encode_message(frames), mask=from_client) + wire(unknown, mask=from_client)
    assert sized_frames(stream, from_client=from_client) == list(zip(frames, alone, strict=True))


def test_head_and_body() -> None:
    assert split_head(b"HTTP/1.1 101\r\n\r\nbody") == (b"HTTP/1.1 101\r\n\r\n", b"body")


@pytest.mark.parametrize("length", [0, 125, 126, 5000])
def test_the_generator_s_messages_are_valid(length: int) -> None:
    (found,) = split_messages(masked(bytes(length)))
    assert found.payload == bytes(length)


def test_the_generator_reads_messages_in_any_pieces() -> None:
    payloads = [b"", b"x" * 125, b"y" * 126, b"z" * 70000]
    stream = b"".join(wire(payload, mask=False) for payload in payloads)
    link = RawLink(None)  # type: ignore[arg-type]  # it reads what it is given, never the socket
    found = [payload for start in range(0, len(stream), 97) for payload in link.messages(stream[start : start + 97])]
    assert found == payloads


def test_the_generator_sees_a_closing_server() -> None:
    with pytest.raises(BenchError, match="closed a link"):
        list(RawLink(None).messages(wire(b"\x0f\xa1", mask=False, opcode=Opcode.CLOSE)))  # type: ignore[arg-type]
