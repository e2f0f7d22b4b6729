import asyncio
import random
from types import SimpleNamespace
from typing import Any

import pytest

from onebar_loadtest import talk
from onebar_loadtest.talk import Group, words
from onebar_loadtest.workloads import Away, Say, Script


class Person(SimpleNamespace):
    async def sleep(self) -> None:
        self.awake, self.slept = False, True

    def wake(self) -> None:
        self.awake = True


def person(no: int, *, registered: bool = True) -> Any:
    return Person(no=no, registered=registered, awake=True, slept=False)


def scripted(dice: random.Random, people: int, messages: int, seconds: float) -> Script:
    assert (people, messages) == (2, 4)
    return Say(0.0, 0, 1, 9), Away(0.01, 1, 0.02), Say(0.015, 1, 0, 9), Say(seconds, 0, 1, 5)


async def test_a_group_plays_scripts_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "SHORT_S", 0.04)
    said: asyncio.Queue[tuple[int, int, int]] = asyncio.Queue()
    group = Group(
        scripted, 0.02, random.Random(1), lambda one, other, text: said.put_nowait((one.no, other.no, len(text)))
    )
    other = person(5)
    group.people += [person(3), person(4, registered=False), other]
    talking = asyncio.create_task(group.talk())
    async with asyncio.timeout(10):
        seen = [await said.get() for _ in range(4)]
    assert seen == [(3, 5, 9), (3, 5, 5)] * 2, "who is away says nothing"
    assert other.slept
    talking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await talking


def test_words_have_the_length_that_was_asked_for() -> None:
    assert [len(words(random.Random(1), chars)) for chars in (1, 20, 1000)] == [1, 20, 1000]
    assert words(random.Random(1), 50) == words(random.Random(1), 50)
