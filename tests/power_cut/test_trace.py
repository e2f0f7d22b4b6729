"""What strace wrote is understood, and what is not understood is not passed over."""

from pathlib import Path

import pytest

from tests.power_cut.trace import Create, Said, Sync, TraceError, Truncate, Unlink, Write, read

FOLDER = Path("/d")


def hexed(text: str | bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in (text.encode() if isinstance(text, str) else text))


def file(name: str) -> str:
    return f"7<{hexed('/d/' + name)}>"


PEER = "9<TCP:[127.0.0.1:8440->127.0.0.1:5000]>"

LINES = [
    f'11 openat(AT_FDCWD<{hexed("/x")}>, "{hexed("/d/one")}", O_RDWR|O_CREAT, 0600) = 7<{hexed("/d/one")}>',
    f'11 openat(AT_FDCWD<{hexed("/x")}>, "{hexed("/d/one")}", O_RDONLY) = 8<{hexed("/d/one")}>',
    f'11 openat(AT_FDCWD<{hexed("/x")}>, "{hexed("/d/two")}", O_RDWR|O_CREAT, 0600) = -1 ENOENT (No such file)',
    f'11 pwrite64({file("one")}, "{hexed("abcd")}", 4, 8) = 3',
    f"11 fdatasync({file('one')} <unfinished ...>",
    f'12 write({PEER}, "{hexed("hi")}", 2) = 2',
    "11 <... fdatasync resumed>)            = 0",
    f'12 writev({PEER}, [{{iov_base="{hexed("ab")}", iov_len=2}}, {{iov_base="{hexed("cd")}", iov_len=2}}], 2) = 3',
    f'12 write(2<{hexed("/dev/null")}>, "{hexed("log")}", 3) = 3',
    f'11 pwrite64({file("one-shm")}, "{hexed("m")}", 1, 0) = 1',
    f'11 pwrite64(3<{hexed("/elsewhere")}>, "{hexed("m")}", 1, 0) = 1',
    f"11 ftruncate({file('one')}, 5) = 0",
    f"11 fsync(3<{hexed('/d')}>) = 0",
    f'11 unlink("{hexed("/d/one")}") = 0',
    "11 +++ exited with 0 +++",
]


def test_what_happened_to_the_folder_and_what_was_said() -> None:
    assert list(read(LINES, FOLDER)) == [
        Create("one"),
        Write("one", 8, b"abc"),
        Said(5000, b"hi"),
        Sync("one"),
        Said(5000, b"abc"),
        Truncate("one", 5),
        Sync("."),
        Unlink("one"),
    ]


@pytest.mark.parametrize(
    "line",
    [
        f'11 write({file("one")}, "{hexed("a")}", 1) = 1',
        f"11 fallocate({file('one')}, 0, 0, 4096) = 0",
        f'11 rename("{hexed("/d/one")}", "{hexed("/d/two")}") = 0',
    ],
)
def test_a_call_that_the_disk_does_not_know(line: str) -> None:
    with pytest.raises(TraceError, match="is not known to the model of the disk"):
        list(read([line], FOLDER))


def test_data_that_was_recorded_in_part() -> None:
    with pytest.raises(TraceError, match="raise STRING_BYTES_MAX"):
        list(read([f'11 pwrite64({file("one")}, "{hexed("ab")}"..., 9, 0) = 9'], FOLDER))
