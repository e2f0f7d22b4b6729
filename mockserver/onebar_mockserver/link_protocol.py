"""`LinkProtocol`: one WebSocket at `/v1/link`, with nothing between websockets' protocol core and the transport.

uvicorn hands an upgrade over by `connection_made`, then the request's head in `data_received`. What a turn says leaves
in one write.
"""

import asyncio
import http
import socket
from collections import deque
from typing import Final, cast

from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from onebar.core import frames
from onebar_mockserver.flight import HEADER, NoFlightError, decode_header, open_flight
from onebar_mockserver.gateway import Gateway
from onebar_mockserver.limits import CLOSE_S, FLIGHT_S, WRITE_BUFFER_BYTES_MAX
from onebar_mockserver.links import PROTOCOL_ERROR, TOO_SLOW

LINK_PATH: Final = "/v1/link"
"""Where links are opened (§1)."""

HEADER_TOO_LARGE: Final = http.HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
"""The answer to a header line that the core does not read, 431."""


class LinkProtocol(asyncio.Protocol):
    """One link's socket. Made by uvicorn for each upgrade request."""

    def __init__(
        self,
        gateway: Gateway,
        **_uvicorn: object,
    ) -> None:
        self._gateway = gateway
        self._loop = asyncio.get_running_loop()
        self._websocket = ServerProtocol(max_size=frames.MESSAGE_BYTES_MAX)
        self._transport: asyncio.Transport
        self._link = 0
        self._host = ""
        self._boarded = False
        self._parts: list[bytes] = []
        self._paused = False
        self._held: deque[bytes] = deque()
        self._timer: asyncio.TimerHandle | None = None

    # What the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over the transport of an upgrade request."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES_MAX)

    def data_received(self, data: bytes) -> None:
        """Handle bytes of the peer: the request's head, then WebSocket frames."""
        self._websocket.receive_data(data)
        if self._websocket.handshake_exc is not None and self._websocket.state is State.CONNECTING:
            # The core has given up without an answer, and the peer would wait for ever. uvicorn has already parsed
            # this head, so the only thing wrong with it is a limit of the core's own.
            answer = self._websocket.reject(HEADER_TOO_LARGE, "A header line is longer than 8192 bytes.\n")
            self._transport.write(answer.serialize())
            self._transport.close()
            return
        for event in self._websocket.events_received():
            if isinstance(event, Request):
                self._open(event)
            elif isinstance(event, Frame):
                self._receive(event)
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Leave the turns."""
        self._set_timer(None)
        self._held.clear()
        if self._gateway.connections is not None:
            self._gateway.connections.leave(self._transport)
        if self._link:
            self._gateway.leave(self._link)

    def pause_writing(self) -> None:
        """Close a link whose peer does not read: more waits for it than its credit and verdicts can be."""
        self._close(TOO_SLOW)

    # What the gateway calls

    def say(self, messages: list[bytes], close: int | None) -> None:
        """Send the messages in one write, then begin to close with this code, if any."""
        if self._websocket.state is not State.OPEN:
            return
        for message in messages:
            self._websocket.send_binary(message)
        if close is not None:
            self._websocket.send_close(close)
            self._set_timer(CLOSE_S)
        self._flush()

    def cut(self, messages: list[bytes]) -> None:
        """Send the messages and drop the connection without a closing frame."""
        self.say(messages, None)
        if messages:
            self._transport.close()
        else:
            self._transport.abort()

    def pause(self, paused: bool) -> None:
        """Stop or go on reading; what was read already waits undecoded, as that takes the least memory (R25)."""
        if paused == self._paused:
            return
        self._paused = paused
        while self._held and not self._paused:
            self._take(self._held.popleft())  # which may pause again
        if self._paused == paused and not self._transport.is_closing():
            if paused:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    # The opening

    def _open(self, request: Request) -> None:
        if self._gateway.faults.take_refusal() or self._gateway.stopping:
            self._answer(self._websocket.reject(http.HTTPStatus.SERVICE_UNAVAILABLE, "Try again later.\n"))
            return
        if request.path.partition("?")[0] != LINK_PATH:
            self._answer(self._websocket.reject(http.HTTPStatus.NOT_FOUND, "Links are at /v1/link.\n"))
            return
        response = self._websocket.accept(request)
        self._answer(response)
        if response.status_code != http.HTTPStatus.SWITCHING_PROTOCOLS:
            return
        self._link = self._gateway.join(self)
        self._host = request.headers.get_all("Host")[0] if "Host" in request.headers else ""
        flights = request.headers.get_all(HEADER)
        if not flights:
            self._set_timer(FLIGHT_S)
            self.say([frames.encode_message([frames.FlightWanted()])], None)
            return
        try:
            self._board(decode_header(flights[0]))
        except NoFlightError:
            self._gateway.refuse(self._link, "malformed")

    def _answer(self, response: Response) -> None:
        """Send the answer to the upgrade; all but a 101 close the connection."""
        self._websocket.send_response(response)
        self._flush()

    def _board(self, flight: bytes) -> None:
        opened = open_flight(flight)
        self._boarded = True
        self._set_timer(None)
        self._gateway.board(self._link, self._host, opened)

    # The frames

    def _receive(self, frame: Frame) -> None:
        if frame.opcode is Opcode.TEXT:
            self._close(PROTOCOL_ERROR)
        elif frame.opcode in (Opcode.BINARY, Opcode.CONT):
            if frame.data:  # of empty ones there may be any number
                self._parts.append(bytes(frame.data))
            if frame.fin:
                message = b"".join(self._parts)
                self._parts.clear()
                self._take(message)

    def _take(self, message: bytes) -> None:
        if self._websocket.state is not State.OPEN:
            return
        if self._paused:
            self._held.append(message)
            return
        try:
            if self._boarded:
                self._gateway.receive(self._link, frames.decode_client(message), len(message))
            else:
                self._board(message)
        except NoFlightError:
            self._gateway.refuse(self._link, "malformed")
        except frames.MessageError:
            self._close(PROTOCOL_ERROR)

    # The end

    def _close(self, code: int) -> None:
        if self._websocket.state is State.OPEN:
            self.say([], code)
        else:
            self._transport.close()

    def _flush(self) -> None:
        """Write what the core wants to say; its empty string is the wish to end the connection."""
        data = self._websocket.data_to_send()
        if data and not self._transport.is_closing():
            self._transport.write(b"".join(data))
            if data[-1] == b"":
                self._transport.close()

    def _set_timer(self, delay_s: float | None) -> None:
        """Arm the one deadline that this link has: for its flight, or for the peer's closing frame."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if delay_s is not None:
            self._timer = self._loop.call_later(delay_s, self._overdue)

    def _overdue(self) -> None:
        if self._websocket.state is State.OPEN:
            self._gateway.refuse(self._link, "malformed")
        else:
            self._transport.abort()
