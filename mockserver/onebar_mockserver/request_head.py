"""HTTP by uvicorn's h11, with a deadline for each request's head: half-open connections do not pile up."""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from onebar_mockserver.limits import HEAD_S


class HeadDeadlineProtocol(H11Protocol):
    """Cuts a connection whose request head does not arrive in time."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock for the first head."""
        super().connection_made(transport)
        self._arm()

    def data_received(self, data: bytes) -> None:
        """Read on; while a head is incomplete the clock runs on and is not set back."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._disarm()
        elif self.conn.trailing_data[0] and not self.transport.is_closing():
            self._arm()

    def on_response_complete(self) -> None:
        """Leave the time between requests to uvicorn's keep-alive, which the first byte of a head ends."""
        super().on_response_complete()
        self._disarm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._disarm()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand the connection over; its link has deadlines of its own."""
        self._disarm()
        super().handle_websocket_upgrade(event)

    def _arm(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_S, self.transport.abort)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
