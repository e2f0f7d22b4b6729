import asyncio
import os
import threading
from collections.abc import Iterator

import pytest

from onebar.terminal import READ_BYTES, InputLines, printable, write_line

# Only a hang reaches it.
PATIENCE_S = 10.0


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)


async def all_lines(descriptor: int) -> list[bytes]:
    lines, found = InputLines(descriptor), []
    while (line := await asyncio.wait_for(lines.next(), PATIENCE_S)) is not None:
        found.append(line)
    return found


@pytest.mark.parametrize(
    ("written", "lines"),
    [
        (b"", []),
        (b"one\ntwo\n", [b"one", b"two"]),
        (b"one\r\n\r\ntwo", [b"one", b"", b"two"]),
        ("a\u2028b\x0cc\n".encode(), ["a\u2028b\x0cc".encode()]),
    ],
)
async def test_lines_end_at_line_feeds_only(pipe: tuple[int, int], written: bytes, lines: list[bytes]) -> None:
    reading, writing = pipe
    os.write(writing, written)
    os.close(writing)
    assert await all_lines(reading) == lines


async def test_a_line_comes_as_soon_as_it_is_complete(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    lines = InputLines(reading)
    os.write(writing, b"one\ntw")
    assert await asyncio.wait_for(lines.next(), PATIENCE_S) == b"one"
    os.write(writing, b"o\n")
    assert await asyncio.wait_for(lines.next(), PATIENCE_S) == b"two"
    os.close(writing)
    assert await asyncio.wait_for(lines.next(), PATIENCE_S) is None


async def test_a_line_may_be_longer_than_one_read(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    long = b"x" * (3 * READ_BYTES)

    def write() -> None:
        with os.fdopen(writing, "wb") as file:
            file.write(long + b"\nend\n")

    writer = threading.Thread(target=write)
    writer.start()
    assert await all_lines(reading) == [long, b"end"]
    writer.join()


async def test_waiting_for_a_line_can_be_cancelled(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(InputLines(reading).next(), 0)
    os.close(writing)


async def test_a_bad_descriptor_raises() -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        await InputLines(-1).next()


async def test_write_line_writes_at_once(capfd: pytest.CaptureFixture[str]) -> None:
    await write_line("on my way")
    assert capfd.readouterr().out == "on my way\n"


def test_printable_escapes_what_steers_a_terminal() -> None:
    assert printable("\x1b[2Jhi\x9b\n\u202egnp.exe") == "\\u001b[2Jhi\\u009b\\u000a\\u202egnp.exe"
    assert printable("Привет 👩‍🚀 日本語") == "Привет 👩‍🚀 日本語"
