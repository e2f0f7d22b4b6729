"""Sockets of this process in another network."""

import socket
import threading

from onebar.testing.namespaces import Namespace


def made_inside(namespace: Namespace) -> socket.socket:
    """Make a TCP socket inside; it stays there, whoever uses it."""
    made: list[socket.socket] = []

    def make() -> None:
        namespace.enter()
        made.append(socket.socket())

    maker = threading.Thread(target=make)
    maker.start()
    maker.join()
    made[0].settimeout(10)
    return made[0]
