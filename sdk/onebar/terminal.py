"""Standard input and output for a program that runs an event loop.

Whatever may block for ever (a terminal, a full pipe) is done on daemon threads with plain system calls: the
loop goes on, and Ctrl-C and SIGTERM end the program at once, whoever is waiting.
"""

import asyncio
import contextlib
import functools
import os
import sys
import threading
import unicodedata
from collections.abc import Callable
from typing import Final, TypeVar

_T = TypeVar("_T")

READ_BYTES: Final = 65536
"""Most bytes taken from standard input at once: what a pipe holds on Linux."""


def printable(text: str) -> str:
    """Return the text with whatever could steer a terminal, or turn its letters around, as escapes."""
    return "".join(f"\\u{ord(c):04x}" if _steers(c) else c for c in text)


def _steers(character: str) -> bool:
    return (
        unicodedata.category(character) == "Cc"
        or character in "\u2028\u2029\u202a\u202b\u202c\u202d\u202e"
        or ("\u2066" <= character <= "\u2069")
    )


async def _blocking(call: Callable[[], _T]) -> _T:
    """Await a call that may block for ever, on a daemon thread: the program can end without it."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_T] = loop.create_future()

    def settle(result: _T | None, error: OSError | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def work() -> None:
        result, failure = None, None
        try:
            result = call()
        except OSError as error:
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=work, name="onebar-terminal", daemon=True).start()
    return await future


class InputLines:
    """The lines of a file descriptor, each as soon as it is complete."""

    def __init__(self, descriptor: int = 0) -> None:
        self._descriptor = descriptor
        self._rest = bytearray()
        self._ended = False

    async def next(self) -> bytes | None:
        """Return the next line without its end, or None when there are no more."""
        searched = 0
        while (end := self._rest.find(b"\n", searched)) < 0 and not self._ended:
            searched = len(self._rest)
            block = await _blocking(lambda: os.read(self._descriptor, READ_BYTES))
            self._rest += block
            self._ended = not block
        if end < 0 and not self._rest:
            return None
        line = bytes(self._rest[:end] if end >= 0 else self._rest)
        del self._rest[: len(line) + 1]
        return line.removesuffix(b"\r")


async def write_line(line: str) -> None:
    """Write one line to standard output, all of it, before returning."""
    rest = (line + "\n").encode(sys.stdout.encoding or "utf-8", "backslashreplace")
    while rest:
        rest = rest[await _blocking(functools.partial(os.write, 1, rest)) :]
