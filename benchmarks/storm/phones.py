"""Phones without an app: real engines and real links, all on one event loop, with stores in memory.

A `Client` of the public API has two threads and ten files, so thousands of them do not fit into one process.
"""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.enrolment import number
from onebar.config import Config
from onebar.core.engine import Engine
from onebar.core.link_states import LinkState
from onebar.core.turn import Dial, Input, Instant, Registered, Send, Turn
from onebar.drivers.address import Address
from onebar.drivers.asyncio import Driver
from onebar.store import open_store
from onebar.store.database import IN_MEMORY

HISTORY_MAX: Final = 1000
"""More texts than any phone gets."""


class Inline(Executor):
    """Runs everything at once: a turn in memory never waits, and a thread would only take the interpreter's lock."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Run it; return what came of it."""
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - whoever asks for the result gets it
            done.set_exception(error)
        return done


@dataclass(slots=True)
class Restart:
    """What one phone did when the server restarted; times are monotonic seconds."""

    had_mail: bool = False
    """Whether something in its outbox had no verdict when its link ended."""
    left_s: float | None = None
    """When it learned that the server goes or is gone."""
    dialed_s: list[float] = field(default_factory=list)
    """When each of its dials was due: on a core of its own it would not be late."""
    back_s: float | None = None
    """When it was welcomed again."""


class Phone:
    """One phone. It is the `TurnTaker` of its driver, so it sees every turn of its engine."""

    def __init__(self, user: int, config: Config) -> None:
        self.user = user
        self.number = number(user)
        self.sent: list[str] = []
        """Every text handed to its outbox, in order."""
        self.restart = Restart()
        self.on_back: Callable[[Phone], None] = lambda _: None
        self._store = open_store(IN_MEMORY)
        self.engine = Engine(self._store, os.urandom, config)
        self._driver: Driver | None = None
        self._open = False
        self._timer_s: float | None = None

    def start(self, address: Address, worker: Executor, account: int, device: int) -> None:
        """Go on line as this device; needs a running loop."""
        self._driver = Driver(self, worker, address, lambda: None)
        self._driver.tell(Registered(account, device, self.number))

    @property
    def ready(self) -> bool:
        """Whether others can write to it: it is on line and its keys are published."""
        return self._open and self.engine.published_list > 0

    def send(self, to: "Phone", text: str) -> None:
        """Put a text into the outbox."""
        assert self._driver is not None
        self.sent.append(text)
        self._driver.tell(Send(to.number, text))

    def heard(self, sender: "Phone") -> list[str]:
        """Return the texts that came from another phone, in their order."""
        return [message.text for message in self._store.history(sender.number, HISTORY_MAX) if not message.outgoing]

    def unsettled(self) -> bool:
        """Whether something that was sent has no verdict."""
        device = self.engine.device
        return device.out_no > device.floor or bool(self._store.outbox.drafts(1))

    def turn(self, inputs: Sequence[Input], now: Instant) -> Turn:
        """Let the engine take a turn, and note what it shows."""
        turn = self.engine.turn(inputs, now)
        opened = LinkState.OPEN in self.engine.links.values()
        due_s = now.monotonic_s if self._timer_s is None else min(self._timer_s, now.monotonic_s)
        self.restart.dialed_s += [due_s for output in turn.outputs if isinstance(output, Dial)]
        self._timer_s = turn.timer_s
        if opened != self._open:
            self._open = opened
            self._note(opened=opened)
        return turn

    def _note(self, *, opened: bool) -> None:
        if not opened and self.restart.left_s is None:
            self.restart.left_s = time.monotonic()
            self.restart.had_mail = self.unsettled()
        elif opened and self.restart.back_s is None:
            self.restart.back_s = time.monotonic()
            self.on_back(self)

    async def close(self) -> None:
        """Hang up and forget everything."""
        if self._driver is not None:
            await self._driver.close()
        self._store.close()


async def close_all(phones: Sequence[Phone]) -> None:
    """Close phones, all at once."""
    await asyncio.gather(*(phone.close() for phone in phones))
