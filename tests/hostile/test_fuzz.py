"""The fuzzers with few examples; `make fuzz` has the many. And proof that they see what is wrong."""

import random

import pytest

from onebar.core import content, frames, sealing
from onebar.core.frames import Deliver
from onebar_mockserver.sqlite import verdicts
from tests.hostile.enemy_of_server import Siege
from tests.hostile.fuzz import attack_client, attack_decoders, attack_server
from tests.hostile.mutations import BOMBS, Mutator
from tests.hostile.properties import decoders_hold

EXAMPLES = 300


@pytest.mark.parametrize("seed", range(2))
def test_no_message_harms_the_server_or_its_other_peers(seed: int) -> None:
    found = attack_server(seed, EXAMPLES)
    assert not found.failure, found.failure
    assert found.reached > found.examples / 5


@pytest.mark.parametrize("seed", range(2))
def test_no_message_harms_a_device(seed: int) -> None:
    found = attack_client(seed, EXAMPLES)
    assert not found.failure, found.failure
    assert found.reached > found.examples / 5


def test_hypothesis_finds_nothing() -> None:
    found = attack_decoders(0, EXAMPLES)
    assert not found.failure, found.failure


@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: bomb[:6].hex())
def test_a_bomb_is_an_error_and_no_more(bomb: bytes) -> None:
    for data in (bomb, b"\x91" + bomb, b"\x92\x06" + bomb, b"\x91\x95\x02\x01\x00\x00" + bomb):
        decoders_hold(data)


def test_a_seed_gives_the_same_mutations_again() -> None:
    corpus = [frames.encode_message([frames.Ping(1), frames.Ack(1, 2, (3,))])]
    one, other = (Mutator(random.Random(4), corpus) for _ in range(2))
    assert [one.draw() for _ in range(200)] == [other.draw() for _ in range(200)]


def test_most_mutations_are_of_valid_messages_and_many_can_still_be_read() -> None:
    siege = Siege(1)
    drawn = [siege.mutator.draw() for _ in range(1000)]
    assert len(set(drawn)) > 700
    readable = 0
    for data in drawn:
        try:
            readable += any(not isinstance(frame, frames.Unreadable) for frame in frames.decode_client(data))
        except frames.MessageError:
            continue
    assert readable > 300


def test_an_operation_that_raises_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def raises(recipients: object) -> bool:
        raise KeyError("a defect")

    monkeypatch.setattr(verdicts, "_repeats", raises)
    assert "a defect" in attack_server(1, EXAMPLES).failure


def test_a_frame_that_makes_a_turn_fail_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def raises(*_: object) -> None:
        raise KeyError("a defect")

    monkeypatch.setattr(sealing, "open_", raises)
    assert "a defect" in attack_client(1, EXAMPLES).failure


def test_a_text_that_nobody_sealed_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def trusting(_: object, __: object, frame: Deliver) -> bytes:
        forged = f"forged {frame.ciphertext[-1:]!r}"
        return content.encode(content.Text(len(frame.ciphertext), 1, 0, forged))

    monkeypatch.setattr(sealing, "open_", trusting)
    assert "<Message 2 incoming received>" in attack_client(1, EXAMPLES).failure
