"""When a phone that is away is woken: once for all that waits, beside the turns, and never in their way.

Turns only say `ring`, which notes a number. What is noted is a cache of what the database knows for ever: who has a
token, and for whom a message waits. So a restart, a lost engine or a full queue loses no wake-up: they are found anew.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Final

from onebar_mockserver.limits import REOPEN_S
from onebar_mockserver.ports import BatchFailedError, EngineLostError
from onebar_mockserver.push.gateways import Answer, PushGateway, PushTokens, Verdict
from onebar_mockserver.push.lane import Lane, Wakeup

AGAIN_S: Final = 300.0
"""A device that was woken and has not connected is woken again for a message that comes so much later: gateways may
lose a wake-up, and keep the last one of a phone that is off."""

GRACE_S: Final = 15.0
"""Time for a phone whose link ended or went silent under a message to be heard by itself, which one that is awake is at
once. More than `limits.LATE_MS`, so that a phone which was woken on a link that still works counts as back."""

LOOK_S: Final = 40.0
"""Time after a start before phones are woken that have not been here since: most of them were a moment ago, and come
back by themselves, within 30 s (R17) and a slow connect."""

NOTED_MAX: Final = 100_000
"""Devices to wake that are kept in memory, 30 MB; the others are found in the database when there is room."""

RUNG_MAX: Final = 200_000
"""Devices of which is remembered that they were woken, 30 MB; those beyond it may be woken once more for nothing."""

PAGE_DEVICES_MAX: Final = 256
"""Devices that are looked up at a time: 2 ms of the engine's thread, which commits wait for."""

PAGE_EVERY_S: Final = 0.05
"""Pause between two pages when all devices are looked through: a twentieth of the engine's time."""

SEND_S: Final = 30.0
"""Longest time for one wake-up, a new connection and a new token of the gateway included."""

_NEVER: Final = float("inf")

logger = logging.getLogger(__name__)


