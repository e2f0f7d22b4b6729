"""Takes new connections in, a few at a time, so that a storm of them holds up nobody who is there already.

An event loop's own server accepts everything that waits at once. After a crash that is every phone: thousands of TLS
handshakes then share the processor, and all of them end after the last phone's patience instead of one after another.
"""

import asyncio
import errno
import functools
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Final

from onebar_mockserver.connections import Connections
from onebar_mockserver.limits import ACCEPT_AGAIN_S, ACCEPTS_PER_STEP, HANDSHAKE_S

FULL: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""What accept says when this process or machine has no room for another connection."""

logger = logging.getLogger(__name__)


class Acceptor:
    """Accepts on one listening socket until it is closed."""

    def __init__(
        self,
        listener: socket.socket,
        make_protocol: Callable[[], asyncio.Protocol],
        tls: ssl.SSLContext | None,
        among: Connections | None = None,
    ) -> None:
        """Begin to accept; needs a running loop. `among` counts the handshakes of each address."""
        self._listener = listener
        self._make_protocol = make_protocol
        self._tls = tls
        self._among = among if tls is not None else None  # without TLS a connection counts as soon as it is there
        self._loop = asyncio.get_running_loop()
        self._shaking: set[asyncio.Task[bool]] = set()
        self._again: asyncio.TimerHandle | None = None
        self._listen()

    def close(self) -> None:
        """Accept no more, and give up the handshakes that are not over."""
        self._loop.remove_reader(self._listener.fileno())
        self._listener.close()
        if self._again is not None:
            self._again.cancel()
        for task in self._shaking:
            task.cancel()

    def _listen(self) -> None:
        self._loop.add_reader(self._listener.fileno(), self._accept)

    def _accept(self) -> None:
        """Take a few in; the loop calls again as long as more wait, after whoever else has something to say."""
        for _ in range(ACCEPTS_PER_STEP):
            try:
                connection, address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in FULL:
                    raise
                self._pause(error)
                return
            if self._among is not None and not self._among.begin(address[0]):
                connection.close()  # an answer would take a handshake
                continue
            connection.setblocking(False)
            task = self._loop.create_task(self._shake_hands(connection))
            self._shaking.add(task)
            task.add_done_callback(functools.partial(self._shook_hands, connection, address[0]))

    def _pause(self, error: OSError) -> None:
        logger.error("no room for another connection (%s): raise the limit of open files", error.strerror)
        self._loop.remove_reader(self._listener.fileno())
        self._again = self._loop.call_later(ACCEPT_AGAIN_S, self._listen)

    async def _shake_hands(self, connection: socket.socket) -> bool:
        limit_s = None if self._tls is None else HANDSHAKE_S
        try:
            await self._loop.connect_accepted_socket(
                self._make_protocol, connection, ssl=self._tls, ssl_handshake_timeout=limit_s
            )
        except OSError:  # it left, speaks no TLS, or takes too long
            return False
        return True

    def _shook_hands(self, connection: socket.socket, host: str, task: "asyncio.Task[bool]") -> None:
        self._shaking.discard(task)
        if self._among is not None:
            self._among.end(host)
        if task.cancelled() or not task.result():
            connection.close()
