"""Files: each is sealed under a key of its own, in pieces, so that neither end ever holds a whole one in memory.

A sealed file is libsodium's secretstream (XChaCha20-Poly1305): a header of 24 bytes, then one sealed piece for every
64 KiB of the file, the last of them tagged as final. Every piece is authenticated together with its place, and the tag
tells a file that was cut short from one that has ended. The message that announces the file carries an
`AttachmentSecret`: with its hashes, whoever stores the file cannot put another one in its place.

The caller writes the ciphertext down once and uploads that: sealing again would make other bytes, and a resumed upload
needs the very same ones.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Final

import msgspec
from nacl.bindings import (
    crypto_secretstream_xchacha20poly1305_ABYTES,
    crypto_secretstream_xchacha20poly1305_HEADERBYTES,
    crypto_secretstream_xchacha20poly1305_init_pull,
    crypto_secretstream_xchacha20poly1305_pull,
    crypto_secretstream_xchacha20poly1305_push,
    crypto_secretstream_xchacha20poly1305_state,
    crypto_secretstream_xchacha20poly1305_TAG_FINAL,
    crypto_secretstream_xchacha20poly1305_TAG_MESSAGE,
)
from nacl.exceptions import CryptoError

from onebar.crypto.values import Key, Value
from onebar.errors import DecryptionError, InputError

KEY_BYTES: Final = 32
"""Length of a file's key."""

HEADER_BYTES: Final = crypto_secretstream_xchacha20poly1305_HEADERBYTES
"""Length of what stands before the pieces: 24."""

PIECE_BYTES: Final = 64 * 1024
"""Length of a piece of the file: 17 bytes more when sealed, 0.03 %, and little enough memory for any phone."""

PIECE_OVERHEAD_BYTES: Final = crypto_secretstream_xchacha20poly1305_ABYTES
"""What a piece gains: 17."""

FILE_BYTES_MAX: Final = 2 * 1024**3
"""Longest file: 2 GiB, as WhatsApp takes documents; it needs 33,000 of the 2^32 pieces that one key may seal."""


class AttachmentError(DecryptionError):
    """A sealed file does not open; the subclass says why, and none of it may be shown."""


class AttachmentTruncatedError(AttachmentError):
    """The sealed file ends too early."""


class AttachmentExtendedError(AttachmentError):
    """The sealed file goes on where it should end."""


class AttachmentForgedError(AttachmentError):
    """A piece was changed or moved, or belongs to another file."""


class AttachmentDigestError(AttachmentError):
    """The file opens, but it is not the one that the message speaks of."""


class AttachmentSecret(Value, frozen=True):
    """All that a recipient needs to open one file; it travels inside the encrypted message, and nowhere else."""

    key: Key
    """32 bytes, for this file only."""
    plain_bytes: Annotated[int, msgspec.Meta(ge=0, le=FILE_BYTES_MAX)]
    """Length of the file."""
    plain_sha256: Key
    """SHA-256 of the file."""
    cipher_sha256: Key
    """SHA-256 of the sealed file: a downloader checks it before it opens anything."""

    @property
    def cipher_bytes(self) -> int:
        """Length of the sealed file; it follows from that of the file, so that no message can lie about it."""
        return sealed_bytes(self.plain_bytes)


