"""Whom one gateway has to wake, and when: one wake-up a device, a bounded number under way, pauses after failures.

A value: time comes in as `now_s`, dice as a function. `doorbell.py` does the waiting.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from onebar_mockserver.push.gateways import Answer, Verdict

UNDER_WAY_MAX: Final = 8
"""Wake-ups of one gateway under way at once: at 50 ms each that is 160 a second. One takes 2 ms of CPU, as much as 30
messages, so that is a third of a core: messages go first."""

PAUSE_S_MIN: Final = 1.0
"""Pause after a gateway's first failure; each further one doubles it."""

PAUSE_S_MAX: Final = 300.0
"""Longest such pause: an outage costs one request in five minutes, and ends for the phones five minutes late."""

LATER_S_MIN: Final = 30.0
"""Pause before the next try for one device, which also doubles: APNs says `TooManyRequests` to many in a short time."""

WAIT_S_MAX: Final = 3600.0
"""Longest wait that a gateway can ask for: nobody is left unwoken for days by a mistake in a header."""


@dataclass(eq=False, slots=True)
class Wakeup:
    """One device to wake."""

    device: int
    token: str
    at_s: float
    tries: int = 0

    def __repr__(self) -> str:
        """Show no token."""
        return f"<Wakeup {self.device}>"


class Lane:
    """The wake-ups of one gateway that wait or are under way. `dice` gives numbers from 0 to 1."""

    def __init__(self, dice: Callable[[], float]) -> None:
        self._dice = dice
        self._waiting: dict[int, Wakeup] = {}
        self._order: list[tuple[float, int]] = []  # (when, device); stale where `_waiting` says otherwise
        self._under_way: dict[int, Wakeup] = {}
        self._taken = 0  # also those whose device has connected meanwhile
        self._failures = 0
        self._shut_until_s = 0.0

    def __contains__(self, device: int) -> bool:
        """Whether a wake-up of this device waits or is under way."""
        return device in self._waiting or device in self._under_way

    def __len__(self) -> int:
        """How many wait or are under way."""
        return len(self._waiting) + len(self._under_way)

    @property
    def failing(self) -> bool:
        """Whether the gateway has failed, and not answered since."""
        return self._failures > 0

    def add(self, device: int, token: str, now_s: float) -> None:
        """Wake a device, unless that is about to happen."""
        if device not in self:
            self._wait(Wakeup(device, token, now_s))

    def forget(self, device: int) -> None:
        """Wake it not any more: it is here. What is under way cannot be called back."""
        self._waiting.pop(device, None)
        self._under_way.pop(device, None)

    def take(self, now_s: float) -> list[Wakeup]:
        """Return what is to be sent now; each comes back by `done`. While the gateway fails, one at a time is tried."""
        taken: list[Wakeup] = []
        self._tidy()
        while self._room(now_s) and self._order and self._order[0][0] <= now_s:
            _, device = heapq.heappop(self._order)
            wakeup = self._under_way[device] = self._waiting.pop(device)
            self._taken += 1
            taken.append(wakeup)
            self._tidy()
        return taken

    def wants(self, wakeup: Wakeup) -> bool:
        """Whether a wake-up under way is still wanted: its device has not connected meanwhile."""
        return self._under_way.get(wakeup.device) is wakeup

    def done(self, wakeup: Wakeup, answer: Answer | None, now_s: float) -> None:
        """Take in what became of a wake-up; None: it was not sent, because nobody wants it any more."""
        self._taken -= 1
        wanted = self.wants(wakeup)
        if wanted:
            del self._under_way[wakeup.device]
        if answer is None:
            return
        asked_s = min(answer.wait_s, WAIT_S_MAX)
        wakeup.at_s = now_s
        if answer.verdict is Verdict.DOWN:
            if now_s >= self._shut_until_s:  # those that failed together count once
                self._failures += 1
                asked_s = max(asked_s, _doubled(PAUSE_S_MIN, self._failures))
            self._shut_until_s = max(self._shut_until_s, now_s + self._spread(asked_s))
        else:
            self._failures = 0
        if answer.verdict is Verdict.LATER:
            wakeup.tries += 1
            wakeup.at_s += self._spread(max(asked_s, _doubled(LATER_S_MIN, wakeup.tries)))
        if wanted and answer.verdict in {Verdict.DOWN, Verdict.LATER} and wakeup.device not in self._waiting:
            self._wait(wakeup)

    def next_s(self, now_s: float) -> float | None:
        """Return when `take` has something to give; None: not before `add` or `done`."""
        self._tidy()
        if not self._order or self._taken >= self._at_once:
            return None
        return max(self._order[0][0], self._shut_until_s, now_s)

    @property
    def _at_once(self) -> int:
        return 1 if self._failures else UNDER_WAY_MAX

    def _room(self, now_s: float) -> bool:
        return self._taken < self._at_once and now_s >= self._shut_until_s

    def _wait(self, wakeup: Wakeup) -> None:
        self._waiting[wakeup.device] = wakeup
        heapq.heappush(self._order, (wakeup.at_s, wakeup.device))

    def _tidy(self) -> None:
        """Drop from the front what was forgotten, or waits for another time by now."""
        while self._order:
            at_s, device = self._order[0]
            wakeup = self._waiting.get(device)
            if wakeup is not None and wakeup.at_s == at_s:
                break
            heapq.heappop(self._order)

    def _spread(self, pause_s: float) -> float:
        """Lengthen a pause by up to a fifth, so that servers which failed together do not come back together."""
        return pause_s * (1 + self._dice() / 5)


def _doubled(first_s: float, times: int) -> float:
    return min(first_s * (1 << min(times - 1, 20)), PAUSE_S_MAX)
