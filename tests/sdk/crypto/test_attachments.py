"""A sealed file opens as it was, or with a named error: cut, swapped, extended, flipped, or another one."""

import hashlib
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.bindings import (
    crypto_secretstream_xchacha20poly1305_init_push,
    crypto_secretstream_xchacha20poly1305_push,
    crypto_secretstream_xchacha20poly1305_state,
    crypto_secretstream_xchacha20poly1305_TAG_FINAL,
    crypto_secretstream_xchacha20poly1305_TAG_MESSAGE,
)

from onebar.crypto import attachments
from onebar.crypto.attachments import (
    FILE_BYTES_MAX,
    HEADER_BYTES,
    PIECE_BYTES,
    PIECE_OVERHEAD_BYTES,
    AttachmentDigestError,
    AttachmentError,
    AttachmentExtendedError,
    AttachmentForgedError,
    AttachmentOpener,
    AttachmentSealer,
    AttachmentSecret,
    AttachmentTruncatedError,
    open_parts,
    sealed_bytes,
)
from onebar.errors import DecryptionError, InputError

SEALED_PIECE = PIECE_BYTES + PIECE_OVERHEAD_BYTES
LENGTHS = [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES, 2 * PIECE_BYTES + 17]


def dice(seed: bytes) -> "Iterator[bytes]":
    number = 0
    while True:
        yield hashlib.sha256(seed + bytes((number,))).digest()
        number += 1


def seal(plain: bytes, seed: bytes = b"seed", part_bytes: int = 100_000) -> tuple[bytes, AttachmentSecret]:
    rolls = dice(seed)
    sealer = AttachmentSealer(lambda size: next(rolls)[:size])
    sealed = b"".join(sealer.feed(plain[at : at + part_bytes]) for at in range(0, len(plain), part_bytes))
    rest, secret = sealer.finish()
    return sealed + rest, secret


def opened(sealed: bytes, secret: AttachmentSecret, part_bytes: int = 100_000) -> bytes:
    return b"".join(open_parts((sealed[at : at + part_bytes] for at in range(0, len(sealed), part_bytes)), secret))


