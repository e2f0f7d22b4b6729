"""Reads what `strace -f -yy -xx` recorded of a server: what it wrote, made durable, and said to whom."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

CALLS: Final = (
    "openat,creat,pwrite64,pwritev,write,writev,sendto,sendmsg,fsync,fdatasync,sync_file_range,ftruncate,fallocate,"
    "unlink,unlinkat,rename,renameat,renameat2"
)
"""What is recorded: every way to change a file, to flush it, or to speak on a socket."""

STRING_BYTES_MAX: Final = 1 << 20
"""Longest data that a call is recorded with; one that is longer would be cut short, and is refused below."""


class Write(NamedTuple):
    """Bytes at a place in a file; durable after the next Sync of it."""

    name: str
    offset: int
    data: bytes


class Truncate(NamedTuple):
    """A file's new length; durable after the next Sync of it."""

    name: str
    size: int


class Sync(NamedTuple):
    """What was done to the file before is durable; for the folder itself ("."), the names in it."""

    name: str


class Create(NamedTuple):
    """A new name in the folder."""

    name: str


class Unlink(NamedTuple):
    """A name that is gone from the folder."""

    name: str


class Said(NamedTuple):
    """Bytes that left for the client with this port."""

    port: int
    data: bytes


Happening = Write | Truncate | Sync | Create | Unlink | Said

_HEX: Final = r"(?:\\x[0-9a-f]{2})*"
_CALL: Final = re.compile(r"(\d+) +(\w+)\((.*)\) += (-?\d+)(?:<.*>)?(?: .*)?$")
_UNFINISHED: Final = re.compile(r"(\d+) +(.*) <unfinished \.\.\.>$")
_RESUMED: Final = re.compile(r"(\d+) +<\.\.\. \w+ resumed>(.*)$")
_STRING: Final = re.compile(rf'"({_HEX})"')
_FILE: Final = re.compile(rf"^\d+<({_HEX})>")
_PEER: Final = re.compile(r"^\d+<TCP(?:v6)?:\[.*->.*:(\d+)\]>")


class TraceError(Exception):
    """A recorded call is one that this reader does not understand: what it did to the disk would be missing."""


def read(lines: Iterable[str], folder: Path) -> Iterator[Happening]:
    """Yield what happened to the files of the folder, and what was said, in the order in which the calls returned.

    Raises:
        TraceError: A call touched the folder in a way that the model of the disk does not know.
    """
    begun: dict[str, str] = {}
    for line in lines:
        line = line.rstrip("\n")
        if found := _UNFINISHED.match(line):
            begun[found[1]] = f"{found[1]} {found[2]}"
            continue
        if found := _RESUMED.match(line):
            line = begun.pop(found[1]) + found[2]
        if (found := _CALL.match(line)) and int(found[4]) >= 0:
            happening = _happening(found[2], found[3], int(found[4]), folder)
            if happening is not None:
                yield happening


def _happening(call: str, arguments: str, result: int, folder: Path) -> Happening | None:
    if call in {"write", "writev", "sendto", "sendmsg"}:
        peer = _PEER.match(arguments)
        if peer is not None:
            return Said(int(peer[1]), b"".join(map(_bytes, _STRING.findall(arguments)))[:result])
    if call in {"openat", "unlink"}:
        name = _inside(_bytes(_STRING.findall(arguments)[0]), folder)
        if name is None or (call == "openat" and "O_CREAT" not in arguments):
            return None
        return Unlink(name) if call == "unlink" else Create(name)
    touched = _FILE.match(arguments)
    name = _inside(_bytes(touched[1]), folder) if touched else _named_inside(arguments, folder)
    if name is None:
        return None
    if call in {"fsync", "fdatasync"}:
        return Sync(name)
    if call == "ftruncate":
        return Truncate(name, int(arguments.rsplit(", ", 1)[1]))
    if call == "pwrite64":
        data = _bytes(_STRING.findall(arguments)[0])
        if len(data) != int(arguments.rsplit(", ", 2)[1]):
            raise TraceError(f"{len(data)} bytes of a longer write to {name} were recorded: raise STRING_BYTES_MAX")
        return Write(name, int(arguments.rsplit(", ", 1)[1]), data[:result])
    raise TraceError(f"{call} of {name} is not known to the model of the disk")


def _named_inside(arguments: str, folder: Path) -> str | None:
    return next((name for text in _STRING.findall(arguments) if (name := _inside(_bytes(text), folder))), None)


def _inside(path: bytes, folder: Path) -> str | None:
    """Return a file's name in the folder, "." for the folder itself, None for what is elsewhere or only memory."""
    text = path.decode(errors="replace")
    if text == str(folder):
        return "."
    if not text.startswith(f"{folder}/") or text.endswith(("-shm", ".lock")):
        return None
    return text.removeprefix(f"{folder}/")


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))
