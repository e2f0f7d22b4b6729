"""What waits for its turn, and who waits for what comes of it."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from onebar.core.turn import Input, LinkConnected, LinkInput, LinkLost, MessageArrived, Poked

INPUTS_PER_TURN_MAX: Final = 256
"""Most inputs of one turn (R19)."""

INPUTS_WAITING_MAX: Final = 64
"""From here on, links stop reading until a turn took some: 64 messages of 256 KiB are 16 MiB at worst."""

Caller = asyncio.Future[object]


class InputQueue:
    """Inputs in the order they came. Results come back in the order in which inputs went to the engine."""

    def __init__(self, on_input: Callable[[], None]) -> None:
        self._on_input = on_input
        self._waiting: deque[tuple[Input, Caller | None]] = deque()
        self._due: deque[Caller | None] = deque()
        self._room = asyncio.Event()
        self._closed = False

    def add(self, item: Input, caller: Caller | None = None) -> None:
        """Add an input; `caller` gets its result. One `Poked` at a time is enough."""
        if caller is None and isinstance(item, Poked) and any(isinstance(other, Poked) for other, _ in self._waiting):
            return
        self._waiting.append((item, caller))
        self._on_input()

    async def hear(self, item: LinkInput) -> None:
        """Add what a link says, and hold it up while too much waits."""
        self.add(item)
        while len(self._waiting) >= INPUTS_WAITING_MAX and not self._closed:
            self._room.clear()
            await self._room.wait()

    def take(self, heard: Callable[[LinkInput], bool], *, links: bool = True) -> list[Input]:
        """Return the next turn's inputs.

        Args:
            heard: Says whether a link still counts: nothing is heard of one that was hung up.
            links: Whether the engine has room for what links say; else that waits, and the links are held up.
        """
        inputs: list[Input] = []
        later: list[tuple[Input, Caller | None]] = []
        while self._waiting and len(inputs) < INPUTS_PER_TURN_MAX:
            item, caller = self._waiting.popleft()
            if isinstance(item, LinkConnected | MessageArrived | LinkLost):
                if not links:
                    later.append((item, caller))
                    continue
                if not heard(item):
                    continue
            elif caller is not None and caller.cancelled():
                continue  # taken back in time
            else:
                self._due.append(caller)
            inputs.append(item)
        self._waiting.extendleft(reversed(later))
        if self._waiting:
            self._on_input()
        self._room.set()
        return inputs

    def settle(self, results: Sequence[object]) -> None:
        """Give a turn's results to those who wait for them; an exception is raised there."""
        for result in results:
            _give(self._due.popleft(), result)

    def close(self, error: Exception) -> None:
        """Tell everybody who still waits that nothing more will come."""
        self._closed = True
        self._room.set()
        callers = [*self._due, *(caller for _, caller in self._waiting)]
        self._due.clear()
        self._waiting.clear()
        for caller in callers:
            _give(caller, error)


def _give(caller: Caller | None, result: object) -> None:
    if caller is None or caller.done():
        return
    if isinstance(result, BaseException):
        caller.set_exception(result)
    else:
        caller.set_result(result)