def sealed_bytes(plain_bytes: int) -> int:
    """Return how long a file of this length is when it is sealed."""
    pieces = max(1, -(-plain_bytes // PIECE_BYTES))  # an empty file has one piece too: the tag must be somewhere
    return HEADER_BYTES + plain_bytes + pieces * PIECE_OVERHEAD_BYTES


class AttachmentSealer:
    """Seals one file that is fed to it in parts of any length."""

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        """Choose the key and the header with 32 and 24 bytes of `entropy`."""
        self._key = entropy(KEY_BYTES)
        header = entropy(HEADER_BYTES)
        # libsodium's init_push rolls its own dice for the header; init_pull leads to the same state with a given one.
        self._stream = _stream(self._key, header)
        self._waiting = bytearray()
        self._ready = bytearray(header)
        self._plain_bytes = 0
        self._plain_hash = hashlib.sha256()
        self._cipher_hash = hashlib.sha256()
        self._finished = False

    def feed(self, plain: bytes) -> bytes:
        """Take the next part of the file; return what can be written down, perhaps nothing yet.

        Raises:
            InputError: The file is longer than `FILE_BYTES_MAX`, or has been finished already.
        """
        if self._finished:
            raise InputError("this sealer has finished its file; each file needs a sealer of its own")
        self._plain_bytes += len(plain)
        if self._plain_bytes > FILE_BYTES_MAX:
            raise InputError(f"the file is longer than FILE_BYTES_MAX = {FILE_BYTES_MAX} bytes; send a link to it")
        self._plain_hash.update(plain)
        self._waiting += plain
        # What may be the last piece waits: only `finish` knows whether it is.
        while len(self._waiting) > PIECE_BYTES:
            self._push(PIECE_BYTES, crypto_secretstream_xchacha20poly1305_TAG_MESSAGE)
        return self._taken()

    def finish(self) -> tuple[bytes, AttachmentSecret]:
        """Return the rest of the sealed file, and what its recipients need.

        Raises:
            InputError: It was finished already.
        """
        if self._finished:
            raise InputError("this sealer has finished its file already")
        self._push(len(self._waiting), crypto_secretstream_xchacha20poly1305_TAG_FINAL)
        self._finished = True
        rest = self._taken()
        return rest, AttachmentSecret(
            self._key, self._plain_bytes, self._plain_hash.digest(), self._cipher_hash.digest()
        )

    def _push(self, size: int, tag: int) -> None:
        piece = bytes(self._waiting[:size])
        del self._waiting[:size]
        self._ready += crypto_secretstream_xchacha20poly1305_push(self._stream, piece, None, tag)

    def _taken(self) -> bytes:
        ready = bytes(self._ready)
        self._ready.clear()
        self._cipher_hash.update(ready)
        return ready


class AttachmentOpener:
    """Opens one sealed file that is fed to it in parts of any length.

    What `feed` returns is authentic but may be the beginning only: nothing may be shown before `finish` has returned.
    After an error, every further call raises it again.
    """

    def __init__(self, secret: AttachmentSecret) -> None:
        """Expect the file that a message speaks of."""
        self._secret = secret
        self._stream: crypto_secretstream_xchacha20poly1305_state | None = None
        self._waiting = bytearray()
        self._cipher_left = secret.cipher_bytes
        self._plain_left = secret.plain_bytes
        self._plain_hash = hashlib.sha256()
        self._cipher_hash = hashlib.sha256()
        self._error: AttachmentError | None = None

    def feed(self, sealed: bytes) -> bytes:
        """Take the next part of the sealed file; return what it opens, perhaps nothing yet.

        Raises:
            AttachmentExtendedError: It is longer than it should be.
            AttachmentForgedError: A piece was changed or moved, or belongs to another file.
        """
        self._check()
        self._cipher_left -= len(sealed)
        if self._cipher_left < 0:
            raise self._fail(
                AttachmentExtendedError(f"the sealed file goes on behind its {self._secret.cipher_bytes} bytes")
            )
        self._cipher_hash.update(sealed)
        self._waiting += sealed
        return b"".join(self._whole_pieces())

    def finish(self) -> None:
        """Confirm that the whole file has been opened, and that it is the one the message speaks of.

        Raises:
            AttachmentTruncatedError: It ended too early.
            AttachmentDigestError: Its hash or the sealed file's is another.
        """
        self._check()
        if self._cipher_left:
            whole = self._secret.cipher_bytes
            raise self._fail(
                AttachmentTruncatedError(f"the sealed file ends after {whole - self._cipher_left} of {whole} bytes")
            )
        if self._cipher_hash.digest() != self._secret.cipher_sha256:
            raise self._fail(AttachmentDigestError("the sealed file has another SHA-256 than the message says"))
        if self._plain_hash.digest() != self._secret.plain_sha256:
            raise self._fail(AttachmentDigestError("the file has another SHA-256 than the message says"))

    def _whole_pieces(self) -> Iterator[bytes]:
        if self._stream is None:
            if len(self._waiting) < HEADER_BYTES:
                return
            self._stream = _stream(self._secret.key, self._take(HEADER_BYTES))
        while len(self._waiting) >= (size := min(PIECE_BYTES, self._plain_left) + PIECE_OVERHEAD_BYTES):
            yield self._pull(self._stream, self._take(size))
            if not self._plain_left:
                return

    def _pull(self, stream: crypto_secretstream_xchacha20poly1305_state, piece: bytes) -> bytes:
        try:
            plain, tag = crypto_secretstream_xchacha20poly1305_pull(stream, piece, None)
        except CryptoError:
            raise self._fail(
                AttachmentForgedError("a piece of the sealed file was changed or moved, or is another file's")
            ) from None
        self._plain_left -= len(plain)
        if tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL and self._plain_left:
            raise self._fail(
                AttachmentTruncatedError(f"the file was sealed {self._plain_left} bytes shorter than said")
            )
        if tag != crypto_secretstream_xchacha20poly1305_TAG_FINAL and not self._plain_left:
            raise self._fail(AttachmentExtendedError("the file was sealed longer than the message says"))
        self._plain_hash.update(plain)
        return plain

    def _take(self, size: int) -> bytes:
        taken = bytes(self._waiting[:size])
        del self._waiting[:size]
        return taken

    def _fail(self, error: AttachmentError) -> AttachmentError:
        self._error = error
        self._waiting.clear()
        return error

    def _check(self) -> None:
        if self._error is not None:
            raise self._error


def open_parts(sealed: Iterable[bytes], secret: AttachmentSecret) -> Iterator[bytes]:
    """Open a sealed file part by part; nothing may be shown before the iteration has ended.

    Raises:
        AttachmentError: It is not the file that the message speaks of; the subclass says why.
    """
    opener = AttachmentOpener(secret)
    for part in sealed:
        if plain := opener.feed(part):
            yield plain
    opener.finish()


def _stream(key: bytes, header: bytes) -> crypto_secretstream_xchacha20poly1305_state:
    stream = crypto_secretstream_xchacha20poly1305_state()
    crypto_secretstream_xchacha20poly1305_init_pull(stream, header, key)
    return stream
