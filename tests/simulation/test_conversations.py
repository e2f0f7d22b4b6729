"""Whole conversations in virtual time, with the network cut and every party crashed at any moment."""

import pytest

from onebar.models import MessageState
from tests.simulation.world import Phone, World

SETTLE_S = 400.0


def check(world: World, *, states: bool = True) -> None:
    for sender in world.phones:
        for receiver in world.phones:
            if sender is receiver:
                continue
            texts = [text for to, text in sender.sent if to == receiver.number]
            assert receiver.received_from(sender) == texts
            if states:
                assert states_of(sender, receiver) == [MessageState.DELIVERED] * len(texts)


def states_of(sender: Phone, receiver: Phone) -> list[MessageState]:
    page = sender.store.history(receiver.number, 1_000_000)
    return [message.state for message in page if message.outgoing]


def talk(world: World, messages: int, pause_s: float) -> None:
    for number in (next(world.text_numbers) for _ in range(messages)):
        for sender in world.phones:
            for receiver in world.phones:
                if sender is not receiver:
                    sender.send(receiver.number, f"{number} from {sender.number}")
        world.run_for(world.random.expovariate(1 / pause_s))


def test_a_calm_conversation_arrives_once_in_order() -> None:
    world = World(1)
    talk(world, 30, 0.2)
    world.run_for(20)
    check(world)
    assert not world.crashes


@pytest.mark.parametrize("seed", range(60))
def test_everything_arrives_once_in_order_however_often_everything_breaks(seed: int) -> None:
    world = World(seed, phones=2 + seed % 2)
    world.run_for(1)
    world.cut_rate = world.random.choice([0.0, 0.02, 0.1])
    world.phone_crash_rate = world.random.choice([0.0, 0.02, 0.1])
    world.server_crash_rate = world.random.choice([0.0, 0.02, 0.1])
    world.hint_rate = world.random.choice([0.0, 0.1])
    talk(world, 25, world.random.choice([0.01, 0.3, 2.0]))
    world.run_for(30)
    world.calm()
    world.run_for(SETTLE_S)
    check(world)
