"""Who waits for the connection to change."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from onebar.models import LinkStatus


class LinkWatch:
    """What the connection was like when it was looked at last, and who waits for another answer."""

    def __init__(self, link: Callable[[], LinkStatus]) -> None:
        """Watch what `link` returns."""
        self._link = link
        self._seen: LinkStatus | None = None
        self._news = asyncio.Event()

    def news(self) -> asyncio.Event:
        """Return the event of the next change. Take it first, then look, then wait: so nothing is missed."""
        return self._news

    def look(self) -> None:
        """Look whether it has changed, and tell."""
        link = self._link()
        if link != self._seen:
            self._seen = link
            self.announce()

    def announce(self) -> None:
        """Let everybody look."""
        self._news.set()
        self._news = asyncio.Event()


class Watched(Protocol):
    """What has a connection: a `Home`."""

    @property
    def link_watch(self) -> LinkWatch:
        """Who waits for it."""

    @property
    def link(self) -> LinkStatus:
        """What it is like."""

    @property
    def closing(self) -> bool:
        """Whether there will be no more news."""

    def check(self) -> None:
        """Raise what it died of."""


class LinkChanges(AsyncIterator[LinkStatus]):
    """The connection as it is now, then each time it is another one. Who looks rarely sees the newest only."""

    def __init__(self, home: Watched) -> None:
        self._home = home
        self._last: LinkStatus | None = None

    def __repr__(self) -> str:
        """Show what was told last."""
        return f"<LinkChanges after {self._last}>"

    async def __anext__(self) -> LinkStatus:
        """Return the status when it is another one than the last.

        Raises:
            StoreError: The database failed.
        """
        while not self._home.closing:
            news = self._home.link_watch.news()
            self._home.check()
            if (link := self._home.link) != self._last:
                self._last = link
                return link
            await news.wait()
        raise StopAsyncIteration
