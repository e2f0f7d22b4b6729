"""Frames as plain values, to be written down beside their bytes and compared with what a later version reads."""

from typing import Any

import msgspec


def plain(value: Any) -> Any:
    """Return a frame, or anything in it, as JSON can hold it: bytes as hexadecimal, a frame as its name and fields."""
    if isinstance(value, bytes | msgspec.Raw):
        return bytes(value).hex()
    if isinstance(value, msgspec.Struct):
        fields = {name: plain(getattr(value, name)) for name in value.__struct_fields__}
        return {"is": type(value).__name__, **fields}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def agrees(read: Any, recorded: Any) -> bool:
    """Whether what was read says all that was recorded; a later version may know more fields."""
    if isinstance(recorded, dict):
        return isinstance(read, dict) and all(name in read and agrees(read[name], recorded[name]) for name in recorded)
    if isinstance(recorded, list):
        return len(read) == len(recorded) and all(map(agrees, read, recorded))
    return bool(read == recorded)
