"""The events of a device, for an app that asks for one after the other."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, Final

from onebar.drivers.home import Home
from onebar.drivers.home_ports import LocalStore
from onebar.events import Event

EVENTS_PER_PAGE: Final = 100
"""How many events a stream reads at once: one query for a burst, and little to read again after a crash."""


class EventStream(AsyncIterator[Event]):
    """The events of one consumer. A cancelled `await anext(stream)`, say by a time-out, loses none."""

    def __init__(self, home: Home[Any], consumer: str) -> None:
        self._home = home
        self._consumer = consumer
        self._page: deque[Event] = deque()
        self._handed_out: int | None = None
        self._known = False
        self._asked = 0
        self._confirmed = 0
        self._confirming: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        """Show whose it is."""
        return f"<EventStream {self._consumer!r}>"

    async def __anext__(self) -> Event:
        """Confirm the last event and return the next one, waiting for it if need be.

        Raises:
            StoreError: The database failed.
        """
        if self._home.closing:
            raise StopAsyncIteration
        self._confirm()
        while not self._page:
            news = self._home.news()
            await self._home.chores_done()  # another stream of this consumer may have been left just now
            if self._home.closing:
                raise StopAsyncIteration
            self._page.extend(await self._home.read(self._next_page))
            if not self._page:
                await news.wait()
            if self._home.closing:
                raise StopAsyncIteration
        event = self._page.popleft()
        self._handed_out = event.event_no
        return event

    def _next_page(self, store: LocalStore) -> list[Event]:
        if not self._known:
            store.confirm_events(self._consumer, 0)  # so that nothing is dropped before it confirmed anything
            self._known = True
        return store.next_events(self._consumer, EVENTS_PER_PAGE)

    def _confirm_asked(self, store: LocalStore) -> int:
        asked = self._asked
        store.confirm_events(self._consumer, asked)
        return asked

    def _confirm(self) -> None:
        """Confirm behind the reader's back: a burst of events costs a few commits, not one each."""
        if self._handed_out is None:
            return
        self._asked, self._handed_out = self._handed_out, None
        if self._confirming is not None and self._confirming.done():
            self._confirming.result()  # raises what went wrong
            self._confirming = None
        if self._confirming is None:
            self._confirming = self._home.start_chore(self._confirm_all())

    async def _confirm_all(self) -> None:
        while self._confirmed < self._asked:
            self._confirmed = await self._home.read(self._confirm_asked)
