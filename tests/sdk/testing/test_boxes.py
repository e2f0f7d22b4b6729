import asyncio

import pytest

from onebar.testing import profile
from onebar.testing.boxes import HEAD_BYTES_MAX, LOGIN_PAGE, Portal, Twice
from tests.sdk.testing.fakes import FakeSink, Laid

REQUEST = b"GET /v1/link HTTP/1.1\r\nHost: example.org\r\n\r\n"


class FakeTwin(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.heard = b""

    def write(self, data: object) -> None:
        assert isinstance(data, bytes)
        self.heard += data


@pytest.fixture
def laid() -> Laid:
    return Laid(profile("perfect"))


@pytest.fixture
def portal(laid: Laid) -> Portal:
    portal = Portal()
    portal.answer_to(laid.pipe)
    return portal


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_a_portal_answers_a_request_once_however_it_is_cut(laid: Laid, portal: Portal, step: int) -> None:
    for start in range(0, len(REQUEST), step):
        assert laid.sink.heard == []
        portal.write(REQUEST[start : start + step])
    portal.write(b"more")
    assert laid.sink.heard == [LOGIN_PAGE, "end"]


def test_a_portal_cuts_tls_and_clients_that_ask_nothing(laid: Laid, portal: Portal) -> None:
    portal.write(b"\x16\x03\x01")
    assert laid.sink.heard == ["reset"]
    portal.write_eof()
    assert laid.sink.heard == ["reset", "reset"]


def test_a_portal_says_nothing_to_a_head_without_end(laid: Laid, portal: Portal) -> None:
    for _ in range(5):
        portal.write(bytes(HEAD_BYTES_MAX))
    portal.reset()
    assert laid.sink.heard == []


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_a_head_is_sent_twice_and_what_follows_once(step: int) -> None:
    far, twin = FakeSink(), FakeTwin()
    twice, stream = Twice(far, twin), REQUEST + b"frames\r\n\r\nmore"
    for start in range(0, len(stream), step):
        twice.write(stream[start : start + step])
    assert twin.heard == REQUEST
    assert b"".join(part for part in far.heard if isinstance(part, bytes)) == stream


def test_the_end_and_a_cut_pass_once() -> None:
    far = FakeSink()
    twice = Twice(far, FakeTwin())
    twice.write_eof()
    twice.reset()
    assert far.heard == ["end", "reset"]


def test_a_head_without_end_is_sent_twice_up_to_a_limit() -> None:
    far, twin = FakeSink(), FakeTwin()
    twice = Twice(far, twin)
    for _ in range(3):
        twice.write(bytes(HEAD_BYTES_MAX))
    assert len(twin.heard) == HEAD_BYTES_MAX