class Doorbell:
    """Rings devices that are away. `ring`, `answered` and `missed` never wait; a task of its own does the rest.

    Args:
        tokens: Knows whose token is which.
        gateways: Send the wake-ups, one for each kind of token. Without any, nothing is done.
        unheard_ms: How long a connected device has not acknowledged a message, 0 if none waits; None: not connected.
        now_ms: The time of the server.
        lost: Hears that the engine was lost.
        now_s: A clock that does not go back.
        dice: Gives numbers from 0 to 1.
    """

    def __init__(
        self,
        tokens: PushTokens,
        gateways: Sequence[PushGateway],
        unheard_ms: Callable[[int], int | None],
        now_ms: Callable[[], int],
        lost: Callable[[], None],
        now_s: Callable[[], float] = time.monotonic,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self._tokens = tokens
        self._gateways = {gateway.kind: gateway for gateway in gateways}
        self._lanes = {kind: Lane(dice) for kind in self._gateways}
        self._unheard_ms = unheard_ms
        self._now_ms = now_ms
        self._lost = lost
        self._now_s = now_s
        self.results: Counter[tuple[str, str]] = Counter()
        """How often each gateway gave each verdict."""
        self._noted: dict[int, None] = {}
        self._later: dict[int, float] = {}  # in order: the grace is the same for all
        self._rung: dict[int, float] = {}  # until when, in order
        self._back_by_s = 0.0
        self._came_back: set[int] = set()  # until then
        self._look_at_s = _NEVER
        self._looked_upto = 0
        self._look_again = False
        self._problems: dict[str, str] = {}
        self._news = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin, in the running event loop."""
        if self._gateways:
            self._back_by_s = self._now_s() + LOOK_S
            self.missed()
            self._spawn(self._run(), "onebar-doorbell")

    async def stop(self) -> None:
        """End; who was not woken yet is found at the next start."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for gateway in self._gateways.values():
            await gateway.close()

    @property
    def waiting(self) -> int:
        """How many devices are to be woken."""
        return len(self._noted) + sum(map(len, self._lanes.values()))

    def ring(self, device: int, *, soon: bool = False) -> None:
        """Wake a device for which a message has come; `soon`: unless it is heard of by itself first."""
        if not self._gateways or device in self._noted or self._is_rung(device) or self._may_come_back(device):
            return
        if (len(self._later) if soon else self.waiting) >= NOTED_MAX:
            self.missed()
        elif soon:
            self._wait(device)
        else:
            self._later.pop(device, None)
            self._noted[device] = None
            self._news.set()

    def answered(self, device: int) -> None:
        """Note that a device has connected."""
        if self._gateways:
            for known in (self._noted, self._later, self._rung):
                known.pop(device, None)
            if self._now_s() < self._back_by_s:
                self._came_back.add(device)
            for lane in self._lanes.values():
                lane.forget(device)

    def missed(self) -> None:
        """Look through the database in a while: somebody may be to wake of whom nothing is known here."""
        if not self._gateways:
            return
        if self._look_at_s == _NEVER:
            self._look_at_s = self._now_s() + LOOK_S
            self._news.set()
        elif self._looked_upto:  # it may be of a page that was looked through already
            self._look_again = True

    def _wait(self, device: int) -> None:
        """Look after this device in a while. It wakes nobody here: turns do this for each message that they pass on."""
        if not self._later:
            self._news.set()
        self._later.setdefault(device, self._now_s() + GRACE_S)

    def _may_come_back(self, device: int) -> bool:
        """Whether the server has just started, and a device may be on its way back; else the first look finds it."""
        if self._now_s() < self._back_by_s:
            return device not in self._came_back
        self._came_back.clear()
        return False

    def _is_here(self, device: int) -> bool:
        """Whether a device is connected, and as far as anybody can tell, awake."""
        unheard_ms = self._unheard_ms(device)
        return unheard_ms is not None and unheard_ms < GRACE_S * 1000

    def _is_rung(self, device: int) -> bool:
        known_s = self._rung.get(device)
        return (known_s is not None and known_s > self._now_s()) or any(device in lane for lane in self._lanes.values())

    async def _run(self) -> None:
        while True:
            self._news.clear()
            try:
                await self._look()
                await self._address()
            except EngineLostError:
                self._lost()
                await asyncio.sleep(REOPEN_S)
            except Exception:
                logger.exception("looking for devices to wake failed")
                await asyncio.sleep(REOPEN_S)
            now_s = self._now_s()
            for kind, lane in self._lanes.items():
                for wakeup in lane.take(now_s):
                    self._spawn(self._wake(kind, lane, wakeup), "onebar-push")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause_s()):  # `wait_for` of Python 3.11 may swallow the end
                    await self._news.wait()

    def _pause_s(self) -> float | None:
        """Return how long nothing is due."""
        now_s = self._now_s()
        times = [lane.next_s(now_s) for lane in self._lanes.values()]
        due = [time_s for time_s in times if time_s is not None]
        due += [next(iter(self._later.values()))] if self._later else []
        due += [now_s] if self._noted else []
        due += [self._look_at_s] if self._look_at_s < _NEVER else []
        return max(0.0, min(due) - now_s) if due else None

    async def _look(self) -> None:
        """Go one page through all devices with a token, and note whom a message waits for."""
        now_s = self._now_s()
        if self._look_at_s > now_s:
            return
        if self.waiting >= NOTED_MAX // 2:
            self._look_at_s = now_s + LOOK_S
            return
        page = await self._tokens.sleepers(self._looked_upto, PAGE_DEVICES_MAX)
        self._look_at_s = _NEVER if page.last is None else now_s + PAGE_EVERY_S
        self._looked_upto = page.last or 0
        for device in page.devices:
            if not self._is_here(device):
                self.ring(device)
        if page.last is None and self._look_again:
            self._look_again = False
            self.missed()

    async def _address(self) -> None:
        """Look up the tokens of those who are due, and hand them to their gateways."""
        now_s = self._now_s()
        while self._later and next(iter(self._later.values())) <= now_s:
            device = next(iter(self._later))
            del self._later[device]
            if not self._is_here(device):
                self._noted[device] = None
            elif self._unheard_ms(device):
                self._wait(device)
        devices = list(self._noted)[:PAGE_DEVICES_MAX]
        tokens = await self._tokens.push_tokens(devices) if devices else {}
        for device in devices:
            if device not in self._noted:  # it has connected meanwhile
                continue
            del self._noted[device]
            token = tokens.get(device)
            if self._is_here(device):
                pass
            elif token is not None and token.kind in self._lanes:
                self._lanes[token.kind].add(device, token.token, self._now_s())
            else:
                self._remember(device)
        self._forget()

    def _remember(self, device: int) -> None:
        """Do not wake this device again for a while, unless it has connected."""
        self._rung.pop(device, None)
        self._rung[device] = self._now_s() + AGAIN_S

    def _forget(self) -> None:
        now_s = self._now_s()
        while self._rung:
            device = next(iter(self._rung))
            if self._rung[device] > now_s and len(self._rung) <= RUNG_MAX:
                break
            del self._rung[device]

    async def _wake(self, kind: str, lane: Lane, wakeup: Wakeup) -> None:
        if not lane.wants(wakeup):  # it has connected while this began
            lane.done(wakeup, None, self._now_s())
            return
        began_ms = self._now_ms()
        answer = await self._ask(kind, wakeup)
        wanted = lane.wants(wakeup)
        lane.done(wakeup, answer, self._now_s())
        self.results[kind, answer.verdict.value] += 1
        self._tell(kind, answer)
        if wanted and wakeup.device not in lane:
            self._remember(wakeup.device)
        if answer.verdict is Verdict.GONE:
            await self._drop(wakeup, answer.gone_ms or began_ms)
        self._news.set()

    async def _ask(self, kind: str, wakeup: Wakeup) -> Answer:
        try:
            async with asyncio.timeout(SEND_S):
                return await self._gateways[kind].wake(wakeup.token)
        except TimeoutError:
            return Answer(Verdict.DOWN, "TimeoutError")
        except Exception as error:  # noqa: BLE001 - a traceback may show a token, and one wake-up stops no other
            logger.error("a push failed by a defect", extra={"gateway": kind, "error": type(error).__name__})
            return Answer(Verdict.DOWN, type(error).__name__)

    def _tell(self, kind: str, answer: Answer) -> None:
        """Log what an operator can do something about, once as long as it stays the same."""
        problem = answer.reason if answer.verdict in {Verdict.DOWN, Verdict.REFUSED} else ""
        if problem != self._problems.get(kind, ""):
            self._problems[kind] = problem
            said = "a push gateway does not take wake-ups" if problem else "a push gateway takes wake-ups again"
            logger.warning(said, extra={"gateway": kind, "reason": problem})

    async def _drop(self, wakeup: Wakeup, before_ms: int) -> None:
        try:
            await self._tokens.drop_push_token(wakeup.device, wakeup.token, before_ms, self._now_ms())
        except EngineLostError:
            self._lost()
        except BatchFailedError as error:
            logger.error("a push token was not dropped", extra={"detail": str(error)})

    def _spawn(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
