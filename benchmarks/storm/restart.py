"""One restart under all phones: what it cost them and the server, and whether all mail came through."""

import asyncio
import math
import random
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from benchmarks.report import BenchError
from benchmarks.storm.backend import Backend
from benchmarks.storm.phones import Phone, Restart

MAIL_SHARE: Final = 0.2
"""Phones that have mail in their outbox when the server goes; the others write once everybody is back."""

TEXTS: Final = 3
"""Texts of a phone with mail: enough to see them out of order."""

RESTART_S: Final = 1.0
"""Pause before a crashed server is started again, as docs/hosting.md has it (RestartSec)."""

PATIENCE_S: Final = 300.0
"""Longest wait for what all phones do."""

LOOK_S: Final = 0.25
"""Pause between two looks at the server's CPU."""


@dataclass(slots=True)
class Outcome:
    """What one restart did; moments are seconds after it was ordered."""

    down_s: float = 0.0
    """From the order until the new process listened."""
    restarts: list[Restart] = field(default_factory=list)
    """What each phone did."""
    cpu: list[tuple[float, float]] = field(default_factory=list)
    """Moments, and how many cores the server used until then."""
    memory_bytes: int = 0
    """The most that the new process took."""
    lags_s: list[float] = field(default_factory=list)
    """How late the event loop of the phones was."""
    sent: int = 0
    lost: int = 0
    doubled: int = 0
    reordered: int = 0

    def back_s(self, *, had_mail: bool | None = None) -> list[float]:
        """Return, in order, when phones were back: all, or those with or without mail."""
        chosen = (each for each in self.restarts if had_mail in {None, each.had_mail})
        return sorted(each.back_s if each.back_s is not None else math.inf for each in chosen)

    def dialed_s(self) -> list[float]:
        """Return the moment of each dial, refused ones among them."""
        return [moment_s for each in self.restarts for moment_s in each.dialed_s]


async def restart(phones: Sequence[Phone], backend: Backend, *, polite: bool, dice: random.Random) -> Outcome:
    """Restart the backend under the phones and wait until everybody is back and all mail has come.

    Args:
        phones: All on line, each with a session to the next one.
        backend: Running; it runs again afterwards.
        polite: Whether it is stopped by SIGTERM, and says GoAway; else by SIGKILL.
        dice: Choose who has mail.

    Raises:
        BenchError: It takes too long.
    """
    outcome = Outcome()
    writers = dice.sample(range(len(phones)), round(len(phones) * MAIL_SHARE))
    for phone in phones:
        phone.restart = Restart()
    backend.signal(signal.SIGSTOP)  # so that mail is on its way, and not yet accepted, when it stops
    for user in writers:
        write(phones, user, TEXTS)
    await until(lambda: all(phones[user].unsettled() for user in writers), "texts are written")
    started_s = time.monotonic()
    watching = asyncio.create_task(watch(outcome, backend, started_s))
    try:
        backend.signal(signal.SIGTERM if polite else signal.SIGKILL)
        backend.signal(signal.SIGCONT)
        outcome.down_s = await backend.replace(0.0 if polite else RESTART_S) - started_s
        await until(lambda: all(phone.restart.back_s is not None for phone in phones), "phones are back")
    finally:
        watching.cancel()
    outcome.restarts = [after(phone.restart, started_s) for phone in phones]
    await settle(phones, set(range(len(phones))) - set(writers))
    account(outcome, phones)
    assert backend.measured is not None
    outcome.memory_bytes = backend.measured.resident_bytes_peak()
    return outcome


def after(noted: Restart, started_s: float) -> Restart:
    """Count a phone's moments from the order to restart."""
    dialed_s = [moment_s - started_s for moment_s in noted.dialed_s]
    left_s, back_s = (None if moment is None else moment - started_s for moment in (noted.left_s, noted.back_s))
    return Restart(noted.had_mail, left_s, dialed_s, back_s)


def write(phones: Sequence[Phone], user: int, texts: int) -> None:
    """Let a phone write texts to the next one."""
    phone = phones[user]
    for _ in range(texts):
        phone.send(phones[(user + 1) % len(phones)], f"{user} {len(phone.sent)}")


async def settle(phones: Sequence[Phone], writers: set[int], at_once: int = 100) -> None:
    """Let phones write one text each, some at a time, and wait until all that was ever sent has come."""
    places = asyncio.Semaphore(at_once)

    async def settled(user: int) -> None:
        sender, reader = phones[user], phones[(user + 1) % len(phones)]
        async with places:
            if user in writers:
                write(phones, user, 1)
            await until(lambda: len(reader.heard(sender)) >= len(sender.sent) and not sender.unsettled(), "mail came")

    async with asyncio.TaskGroup() as group:
        for user in range(len(phones)):
            group.create_task(settled(user))


def account(outcome: Outcome, phones: Sequence[Phone]) -> None:
    """Count what was lost, doubled and reordered since the phones began."""
    for user, sender in enumerate(phones):
        heard = phones[(user + 1) % len(phones)].heard(sender)
        outcome.sent += len(sender.sent)
        lost, doubled, reordered = faults(sender.sent, heard)
        outcome.lost += lost
        outcome.doubled += doubled
        outcome.reordered += reordered


def faults(sent: Sequence[str], heard: Sequence[str]) -> tuple[int, int, int]:
    """Return how many texts were lost, came again, and came behind a later one."""
    places = {text: place for place, text in enumerate(sent)}
    once = list(dict.fromkeys(heard))
    newest = reordered = 0
    for text in once:
        reordered += places[text] < newest
        newest = max(newest, places[text])
    return len(places.keys() - set(heard)), len(heard) - len(once), reordered


async def watch(outcome: Outcome, backend: Backend, started_s: float) -> None:
    """Look at the server's CPU and the loop's lag, until cancelled."""
    before_s, cpu_s = time.monotonic(), backend.cpu_s()
    while True:
        await asyncio.sleep(LOOK_S)
        now_s, spent_s = time.monotonic(), backend.cpu_s()
        outcome.lags_s.append(now_s - before_s - LOOK_S)
        outcome.cpu.append((now_s - started_s, (spent_s - cpu_s) / (now_s - before_s)))
        before_s, cpu_s = now_s, spent_s


async def until(done: Callable[[], bool], what: str) -> None:
    """Wait.

    Raises:
        BenchError: It takes longer than PATIENCE_S.
    """
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not done():
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        raise BenchError(f"after {PATIENCE_S:.0f} s it is not so that {what}") from error
