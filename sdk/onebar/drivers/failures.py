"""Why a dial failed or a link ended, in plain words for people. Never an error's own text: it may quote a password."""

import errno
import socket
from http import HTTPStatus
from typing import Final

from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidProxyStatus,
    InvalidStatus,
)

from onebar.core.turn import LinkLost
from onebar.drivers.address import Address
from onebar.drivers.portal import SIGN_IN, is_login_page
from onebar.drivers.refusals import read_refusal
from onebar.drivers.tls import explain, intercepted

_PLAIN_WORDS: Final[dict[type[Exception], str]] = {
    ConnectionRefusedError: "nobody answers at the server's address: is it running?",
    ConnectionResetError: "the connection was cut",
    socket.gaierror: "the server's name cannot be found: no network, or a wrong name",
    TimeoutError: "the server did not answer in time",
    InvalidMessage: "the connection was cut",
    InvalidHandshake: "something between here and the server lets no WebSocket through",
}
_UNREACHABLE: Final = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN})


def why_not(link_no: int, error: Exception, address: Address) -> LinkLost:
    """Say why a dial failed, and whether the network seems to want its user to sign in."""
    tls = address.trust is not None
    if isinstance(error, InvalidStatus | InvalidProxyStatus):
        response = error.response
        if is_login_page(response.status_code, response.headers.get("Content-Type", ""), tls=tls):
            return LinkLost(link_no, SIGN_IN, portal=True)
        if response.status_code == HTTPStatus.TOO_MANY_REQUESTS and (refusal := read_refusal(response.body or b"")):
            told = f"too many connections from this network: the limit {refusal.limit} is used up"
            return LinkLost(link_no, told, limit=refusal.limit, retry_after_s=refusal.retry_after_s)
    if tls:
        # What a WebSocket says comes after the handshake: whoever fails then is the server, or the line to it.
        portal = isinstance(error, OSError) and intercepted(error)
        return LinkLost(link_no, explain(error, address.host) or why(error), portal)
    if isinstance(error, InvalidMessage):  # also what a server looks like that expected TLS
        return LinkLost(link_no, f"{address.host} does not speak HTTP: if it speaks TLS, write https://")
    return LinkLost(link_no, why(error))


def why(error: Exception) -> str:
    """Say what happened to a connection, or to the attempt to make one."""
    if isinstance(error, InvalidStatus):
        return f"the server answered HTTP {error.response.status_code}"
    if isinstance(error, InvalidProxyStatus):
        return f"this network's proxy answered HTTP {error.response.status_code}"
    if isinstance(error, ConnectionClosed):
        return f"the server closed the connection, code {error.rcvd.code}" if error.rcvd else "the connection was cut"
    for kind, words in _PLAIN_WORDS.items():
        if isinstance(error, kind):
            return words
    if isinstance(error, OSError) and error.errno in _UNREACHABLE:
        return "there is no network, or no way to the server"
    return type(error).__name__
