"""A timer that is put off again and again, as each turn does with its own."""

import asyncio
from collections.abc import Callable


class Alarm:
    """Rings at a time that may be moved often; use it on one loop.

    A timer of asyncio that is cancelled stays in the loop's heap, where every later one is compared with it. So an
    alarm that is put off leaves its timer as it is, and looks at the time again when that fires.
    """

    def __init__(self, ring: Callable[[], object]) -> None:
        """Call `ring` when its time has come; needs a running loop."""
        self._ring = ring
        self._loop = asyncio.get_running_loop()
        self._at_s: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._fires_s = 0.0  # the timers of uvloop do not always know

    def set(self, at_s: float | None) -> None:
        """Ring at this time of the loop, and not when it was to ring before; None: not at all."""
        self._at_s = at_s
        if at_s is None or (self._timer is not None and self._fires_s <= at_s):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._fires_s = self._loop.call_at(at_s, self._look), at_s

    def cancel(self) -> None:
        """Never ring, and leave nothing behind."""
        self._at_s = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer, at_s = None, self._at_s
        if at_s is not None and at_s > self._fires_s:
            self.set(at_s)
        elif at_s is not None:
            self._at_s = None
            self._ring()
