"""One holder at a time, whoever dies; and the poke that wakes it."""

import asyncio
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from onebar.drivers.lock import HolderLock
from onebar.errors import StoreError

_HOLD_FOR_EVER = """
import sys
from pathlib import Path
from onebar.drivers.lock import HolderLock
print(HolderLock(Path(sys.argv[1])).acquire(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "alice.db"


def test_one_has_it_until_it_lets_go(database: Path) -> None:
    first, second = HolderLock(database), HolderLock(database)
    assert first.acquire()
    assert first.acquire()
    assert first.held
    assert not second.acquire()
    first.release()
    assert second.acquire()
    assert not first.held
    second.release()


def test_files_are_private(database: Path) -> None:
    async def listen() -> None:
        lock = HolderLock(database)
        lock.acquire()
        assert lock.listen(lambda: None)
        lock.release()

    asyncio.run(listen())
    for name in ("alice.db.lock", "alice.db.poke"):
        assert stat.S_IMODE(database.with_name(name).stat().st_mode) == 0o600


@pytest.mark.process
def test_a_killed_holder_leaves_nothing_behind(database: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD_FOR_EVER, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"True\n"
        lock = HolderLock(database)
        assert not lock.acquire()
        process.kill()
        process.wait()
    assert lock.acquire()
    lock.release()


def test_directory_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot make the lock file"):
        HolderLock(tmp_path / "no" / "alice.db").acquire()


async def test_poke_wakes_the_holder(database: Path) -> None:
    holder, guest = HolderLock(database), HolderLock(database)
    woken = asyncio.Event()
    holder.acquire()
    assert holder.listen(woken.set)
    assert guest.poke()
    async with asyncio.timeout(5):
        await woken.wait()
    holder.release()


async def test_nobody_listens(database: Path) -> None:
    holder, guest = HolderLock(database), HolderLock(database)
    assert not guest.poke()
    holder.acquire()
    holder.listen(lambda: None)
    holder.release()
    assert not guest.poke()  # the FIFO is there, its reader is not


async def test_more_pokes_than_the_pipe_holds(database: Path) -> None:
    holder, guest = HolderLock(database), HolderLock(database)
    woken = asyncio.Event()
    holder.acquire()
    holder.listen(woken.set)
    fd = os.open(database.with_name("alice.db.poke"), os.O_WRONLY | os.O_NONBLOCK)
    with pytest.raises(BlockingIOError):  # noqa: PT012 - until the pipe is full
        while True:
            os.write(fd, bytes(65536))
    os.close(fd)
    assert guest.poke()
    async with asyncio.timeout(5):
        await woken.wait()
    holder.release()


async def test_something_else_is_in_the_way(database: Path) -> None:
    database.with_name("alice.db.poke").touch()
    lock = HolderLock(database)
    lock.acquire()
    with pytest.raises(StoreError, match="in the way"):
        lock.listen(lambda: None)
    lock.release()


async def test_no_fifos_here(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "mkfifo", refuse)
    lock = HolderLock(database)
    lock.acquire()
    assert not lock.listen(lambda: None)
    lock.release()
