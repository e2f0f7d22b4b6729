"""The turn loop: fair, bounded, gathering while a turn runs, and recovering when the engine is lost."""

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest

from onebar.core.frames import Ping
from onebar_mockserver.limits import TURN_INPUTS_MAX
from onebar_mockserver.links import Outgoing
from onebar_mockserver.ports import EngineLostError, Mailbox
from onebar_mockserver.router import Input, Received, Removed, Router, Turn, Woken
from onebar_mockserver.turns import TurnLoop

PATIENCE_S = 10.0


class Rehearsal:
    """Stands in for the router and the engine: notes each turn's inputs and waits for leave to commit."""

    def __init__(self) -> None:
        self.turns: list[list[Input]] = []
        self.begun = asyncio.Event()
        self.leave = asyncio.Event()
        self.leave.set()
        self.failure: Exception | None = None
        self.resets = 0
        self.reopened = asyncio.Event()
        self.lost = 0
        self.released: list[Turn] = []
        self.taken: list[int] = []
        self.unfinished = False

    async def turn(self, inputs: Sequence[Input], now_ms: int) -> Turn:
        self.turns.append(list(inputs))
        self.begun.set()
        await self.leave.wait()
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        return {1: Outgoing()}

    def reset(self) -> None:
        self.resets += 1

    async def reopen(self) -> None:
        self.reopened.set()

    def loop(self) -> TurnLoop:
        def lost() -> None:
            self.lost += 1

        return TurnLoop(
            cast("Router", self),
            cast("Mailbox", self),
            lambda: 0,
            self.released.append,
            lost,
            self.taken.append,
        )


def ping(link: int, nonce: int = 0) -> Received:
    return Received(link, Ping(nonce))


async def test_inputs_gather_while_a_turn_runs() -> None:
    play = Rehearsal()
    loop = play.loop()
    play.leave.clear()
    loop.start()
    loop.put(1, ping(1))
    async with asyncio.timeout(PATIENCE_S):
        await play.begun.wait()
    for nonce in range(3):
        loop.put(1, ping(1, nonce))
    assert loop.pending(1) == 3
    play.leave.set()
    await loop.stop()
    assert [len(turn) for turn in play.turns] == [1, 3]
    assert play.taken == [1, 1]


async def test_a_turn_is_bounded_and_fair() -> None:
    play = Rehearsal()
    loop = play.loop()
    for nonce in range(TURN_INPUTS_MAX * 2):
        loop.put(1, ping(1, nonce))
    for nonce in range(3):
        loop.put(2, ping(2, nonce))
    loop.start()
    await loop.stop()
    first, *rest = play.turns
    assert len(first) == TURN_INPUTS_MAX
    assert first[:6] == [ping(1, 0), ping(2, 0), ping(1, 1), ping(2, 1), ping(1, 2), ping(2, 2)]
    of_one = [item for turn in play.turns for item in turn if isinstance(item, Received) and item.link == 1]
    assert of_one == [ping(1, nonce) for nonce in range(TURN_INPUTS_MAX * 2)]
    assert rest


async def test_inputs_of_the_server_itself() -> None:
    play = Rehearsal()
    loop = play.loop()
    loop.woken(frozenset())
    loop.removed(())
    loop.woken(frozenset({5}))
    loop.removed((6,))
    loop.start()
    await loop.stop()
    assert play.turns == [[Woken((5,)), Removed((6,))]] or play.turns == [[Woken((5,))], [Removed((6,))]]


@pytest.mark.parametrize("failure", [EngineLostError("disk"), ValueError("bug")])
async def test_a_failed_turn_closes_the_links_and_reopens(failure: Exception) -> None:
    play = Rehearsal()
    play.failure = failure
    loop = play.loop()
    loop.put(1, ping(1))
    loop.start()
    async with asyncio.timeout(PATIENCE_S):
        await play.reopened.wait()
    assert (play.lost, play.resets, play.released) == (1, 1, [])
    loop.put(2, ping(2))
    await loop.stop()
    assert play.turns[-1] == [ping(2)]
    assert len(play.released) == 1


async def test_an_engine_lost_elsewhere_is_reopened_too() -> None:
    play = Rehearsal()
    loop = play.loop()
    loop.start()
    loop.suspect()
    async with asyncio.timeout(PATIENCE_S):
        await play.reopened.wait()
    await loop.stop()
    assert (play.lost, play.turns) == (1, [])


async def test_a_link_that_never_rests_does_not_keep_the_loop_from_stopping() -> None:
    play = Rehearsal()
    loop = play.loop()
    turn = play.turn

    async def flooded(inputs: Sequence[Input], now_ms: int) -> Turn:
        loop.put(1, ping(1))
        return await turn(inputs, now_ms)

    play.turn = flooded  # type: ignore[method-assign]
    loop.put(1, ping(1))
    loop.start()
    async with asyncio.timeout(PATIENCE_S):
        await play.begun.wait()
        await loop.stop()
    assert loop.pending(1) == 0
