"""HTTP by uvicorn's h11, with deadlines: connections whose peer neither sends nor reads do not pile up."""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from onebar_mockserver.connections import Connections, too_many
from onebar_mockserver.limits import BODY_S, HEAD_S, STALLED_S, TURNED_AWAY_S
from onebar_mockserver.ports import RateLimitedError


class HeadDeadlineProtocol(H11Protocol):
    """Cuts a connection whose request does not arrive in time, or whose answer nobody takes."""

    _deadline: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None
    _turned_away: RateLimitedError | None = None

    def __init__(self, *arguments: Any, among: Connections | None = None, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._among = among

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock for the first head."""
        super().connection_made(transport)
        if self._among is not None:
            self._turned_away = self._among.enter(transport)
        self._arm(HEAD_S if self._turned_away is None else TURNED_AWAY_S)

    def data_received(self, data: bytes) -> None:
        """Read on; while a head is incomplete the clock runs on and is not set back."""
        if self._turned_away is not None:  # only now: a reset, for what was not read, would overtake the answer
            self.transport.write(too_many(self._turned_away))
            self.transport.close()
            return
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            if self.conn.trailing_data[0] and not self.transport.is_closing():
                self._arm(HEAD_S)
        elif not self._is_answered_early:
            self._disarm()

    def on_response_complete(self) -> None:
        """Leave the time between requests to uvicorn's keep-alive, which the first byte of a head ends."""
        super().on_response_complete()
        self._disarm()
        if self._is_answered_early:  # each byte of the rest ends the keep-alive, too
            self._arm(BODY_S)

    def pause_writing(self) -> None:
        """Start the clock for the peer to take something of what waits for it."""
        super().pause_writing()
        self._stalled = self.loop.call_later(STALLED_S, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop that clock."""
        super().resume_writing()
        self._unstall()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks."""
        self._disarm()
        self._unstall()
        if self._among is not None:
            self._among.leave(self.transport)
        super().connection_lost(exc)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand the connection over; its link has deadlines of its own."""
        self._disarm()
        super().handle_websocket_upgrade(event)

    @property
    def _is_answered_early(self) -> bool:
        """Whether a request has its answer, but has not come to its end."""
        answered = self.cycle is not None and self.cycle.response_complete
        return answered and self.conn.their_state is h11.SEND_BODY

    def _unstall(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _arm(self, delay_s: float) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(delay_s, self.transport.abort)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
