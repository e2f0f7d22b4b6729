"""Virtual time: a queue of actions, each at its moment; nothing waits, nothing runs beside it."""

import heapq
from collections.abc import Callable
from typing import Final

START_MS: Final = 1_790_000_000_000
"""What the wall clock shows when a run begins: some day in 2026."""

ACTIONS_MAX: Final = 200_000
"""Most actions of one run, twenty times what a long one needs: reaching it means that the system spins."""


class SpinningError(AssertionError):
    """The system keeps itself busy without end."""


class Clock:
    """The time of a world, and what will happen in it."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.actions = 0
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._entry_no = 0

    @property
    def wall_ms(self) -> int:
        """The time as people call it."""
        return START_MS + round(self.now_s * 1000)

    def after(self, pause_s: float, action: Callable[[], None]) -> None:
        """Do something later."""
        self.at(self.now_s + pause_s, action)

    def at(self, time_s: float, action: Callable[[], None]) -> None:
        """Do something at a moment; what is due at the same one happens in the order of the calls."""
        self._entry_no += 1
        heapq.heappush(self._queue, (max(time_s, self.now_s), self._entry_no, action))

    def run_until(self, end_s: float) -> None:
        """Let time pass.

        Raises:
            SpinningError: More than ACTIONS_MAX actions have run.
        """
        while self._queue and self._queue[0][0] <= end_s:
            self.actions += 1
            if self.actions > ACTIONS_MAX:
                raise SpinningError(f"more than ACTIONS_MAX = {ACTIONS_MAX} actions by {self.now_s:.0f} s")
            self.now_s, _, action = heapq.heappop(self._queue)
            action()
        self.now_s = max(self.now_s, end_s)
