"""An open client, and who is told what happens in it."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

from onebar import Event, OnebarError
from onebar.events import ChatEvent, MessageEvent
from onebar.models import LinkStatus
from onebar_app.messenger import Messenger
from onebar_app.view_models.formats import number
from onebar_app.view_models.observable import Observable
from onebar_app.view_models.scratch import Scratch
from onebar_app.words import Words

CONSUMER: Final = "app"
"""Under which name events are taken."""

CLOSE_S: Final = 1.0
"""How long the end waits for what is being written, such as a draft."""

_log: Final = logging.getLogger(__name__)


def now_ms() -> int:
    """Return the time of the phone's clock, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Session(Observable):
    """What all screens share. It tells of the connection; `on_event` tells of messages."""

    def __init__(self, messenger: Messenger, words: Words, database: Path) -> None:
        super().__init__()
        self.database = database
        self.scratch = Scratch(database.with_suffix(".plain"))
        self.messenger = messenger
        self.client = messenger.client
        self.words = words
        self.link: LinkStatus = self.client.link
        self.link_history: list[tuple[int, LinkStatus]] = []
        self.failure = ""
        """What went wrong in the background last, in plain words; a screen shows and empties it."""
        self.shown_chat: str | None = None
        """Whose messages the user is looking at: they are no news to the list."""
        self._listeners: list[Callable[[Event], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._following: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Follow the client."""
        self.scratch.empty()
        self.follow(self._follow_events())
        self.follow(self._follow_link())
        self.run(self.messenger.look_at_profile())

    async def close(self) -> None:
        """Stop following; what is being written is finished first, what waits for a network is not."""
        for task in self._following:
            task.cancel()
        await asyncio.gather(*self._following, return_exceptions=True)
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=CLOSE_S)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.scratch.empty()

    def on_event(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Call at each event from now on; what is returned ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do something that the screen does not wait for; if it fails, `failure` says why."""
        task = asyncio.get_running_loop().create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: work.close())  # one that is cancelled before it began warns otherwise
        return task

    def follow(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that ends with the session."""
        task = asyncio.get_running_loop().create_task(self._guarded(work))
        self._following.add(task)

    def name(self, phone: str) -> str:
        """Return what to call somebody: their name, or their number in groups."""
        return self.messenger.name(phone) or number(phone)

    def try_now(self) -> None:
        """Connect at once."""
        self.client.try_now()

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except (OnebarError, OSError) as error:
            self.failure = str(error)
            _log.info("%s", type(error).__name__)
            self.changed()

    async def _follow_events(self) -> None:
        async for event in self.client.events(CONSUMER):
            if isinstance(event, MessageEvent | ChatEvent):
                for listener in list(self._listeners):
                    listener(event)

    async def _follow_link(self) -> None:
        async for link in self.client.link_changes():
            self.link = link
            self.link_history = [*self.link_history[-49:], (now_ms(), link)]
            self.changed()
