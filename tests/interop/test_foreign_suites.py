"""The formats of Olm and Signal: every message has one reading, and rubbish is refused as such."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebar.crypto.primitives import public_of
from onebar.crypto.suites import Header, Suite
from onebar.crypto.values import COUNT_MAX
from onebar.errors import DecryptionError
from tests.interop.foreign_suites import fields, olm_v1, read_fields, signal_v3, x3dh_initiator, x3dh_responder

KEY = bytes(range(32))
SUITES = [olm_v1({KEY: 5}), signal_v3()]

suites = st.sampled_from(SUITES)


@given(suites, st.integers(0, COUNT_MAX), st.binary(max_size=100))
def test_what_is_sealed_is_read_and_opened(suite: Suite, number: int, plain: bytes) -> None:
    sealed = suite.seal(KEY, Header(KEY, 5, number), plain, b"way")
    header, body_at = suite.parse(sealed)
    assert header == Header(KEY, 5, number)
    assert suite.open(KEY, sealed, body_at, b"way") == plain


@given(suites, st.binary(max_size=120))
def test_rubbish_is_refused(suite: Suite, rubbish: bytes) -> None:
    with pytest.raises(DecryptionError):
        suite.parse(rubbish)


@given(suites, st.binary(max_size=60), st.data())
def test_a_changed_message_is_refused(suite: Suite, plain: bytes, data: st.DataObject) -> None:
    sealed = bytearray(suite.seal(KEY, Header(KEY, 0, 1), plain, b"way"))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))

    def read_and_open() -> bytes:
        _, body_at = suite.parse(bytes(sealed))
        return suite.open(KEY, bytes(sealed), body_at, b"way")

    with pytest.raises(DecryptionError):
        read_and_open()


def test_signal_binds_its_associated_data() -> None:
    suite = signal_v3()
    sealed = suite.seal(KEY, Header(KEY, 0, 0), b"hi", b"way")
    with pytest.raises(DecryptionError):
        suite.open(KEY, sealed, suite.parse(sealed)[1], b"another way")


@given(st.dictionaries(st.integers(1, 15), st.binary(max_size=20) | st.integers(0, COUNT_MAX)))
def test_fields_are_read_as_they_were_written(values: dict[int, bytes | int]) -> None:
    texts, numbers = read_fields(fields(*values.items()))
    assert texts | numbers == values


def test_both_sides_of_x3dh_agree_with_and_without_a_one_time_prekey() -> None:
    identity, base, their_identity, signed, once = (bytes([number]) * 32 for number in range(1, 6))
    keys = {
        x3dh_initiator(identity, base, public_of(their_identity), public_of(signed), public_of(once)),
        x3dh_responder(their_identity, signed, once, public_of(identity), public_of(base)),
        x3dh_initiator(identity, base, public_of(their_identity), public_of(signed), None),
        x3dh_responder(their_identity, signed, None, public_of(identity), public_of(base)),
    }
    assert len(keys) == 2
