"""Content is made small before it is padded and sealed: raw deflate with a dictionary that both ends ship.

A phrase of the dictionary costs about three bytes. The contents of short chat texts, their framing included, come down
to two thirds; without a dictionary, deflate saves a text of this length nothing (docs/protocol.md §6).

Whoever compresses what an attacker chose together with a secret shows the secret by the length (CRIME). A content has
one author, every content is compressed by itself, and padding hides what is left of the length.
"""

import zlib
from functools import cache
from pkgutil import get_data
from typing import Final

from onebar.core.frames import SUBMIT_BYTES_MAX

STORED: Final = 0
"""First byte of content that is stored as it is."""

ENGLISH_1: Final = 1
"""First byte of content deflated with `phrases_en_1.txt`. A changed dictionary gets a number of its own."""

INFLATED_BYTES_MAX: Final = SUBMIT_BYTES_MAX
"""Longest content: what would not fit into a Submit as it is has no reason to come out of one (R7, R25)."""

_RAW: Final = -15  # window of 32 KiB, without the header and checksum of zlib: sealing detects what was changed
_FILES: Final = {ENGLISH_1: "phrases_en_1.txt"}

# What contents have in common, at the end of the dictionary, where a match costs least: arrays of five with the tags of
# text and another kind, then the marks and high zeros of a 64-bit id and a time.
_FRAMING: Final = b"\x95\x02\xcf\x95\x01\xcf\xcf\x00\x00\x01"


class InflatedTooLongError(ValueError):
    """Compressed content that would become longer than `INFLATED_BYTES_MAX`."""


class UnknownCompressionError(ValueError):
    """Content compressed in a way that this version does not know; a later one wrote it."""


def compress(content: bytes) -> bytes:
    """Return the content in its shortest form, at most one byte longer than it was, behind the byte that says which.

    Raises:
        InflatedTooLongError: It is longer than `INFLATED_BYTES_MAX`, so nobody would open it.
    """
    _check_length(len(content))
    deflate = _deflater(ENGLISH_1).copy()
    deflated = deflate.compress(content) + deflate.flush()
    if len(deflated) < len(content):
        return bytes((ENGLISH_1,)) + deflated
    return bytes((STORED,)) + content


def decompress(data: bytes) -> bytes:
    """Return the content that was compressed.

    Raises:
        UnknownCompressionError: The first byte is none that this version knows.
        InflatedTooLongError: It would be longer than `INFLATED_BYTES_MAX`; no more than that was inflated.
        ValueError: It is empty, cut short, damaged, or something follows its end.
    """
    kind, body = data[:1], data[1:]
    if not kind:
        raise ValueError("compressed content of 0 bytes; it has at least its first one")
    if kind[0] == STORED:
        _check_length(len(body))
        return body
    if kind[0] not in _FILES:
        raise UnknownCompressionError(
            f"content compressed in way {kind[0]}; this version knows {STORED} and {ENGLISH_1}"
        )
    return _inflate(body, _dictionary(kind[0]))


@cache
def _deflater(kind: int) -> "zlib._Compress":
    """Return what has read the dictionary: a copy of it is made in half the time."""
    return zlib.compressobj(9, zlib.DEFLATED, _RAW, zdict=_dictionary(kind))


def _inflate(body: bytes, dictionary: bytes) -> bytes:
    inflate = zlib.decompressobj(_RAW, zdict=dictionary)
    try:
        content = inflate.decompress(body, INFLATED_BYTES_MAX + 1)
    except zlib.error:
        raise ValueError("compressed content is damaged") from None
    _check_length(len(content))
    if not inflate.eof or inflate.unused_data:
        raise ValueError("compressed content ends too early, or something follows its end")
    return content


def _check_length(length: int) -> None:
    if length > INFLATED_BYTES_MAX:
        raise InflatedTooLongError(f"content is longer than INFLATED_BYTES_MAX = {INFLATED_BYTES_MAX} bytes: split it")


@cache
def _dictionary(kind: int) -> bytes:
    # Reading a file of the package is no I/O of the protocol: like importing a module, it gives the same bytes always.
    phrases = (get_data("onebar.core", _FILES[kind]) or b"").decode().splitlines()
    return " ".join(line.strip() for line in phrases).encode() + b" " + _FRAMING