def photo(length: int) -> bytes:
    return hashlib.shake_128(b"photo").digest(length)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("part_bytes", [1 + PIECE_BYTES // 7, PIECE_BYTES, 10 * PIECE_BYTES])
def test_a_file_comes_back_however_it_is_cut_into_parts(length: int, part_bytes: int) -> None:
    plain = photo(length)
    sealed, secret = seal(plain, part_bytes=part_bytes)
    assert len(sealed) == secret.cipher_bytes == sealed_bytes(length)
    assert hashlib.sha256(sealed).digest() == secret.cipher_sha256
    assert hashlib.sha256(plain).digest() == secret.plain_sha256
    assert opened(sealed, secret, part_bytes) == plain
    assert opened(sealed, secret, part_bytes // 3 + 1) == plain


@given(st.binary(max_size=300), st.integers(1, 40), st.integers(1, 40))
def test_any_small_file_in_any_parts(plain: bytes, fed: int, read: int) -> None:
    sealed, secret = seal(plain, part_bytes=fed)
    assert opened(sealed, secret, read) == plain


def test_the_parts_do_not_change_the_bytes() -> None:
    plain = photo(3 * PIECE_BYTES)
    assert seal(plain, part_bytes=1000) == seal(plain, part_bytes=10**6)


def test_the_format_is_libsodiums_own() -> None:
    plain = photo(PIECE_BYTES + 5)
    key = bytes(range(32))
    stream = crypto_secretstream_xchacha20poly1305_state()
    sealed = crypto_secretstream_xchacha20poly1305_init_push(stream, key)
    for piece, tag in (
        (plain[:PIECE_BYTES], crypto_secretstream_xchacha20poly1305_TAG_MESSAGE),
        (plain[PIECE_BYTES:], crypto_secretstream_xchacha20poly1305_TAG_FINAL),
    ):
        sealed += crypto_secretstream_xchacha20poly1305_push(stream, piece, None, tag)
    secret = AttachmentSecret(key, len(plain), hashlib.sha256(plain).digest(), hashlib.sha256(sealed).digest())
    assert opened(sealed, secret) == plain


def test_each_file_has_its_own_key_and_shows_nothing() -> None:
    sealed, secret = seal(b"attack at dawn" * 100)
    other, other_secret = seal(b"attack at dawn" * 100, b"other")
    assert secret.key != other_secret.key
    assert b"attack" not in sealed
    assert sealed[:HEADER_BYTES] != other[:HEADER_BYTES]
    assert secret.key.hex() not in repr(secret)


def test_a_file_cut_anywhere_is_truncated() -> None:
    sealed, secret = seal(photo(2 * PIECE_BYTES + 100))
    edges = [HEADER_BYTES + n * SEALED_PIECE for n in range(3)]
    for cut in {0, 1, HEADER_BYTES - 1, *edges, *(edge + 1 for edge in edges), len(sealed) - 1}:
        with pytest.raises(AttachmentTruncatedError, match=f"ends after {cut} of {len(sealed)} bytes"):
            opened(sealed[:cut], secret)


@given(st.integers(0, 400))
def test_a_small_file_cut_anywhere_is_truncated(cut: int) -> None:
    sealed, secret = seal(photo(360))
    if cut < len(sealed):
        with pytest.raises(AttachmentTruncatedError):
            opened(sealed[:cut], secret, 7)


def test_a_file_that_goes_on_is_refused_at_once() -> None:
    sealed, secret = seal(photo(PIECE_BYTES))
    opener = AttachmentOpener(secret)
    opener.feed(sealed)
    with pytest.raises(AttachmentExtendedError, match=f"behind its {len(sealed)} bytes"):
        opener.feed(b"\0")


def test_a_whole_further_piece_is_refused() -> None:
    sealed, secret = seal(photo(PIECE_BYTES))
    longer, _ = seal(photo(2 * PIECE_BYTES))
    with pytest.raises(AttachmentExtendedError):
        opened(sealed + longer[-SEALED_PIECE:], secret)


@given(st.integers(0, 8 * 425 - 1))
def test_any_flipped_bit_is_noticed(bit: int) -> None:
    sealed, secret = seal(photo(384))
    assert len(sealed) == 425
    flipped = bytearray(sealed)
    flipped[bit // 8] ^= 1 << bit % 8
    with pytest.raises(AttachmentForgedError):
        opened(bytes(flipped), secret)


def test_swapped_repeated_and_missing_pieces_are_noticed() -> None:
    sealed, secret = seal(photo(4 * PIECE_BYTES))
    head, pieces = (
        sealed[:HEADER_BYTES],
        [sealed[at : at + SEALED_PIECE] for at in range(HEADER_BYTES, len(sealed), SEALED_PIECE)],
    )
    for order in ([1, 0, 2, 3], [0, 0, 2, 3], [0, 2, 3], [3, 0, 1, 2], [0, 1, 3, 2]):
        with pytest.raises(AttachmentForgedError):
            opened(head + b"".join(pieces[n] for n in order), secret)


def test_another_file_in_its_place_is_refused() -> None:
    mine, secret = seal(photo(PIECE_BYTES), b"mine")
    other, other_secret = seal(photo(PIECE_BYTES), b"other")
    for sealed, known in ((other, secret), (mine, other_secret)):
        with pytest.raises(AttachmentForgedError):
            opened(sealed, known)


def test_a_sender_who_lies_about_the_hashes_is_caught() -> None:
    sealed, secret = seal(b"hello")
    lies = (
        msgspec.structs.replace(secret, plain_sha256=bytes(32)),
        msgspec.structs.replace(secret, cipher_sha256=bytes(32)),
    )
    for lie in lies:
        with pytest.raises(AttachmentDigestError):
            opened(sealed, lie)


def test_a_sender_who_lies_about_the_length_is_caught() -> None:
    sealed, secret = seal(photo(2 * PIECE_BYTES))
    shorter = msgspec.structs.replace(secret, plain_bytes=PIECE_BYTES)
    with pytest.raises(AttachmentExtendedError, match="longer than the message says"):
        opened(sealed[: shorter.cipher_bytes], shorter)
    longer = msgspec.structs.replace(secret, plain_bytes=3 * PIECE_BYTES)
    with pytest.raises(AttachmentTruncatedError, match=f"{PIECE_BYTES} bytes shorter than said"):
        opened(sealed + bytes(longer.cipher_bytes - len(sealed)), longer)


def test_an_error_stays() -> None:
    sealed, secret = seal(photo(100))
    opener = AttachmentOpener(secret)
    with pytest.raises(AttachmentForgedError):
        opener.feed(bytes(len(sealed)))
    with pytest.raises(AttachmentForgedError):
        opener.feed(b"")
    with pytest.raises(AttachmentForgedError):
        opener.finish()
    assert issubclass(AttachmentError, DecryptionError)


def test_a_long_file_is_refused_while_it_is_fed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert FILE_BYTES_MAX == 2**31
    monkeypatch.setattr(attachments, "FILE_BYTES_MAX", 1000)
    sealer = AttachmentSealer(lambda size: bytes(size))
    sealer.feed(bytes(1000))
    with pytest.raises(InputError, match="FILE_BYTES_MAX = 1000"):
        sealer.feed(b"\0")


def test_a_sealer_is_for_one_file() -> None:
    sealer = AttachmentSealer(lambda size: bytes(size))
    sealer.finish()
    with pytest.raises(InputError, match="a sealer of its own"):
        sealer.feed(b"more")
    with pytest.raises(InputError, match="finished"):
        sealer.finish()


def test_memory_stays_small_however_long_the_file_is() -> None:
    sealer = AttachmentSealer(lambda size: bytes(size))
    longest = max(len(sealer.feed(bytes(10_000))) for _ in range(100))
    assert longest <= SEALED_PIECE + HEADER_BYTES


def test_a_secret_from_the_wire_is_checked() -> None:
    _, secret = seal(b"hello")
    encoded = msgspec.msgpack.encode(secret)
    assert msgspec.msgpack.decode(encoded, type=AttachmentSecret) == secret
    for field, value in (("key", bytes(31)), ("plain_bytes", -1), ("plain_bytes", FILE_BYTES_MAX + 1)):
        wrong = msgspec.structs.replace(secret, **{field: value})
        with pytest.raises(msgspec.ValidationError):
            msgspec.msgpack.decode(msgspec.msgpack.encode(wrong), type=AttachmentSecret)
