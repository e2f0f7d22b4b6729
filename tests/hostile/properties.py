"""What Hypothesis tries to break: the decoders and the flight, and a router and a device behind them."""

import random
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onebar.core import content, frames, questions
from onebar.crypto.certificates import CertificateError, check_list, list_from_bytes
from onebar.errors import InputError
from onebar_mockserver.flight import SIGNATURE_BYTES, NoFlightError, decode_header, open_flight
from tests.hostile.enemy_of_client import Captive
from tests.hostile.enemy_of_server import Siege
from tests.hostile.mutations import BOMBS, Mutator

NOISE: Final = st.binary(max_size=300) | st.sampled_from(BOMBS)
"""Bytes that nobody made on purpose, and bombs."""


@st.composite
def changed(draw: st.DrawFn, corpus: list[bytes]) -> bytes:
    """Take a valid message, and change it as a mutator does, or a few stretches of it; or, one time in six, noise."""
    kind = draw(st.integers(0, 5))
    if kind == 0:
        return draw(NOISE)
    if kind > 2:
        return Mutator(random.Random(draw(st.integers(0, 2**32))), corpus).draw()
    message = draw(st.sampled_from(corpus))
    for _ in range(draw(st.integers(0, 3))):
        first = draw(st.integers(0, len(message)))
        last = draw(st.integers(first, min(len(message), first + 8)))
        message = message[:first] + draw(st.binary(max_size=8) | st.sampled_from(BOMBS)) + message[last:]
    return message


def decoders_hold(data: bytes) -> None:
    """Nothing but the errors that the decoders announce comes out of them, and what was read can be written."""
    for decode in (frames.decode_client, frames.decode_server):
        try:
            read: Sequence[object] = decode(data)
        except frames.MessageError:
            continue
        for frame in read:
            frames.describe(frame)
            if not isinstance(frame, frames.Unreadable):
                assert decode(frames.encode([frame])) == [frame]
                _insides_hold(frame)
    for read_content in (content.decode, content.read):
        with suppress(ValueError):
            read_content(data)
    _flight_holds(data)
    _flight_holds(bytes(SIGNATURE_BYTES) + data)
    with suppress(NoFlightError):
        decode_header(data.decode("latin-1"))


def _insides_hold(frame: object) -> None:
    if isinstance(frame, frames.Submit):
        with suppress(frames.MessageError):
            frames.decode_recipients(frame.recipients)
    elif isinstance(frame, frames.Request | frames.Response):
        inside = frame.params if isinstance(frame, frames.Request) else frame.result
        answers = (questions.AccountInfo, questions.Bundle, questions.Added, frames.Stock)
        for kind in (*questions.METHODS, *answers):
            with suppress(frames.MessageError):
                _signed_holds(frames.decode_as(kind, inside))


def _signed_holds(said: object) -> None:
    """What an account has signed is a list that can be checked, or refused as such."""
    if isinstance(said, questions.AccountInfo | questions.Publish):
        with suppress(CertificateError, InputError):
            check_list(list_from_bytes(said.devices), 1)


def _flight_holds(flight: bytes) -> None:
    with suppress(NoFlightError):
        open_flight(flight)


def run_hypothesis(examples: int) -> tuple[int, int]:
    """Try so many examples, half on the server's side, half on the client's, and make a failure small.

    Returns how many were tried, and how many of them reached the router or the engine.

    Raises:
        Exception: The smallest failure.
    """
    dice = random.Random(0)
    siege, captive = Siege(dice.randrange(2**31)), Captive(dice.randrange(2**31))
    common = settings(
        max_examples=max(1, examples // 2),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )

    @common
    @given(changed(siege.mutator.corpus), st.booleans())
    def server_holds(data: bytes, as_flight: bool) -> None:
        decoders_hold(data)
        siege.play(data, as_flight=as_flight)

    @common
    @given(changed(captive.mutator.corpus))
    def client_holds(data: bytes) -> None:
        decoders_hold(data)
        captive.play(data)

    try:
        server_holds()
        siege.check_honest_pair()
        client_holds()
        captive.check_rescue()
    finally:
        captive.device.store.close()
    return siege.examples + captive.examples, siege.reached + captive.reached
