"""Where clients come in, and where in a darkness nobody does."""

import asyncio
import socket
import sys
from collections.abc import Callable
from typing import Final

from onebar.testing.line import LINGER_RESET

BACKLOG: Final = 128
"""Connections that may wait to be taken in: the kernel's own default limit for decades."""

ACCEPT_AGAIN_S: Final = 0.1
"""Pause after a failed accept, which is mostly for want of file descriptors: sooner would only spin."""


class Door:
    """A listening socket. While it is shut, a dial hangs as it does without a signal: Linux drops its packets.

    The kernel drops a SYN when the queue of a listening socket is full, so the queue is made to hold one connection,
    and that one is our own. The client's kernel repeats its SYN after 1, 3 and 7 s. Elsewhere than on Linux nothing is
    shut: dials come in at once, and only their bytes wait.
    """

    def __init__(self, sock: socket.socket, newcomer: Callable[[], asyncio.BaseProtocol]) -> None:
        """Take over a socket that listens, and let nobody in yet."""
        sock.setblocking(False)
        self.sock = sock
        self._newcomer = newcomer
        self._plug: socket.socket | None = None
        self._later: asyncio.TimerHandle | None = None
        self._entering: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Let in those who wait and those who come."""
        if self._plug is not None:
            self.sock.listen(BACKLOG)
            self._take()
            self._plug.close()
            self._plug = None
        asyncio.get_running_loop().add_reader(self.sock, self._take)

    def shut(self) -> None:
        """Let nobody in."""
        if self._plug is not None or sys.platform != "linux":
            return
        self._pause()
        self.sock.listen(0)
        self._plug = socket.socket(self.sock.family, socket.SOCK_STREAM)
        self._plug.setblocking(False)
        self._plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
        self._plug.connect_ex(self.sock.getsockname())

    async def close(self) -> None:
        """Let nobody in any more, and close the socket."""
        self._pause()
        if self._plug is not None:
            self._plug.close()
        self.sock.close()
        await asyncio.gather(*self._entering)

    def _pause(self) -> None:
        asyncio.get_running_loop().remove_reader(self.sock)
        if self._later is not None:
            self._later.cancel()
            self._later = None

    def _take(self) -> None:
        """Take in all who wait, but for the plug."""
        own = None if self._plug is None else self._plug.getsockname()
        while True:
            try:
                client, peer = self.sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                self._pause()
                self._later = asyncio.get_running_loop().call_later(ACCEPT_AGAIN_S, self.open)
                return
            if peer == own:
                client.close()
                continue
            client.setblocking(False)
            entering = asyncio.create_task(self._enter(client))
            self._entering.add(entering)
            entering.add_done_callback(self._entering.discard)

    async def _enter(self, client: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(self._newcomer, client)
        except OSError:  # it is gone already
            client.close()
