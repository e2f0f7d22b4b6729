"""Which process runs the turns of a database, and how the others wake it.

The lock is the kernel's (flock): it ends with its process, however that dies; the file itself means nothing.
The wake-up is one byte in a FIFO: a pipe with a name needs no port, no permission and no cleaning up.
"""

import asyncio
import errno
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from onebar.errors import StoreError

_PRIVATE: Final = 0o600  # the owner alone: whoever can poke or lock can hold up the device
_DRAIN_BYTES: Final = 4096  # more pokes than this at once are no more news

if sys.platform == "win32":
    import msvcrt

    def _lock(fd: int) -> None:
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


class HolderLock:
    """The right to run the turns of one database; at most one in the world has it.

    Where the platform or the file system has no FIFO (Windows, FAT), `listen` says so: then the holder has to
    look at the database from time to time.
    """

    def __init__(self, database: Path) -> None:
        self._lock_path = database.with_name(database.name + ".lock")
        self._poke_path = database.with_name(database.name + ".poke")
        self._lock_fd: int | None = None
        self._poke_fd: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object has the lock."""
        return self._lock_fd is not None

    def acquire(self) -> bool:
        """Take the lock if it is free; return whether this object has it now. Never waits.

        Raises:
            StoreError: The lock file cannot be made.
        """
        if self._lock_fd is not None:
            return True
        try:
            fd = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), _PRIVATE)
        except OSError as error:
            raise StoreError(f"cannot make the lock file {self._lock_path}: {error.strerror}") from error
        try:
            _lock(fd)
        except OSError as error:
            os.close(fd)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK):
                return False
            raise StoreError(f"cannot lock {self._lock_path}: {error.strerror}") from error
        self._lock_fd = fd
        return True

    def release(self) -> None:
        """Stop listening and let others have the lock. The files stay: removing one would race."""
        self._stop_listening()
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None

    def listen(self, on_poke: Callable[[], None]) -> bool:
        """Call `on_poke` on the running loop for every poke; return False where there are no FIFOs.

        Raises:
            StoreError: Something that is no FIFO is in its place.
        """
        if sys.platform == "win32":
            return False
        try:
            os.mkfifo(self._poke_path, _PRIVATE)
        except FileExistsError:
            if not stat.S_ISFIFO(self._poke_path.stat().st_mode):
                raise StoreError(f"{self._poke_path} is in the way: remove it") from None
        except (OSError, AttributeError):  # a file system or a platform without FIFOs
            return False
        # Open for writing too: with no writer left, a FIFO would be "at end of file" and readable for ever.
        fd = os.open(self._poke_path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._poke_fd = fd

        def drain() -> None:
            try:
                os.read(fd, _DRAIN_BYTES)
            except BlockingIOError:
                return  # woken for nothing
            on_poke()

        asyncio.get_running_loop().add_reader(fd, drain)
        return True

    def poke(self) -> bool:
        """Wake the holder, from any thread; return whether there is one that listens."""
        if sys.platform == "win32":
            return False
        try:
            fd = os.open(self._poke_path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in (errno.ENXIO, errno.ENOENT):
                return False  # nobody holds the database: the next holder reads everything anyway
            raise StoreError(f"cannot open {self._poke_path}: {error.strerror}") from error
        try:
            os.write(fd, b"\0")
        except BlockingIOError:
            pass  # full of pokes that nobody read yet: the holder will wake without ours
        finally:
            os.close(fd)
        return True

    def _stop_listening(self) -> None:
        if self._poke_fd is not None:
            asyncio.get_running_loop().remove_reader(self._poke_fd)
            os.close(self._poke_fd)
            self._poke_fd = None
