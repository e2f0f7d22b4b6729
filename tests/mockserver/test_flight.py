"""Flights: their form and their signature."""

import pytest
from nacl.signing import SigningKey

from onebar.core import frames
from onebar.core.frames import Hello, Ping
from onebar_mockserver.flight import NoFlightError, decode_header, is_signed_by, open_flight
from tests.mockserver.rawclient import base64url

HELLO = Hello(1, 2, 3, 4, 5, 6, 7)


def test_a_flight_is_taken_apart() -> None:
    message = frames.encode_message([HELLO, Ping(9)])
    flight = open_flight(decode_header(base64url(bytes(64) + message)))
    assert (flight.signature, flight.message, flight.hello) == (bytes(64), message, HELLO)
    assert flight.behind == [Ping(9)]


@pytest.mark.parametrize(
    "flight",
    [
        b"",
        bytes(64),
        bytes(64) + b"\x90",
        bytes(64) + b"\x01",
        bytes(64) + frames.encode_message([Ping(1)]),
        bytes(64) + b"\x91" * 100_000,
    ],
)
def test_what_is_no_flight(flight: bytes) -> None:
    with pytest.raises(NoFlightError):
        open_flight(flight)


@pytest.mark.parametrize("header", ["=", "a", "a b", "a+b/", "aa==", "ä"])
def test_what_is_no_header(header: str) -> None:
    with pytest.raises(NoFlightError):
        decode_header(header)


def test_the_signature_binds_host_and_message() -> None:
    key = SigningKey.generate()
    public = bytes(key.verify_key)
    signature = key.sign(b"onebar link 1\0example.org:8440\0message").signature
    assert is_signed_by(public, "Example.ORG:8440", signature, b"message")
    assert not is_signed_by(public, "example.net:8440", signature, b"message")
    assert not is_signed_by(public, "example.org:8440", signature, b"massage")
    assert not is_signed_by(public, "example.org:8440", signature[1:], b"message")
    assert not is_signed_by(bytes(SigningKey.generate().verify_key), "example.org:8440", signature, b"message")
