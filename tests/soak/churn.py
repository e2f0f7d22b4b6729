"""Honest links that never last: each sends or reads a little, and is dropped without a word."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from websockets.exceptions import ConnectionClosed

from onebar.core.frames import Accepted, Ack, CaughtUp, Deliver
from tests.chaos.accounting import Account, compare
from tests.mockserver.rawclient import Line, Phone, submit, to

SENT_MAX: Final = 8
"""Messages of one link, at most."""

PACE_S: Final = 2.0
"""Longest pause before a link: half of it on average, so that a pair sends four messages a second."""


@dataclass
class Pair:
    """A sender and a reader, each with the little that a device has to remember."""

    sender: Phone
    reader: Phone
    dice: random.Random
    links: int = 0
    sent: list[str] = field(default_factory=list)
    """What was accepted."""
    found: list[str] = field(default_factory=list)
    """What was read, in order, each `seq` once."""
    _mark: int = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Send and read until told to stop, then read what is left."""
        await asyncio.gather(self._repeat(self._send, stop), self._repeat(self._read, stop))
        while len(self.found) < len(self.sent):
            await self._read()

    def account(self) -> Account:
        """Compare what was accepted with what was read."""
        return compare(self.sent, self.found)

    async def _repeat(self, once: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
        while not stop.is_set():
            await asyncio.sleep(self.dice.uniform(0, PACE_S))
            await once()

    async def _send(self) -> None:
        line = await self._dial(self.sender)
        upto = self._mark + self.dice.randint(1, SENT_MAX)
        # The bytes of a number never change, so a number that was cut off before its answer says the same again.
        said = [submit(no, to(self.reader, b"%d" % no)) for no in range(self._mark + 1, upto + 1)]
        try:
            await line.send(*said)
            while self._mark < upto:
                self._accepted((await line.until(Accepted)).mark)
                if self.dice.random() < 0.1:  # the rest is said again by the next link
                    break
        except ConnectionClosed:
            pass
        line.websocket.transport.abort()

    async def _read(self) -> None:
        line = await self._dial(self.reader, cursor=self.reader.cursor)
        try:
            while not isinstance(frame := await line.next(), CaughtUp):
                if isinstance(frame, Deliver) and frame.seq > self.reader.cursor:
                    self.found.append(f"{frame.device} {frame.out_no}")
                    self.reader.cursor = frame.seq
            await line.send(Ack(self.reader.epoch, self.reader.cursor))
        except ConnectionClosed:
            pass
        line.websocket.transport.abort()

    def _accepted(self, mark: int) -> None:
        self.sent += [f"{self.sender.device} {no}" for no in range(self._mark + 1, mark + 1)]
        self._mark = max(self._mark, mark)

    async def _dial(self, phone: Phone, cursor: int = 0) -> Line:
        self.links += 1
        return await phone.dial(cursor=cursor)
