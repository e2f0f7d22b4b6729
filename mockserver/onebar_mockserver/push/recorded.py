"""Stands in for the gateways: keeps what was sent, so that tests and developers can read it."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from onebar_mockserver.push.gateways import Answer, Verdict

WAKEUPS_KEPT: Final = 1_000
"""Wake-ups that are remembered; the oldest go first."""


class Wakeup(NamedTuple):
    """A wake-up that was sent."""

    kind: str
    """`apns` or `fcm`."""
    token: str
    at_ms: int

    def __repr__(self) -> str:
        """Show no token."""
        return f"<Wakeup {self.kind}>"


class WakeupLog:
    """What all gateways have sent. `next_answers` holds what they say instead of "sent", the next one first."""

    def __init__(self) -> None:
        self._sent: deque[Wakeup] = deque(maxlen=WAKEUPS_KEPT)
        self._news = asyncio.Event()
        self.next_answers: deque[Answer] = deque()

    def to(self, tokens: frozenset[str]) -> list[Wakeup]:
        """Return what was sent to these tokens, newest last."""
        return [wakeup for wakeup in self._sent if wakeup.token in tokens]

    def add(self, wakeup: Wakeup) -> Answer:
        """Keep a wake-up; return what is said to it."""
        if self.next_answers:
            return self.next_answers.popleft()
        self._sent.append(wakeup)
        self._news.set()
        return Answer(Verdict.SENT)

    async def changed(self) -> None:
        """Wait for the next one."""
        self._news.clear()
        await self._news.wait()


class RecordedPush:
    """A gateway of this kind that writes into a log."""

    def __init__(self, kind: str, log: WakeupLog, now_ms: Callable[[], int]) -> None:
        self._kind, self._log, self._now_ms = kind, log, now_ms

    @property
    def kind(self) -> str:
        """Whose tokens it takes."""
        return self._kind

    async def wake(self, token: str) -> Answer:
        """Keep a wake-up; see `PushGateway.wake`."""
        return self._log.add(Wakeup(self._kind, token, self._now_ms()))

    async def close(self) -> None:
        """Do nothing: there are no connections."""
