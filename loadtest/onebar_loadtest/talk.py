"""Groups of people who play scripts, one after the other, for as long as the run lasts."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Final

from onebar_loadtest.phones import Phone
from onebar_loadtest.replay import Replay
from onebar_loadtest.workloads import Away, Say, Workload

GROUP_PEOPLE: Final = 10
"""People who know each other: a script is drawn for so many."""

SCRIPT_S: Final = 30.0
"""Length of a script: people who come later join with the next one."""

SHORT_S: Final = 5.0
"""Length of the scripts of a group to which people still come."""

PROSE: Final = """ok yes no maybe see you soon on my way where are you now I am at the station the train is late again
can you call me later what about tomorrow good morning did you get the photo thanks a lot happy birthday we are almost
there dinner at eight please bring some bread and milk how was your day not bad just tired love you too"""
"""What people say: plain words, so that texts shrink like real ones."""

WORDS: Final = tuple(PROSE.split())
"""The same, word by word."""

Speak = Callable[[Phone, Phone, str], None]
"""Lets a phone say something to another one."""


class Group:
    """Some people with phones."""

    def __init__(self, workload: Workload, every_s: float, dice: random.Random, speak: Speak) -> None:
        """Nobody is in it yet.

        Args:
            workload: What they do.
            every_s: Mean time between two texts of one of them, in seconds.
            dice: Draws the scripts.
            speak: Lets one phone say a text to another.
        """
        self.people: list[Phone] = []
        self._workload, self._every_s, self._dice, self._speak = workload, every_s, dice, speak
        self._wakes: set[asyncio.Task[None]] = set()

    def introductions(self, dice: random.Random) -> list[tuple[Phone, Phone]]:
        """Return who should have met before times count: (author, reader), each two people once, drawn from a script.

        Nobody, where a log is played: whom people meet in it, and when, is part of it.
        """
        people = [phone for phone in self.people if phone.registered]
        if len(people) < 2 or isinstance(self._workload, Replay):
            return []
        says = (step for step in self._workload(dice, len(people), 2 * len(people), SCRIPT_S) if isinstance(step, Say))
        met = {frozenset((step.author, step.reader)): (people[step.author], people[step.reader]) for step in says}
        return list(met.values())

    async def talk(self) -> None:
        """Play scripts until cancelled."""
        try:
            while True:
                await self._play(SCRIPT_S if len(self.people) >= GROUP_PEOPLE else SHORT_S)
        finally:
            for task in self._wakes:
                task.cancel()

    async def _play(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        people = [phone for phone in self.people if phone.registered]
        starts_s = loop.time()
        if len(people) > 1:
            wanted = len(people) * seconds / self._every_s
            messages = int(wanted) + (self._dice.random() < wanted % 1)
            for step in self._workload(self._dice, len(people), messages, seconds):
                await asyncio.sleep(starts_s + step.at_s - loop.time())
                self._do(step, people)
        await asyncio.sleep(max(0.0, starts_s + seconds - loop.time()))

    def _do(self, step: Say | Away, people: Sequence[Phone]) -> None:
        if isinstance(step, Say):
            author, reader = people[step.author], people[step.reader]
            if author.awake:
                self._speak(author, reader, words(self._dice, step.chars))
        elif people[step.person].awake:
            task = asyncio.create_task(_away(people[step.person], step.for_s))
            self._wakes.add(task)
            task.add_done_callback(self._wakes.discard)


async def _away(phone: Phone, for_s: float) -> None:
    await phone.sleep()
    await asyncio.sleep(for_s)
    phone.wake()


def words(dice: random.Random, chars: int) -> str:
    """Return words of about so many characters."""
    text = ""
    while len(text) < chars:
        text += dice.choice(WORDS) + " "
    return text[:chars]
