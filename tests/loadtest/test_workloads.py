"""Who writes to whom, and when."""

import random
from collections import Counter
from itertools import pairwise

import pytest

from onebar_loadtest.workloads import (
    LETTER_CHARS,
    LETTERS_MIN,
    LONG_CHARS,
    SHORT_CHARS,
    WORKLOADS,
    Away,
    Say,
    Script,
    Workload,
)

EACH = pytest.mark.parametrize("workload", [pytest.param(work, id=name) for name, work in WORKLOADS.items()])


def drawn(workload: Workload, seed: int = 1, people: int = 4, messages: int = 200, seconds: float = 60.0) -> Script:
    return workload(random.Random(seed), people, messages, seconds)


def says(script: Script) -> list[Say]:
    return [step for step in script if isinstance(step, Say)]


@EACH
@pytest.mark.parametrize("people", [2, 3, 8])
def test_a_script_keeps_to_its_people_messages_and_time(workload: Workload, people: int) -> None:
    script = drawn(workload, people=people)
    assert len(says(script)) == 200
    for step in says(script):
        assert 0 <= step.author < people
        assert 0 <= step.reader < people
        assert step.author != step.reader
        assert 0 <= step.at_s <= 60.2, "the last of a burst may be a moment late"
        assert SHORT_CHARS[0] <= step.chars <= (LETTER_CHARS if workload is WORKLOADS["letters"] else LONG_CHARS)[1]


@EACH
def test_a_script_is_in_order_of_time(workload: Workload) -> None:
    times = [step.at_s for step in drawn(workload)]
    assert times == sorted(times)


@EACH
def test_the_same_dice_draw_the_same_script(workload: Workload) -> None:
    assert drawn(workload) == drawn(workload)
    assert drawn(workload) != drawn(workload, seed=2)


@pytest.mark.parametrize("name", [name for name in WORKLOADS if name != "letters"])
def test_a_few_messages_are_long(name: str) -> None:
    workload = WORKLOADS[name]
    long = [step for step in says(drawn(workload)) if step.chars > SHORT_CHARS[1]]
    assert 1 <= len(long) <= 30


def test_pairs_talk_to_each_other_and_an_odd_one_to_the_first() -> None:
    who = {(step.author, step.reader) for step in says(drawn(WORKLOADS["chatty-pairs"], people=5))}
    assert who == {(0, 1), (1, 0), (2, 3), (3, 2), (4, 0)}


def test_everybody_writes_to_everybody() -> None:
    assert len({(step.author, step.reader) for step in says(drawn(WORKLOADS["everybody"]))}) == 4 * 3


def test_a_burst_is_three_moments() -> None:
    times = [step.at_s for step in says(drawn(WORKLOADS["burst"]))]
    assert sum(later - earlier > 0.2 for earlier, later in pairwise(times)) <= 2


def test_lurkers_rarely_answer() -> None:
    authors = Counter(step.author == 0 for step in says(drawn(WORKLOADS["lurkers"])))
    assert 0 < authors[False] < authors[True] / 4


def test_one_is_away_most_of_the_time_and_speaks_when_back() -> None:
    script = drawn(WORKLOADS["long-offline"])
    (away,) = [step for step in script if isinstance(step, Away)]
    assert away.for_s == 48.0
    assert all(step.at_s >= away.at_s + away.for_s for step in says(script) if step.author == away.person)
    assert all(step.reader == away.person for step in says(script) if step.author != away.person)


def test_letters_are_long_and_many_and_come_while_their_reader_is_away() -> None:
    script = drawn(WORKLOADS["letters"], messages=4)
    (away,) = [step for step in script if isinstance(step, Away)]
    assert len(says(script)) == LETTERS_MIN
    assert {step.reader for step in says(script)} == {away.person}
    assert min(step.chars for step in says(script)) >= LETTER_CHARS[0]
    assert LETTERS_MIN * LETTER_CHARS[0] * 3 / 4 > 64 * 1024, "letters of random characters shrink by a quarter"
