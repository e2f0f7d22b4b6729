"""Voice notes that a phone has recorded as Opus in Ogg (RFC 3533, RFC 7845): taken as they are, without their tags."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from onebar.media.errors import DamagedMediaError, MediaTooLargeError, UnsupportedMediaError

OPUS_BYTES_MAX: Final = 16 * 1024 * 1024
"""Longest recording: an hour at 32 kbit/s, twice what voice notes are made with."""

_RATE_HZ: Final = 48_000  # of an Opus stream's positions, whatever it was recorded at (RFC 7845 §4)
_PAGE: Final = struct.Struct("<4sBBqIIIB")  # RFC 3533 §6
_HEAD: Final = struct.Struct("<8sBBHIhB")  # RFC 7845 §5.1
_CONTINUED: Final = 0x01
_NO_TAGS: Final = b"OpusTags" + bytes(8)  # an empty vendor, no comments (RFC 7845 §5.2)
_POLYNOMIAL: Final = 0x04C11DB7


@dataclass(frozen=True, slots=True)
class _Page:
    flags: int
    granule: int
    serial: int
    segments: bytes
    body: bytes

    def written(self, number: int) -> bytes:
        """Return it as bytes, as the page of this number."""
        fields = (b"OggS", 0, self.flags, self.granule, self.serial, number)
        behind = self.segments + self.body
        blank = _PAGE.pack(*fields, 0, len(self.segments)) + behind
        return _PAGE.pack(*fields, _checksum(blank), len(self.segments)) + behind


def plain_opus(data: bytes) -> tuple[bytes, int]:
    """Return a recording without its tags, and how long it plays, in milliseconds.

    Raises:
        MediaTooLargeError: It has more than `OPUS_BYTES_MAX`.
        UnsupportedMediaError: It is not one stream of Opus in one channel, in Ogg.
        DamagedMediaError: It is malformed or cut short.
    """
    if len(data) > OPUS_BYTES_MAX:
        raise MediaTooLargeError(f"the recording has more than OPUS_BYTES_MAX = {OPUS_BYTES_MAX} bytes")
    pages = list(_pages(data))
    if not pages or not pages[0].body.startswith(b"OpusHead") or len(pages[0].body) < _HEAD.size:
        raise UnsupportedMediaError("this is no Opus in Ogg: record it so, or leave `waveform` out to have it made so")
    _, version, channels, skipped, *_ = _HEAD.unpack_from(pages[0].body)
    if version >> 4 or channels != 1 or len({page.serial for page in pages}) != 1:
        raise UnsupportedMediaError("a voice note is one stream of Opus, version 1, with one channel")
    tags = next((at for at, page in enumerate(pages[1:], 1) if not page.segments or page.segments[-1] < 255), 0)
    if not tags or not pages[1].body.startswith(b"OpusTags") or tags + 1 == len(pages):
        raise DamagedMediaError("the recording ends before its sound")
    untagged = _Page(0, 0, pages[0].serial, bytes((len(_NO_TAGS),)), _NO_TAGS)
    kept = [pages[0], untagged, *pages[tags + 1 :]]
    samples = max(page.granule for page in kept) - skipped
    if samples <= 0 or kept[2].flags & _CONTINUED:
        raise DamagedMediaError("the recording has no sound, or tags and sound share a page")
    return b"".join(page.written(number) for number, page in enumerate(kept)), samples * 1000 // _RATE_HZ


def _pages(data: bytes) -> Iterator[_Page]:
    at = 0
    while at < len(data):
        if len(data) - at < _PAGE.size:
            raise DamagedMediaError("the recording is cut short")
        mark, version, flags, granule, serial, _, checksum, count = _PAGE.unpack_from(data, at)
        if mark != b"OggS" or version:
            if not at:
                return
            raise DamagedMediaError("the recording is malformed")
        begin = at + _PAGE.size
        segments = data[begin : begin + count]
        end = begin + count + sum(segments)
        if end > len(data) or len(segments) != count:
            raise DamagedMediaError("the recording is cut short")
        if _checksum(data[at : at + 22] + bytes(4) + data[at + 26 : end]) != checksum:
            raise DamagedMediaError("the recording was changed: a checksum is wrong")
        yield _Page(flags, granule, serial, segments, data[begin + count : end])
        at = end


def _table() -> tuple[int, ...]:
    values = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1 ^ _POLYNOMIAL if value & 0x80000000 else value << 1) & 0xFFFFFFFF
        values.append(value)
    return tuple(values)


_CHECKSUMS: Final = _table()


def _checksum(page: bytes) -> int:
    """Return Ogg's CRC, which zlib's is not: most significant bit first, beginning with 0."""
    value = 0
    for byte in page:
        value = (value << 8 & 0xFFFFFFFF) ^ _CHECKSUMS[value >> 24 ^ byte]
    return value
