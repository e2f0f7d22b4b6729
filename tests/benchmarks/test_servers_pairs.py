import math
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest
from benchmarks.report import BenchError
from benchmarks.servers import pairs as module
from benchmarks.servers.pairs import End, Pair, Pairs, Rate, Sample, Turns, Window


class OneByteEnd(End):
    """A text is a byte; the far side of its socket is the server."""

    def say(self, count: int) -> None:
        self.out.append(b"t" * count)

    def hear(self, data: bytes) -> None:
        self.accepted += data.count(b"a")
        self.received += data.count(b"t")


Ends = tuple[OneByteEnd, OneByteEnd, socket.socket, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    sockets = [socket.socketpair() for _ in range(2)]
    (one, one_far), (other, other_far) = sockets
    yield OneByteEnd(one), OneByteEnd(other), one_far, other_far
    for both in sockets:
        for end in both:
            end.close()


def arrive(pair: Pair, texts: int) -> None:
    pair.sender.accepted += texts
    pair.reader.received += texts


def test_a_window_is_filled_again_by_what_went_all_the_way(ends: Ends) -> None:
    pair = Pair(*ends[:2])
    load = Window(8)
    load.begin([pair], 1.0)
    assert pair.sender.said == 8
    pair.sender.accepted = 3
    pair.reader.received = 2
    sample = Sample()
    pair.look(1.5, sample)
    assert list(load.went(pair, 1.5)) == [pair]
    assert (pair.sender.said, sample.delivered_s, sample.acked_s) == (10, [0.5] * 2, [0.5] * 3)
    assert load.wait_s(1.5) == math.inf


def test_a_rate_says_what_is_due_with_the_time_when_it_was(ends: Ends) -> None:
    first, second = Pair(*ends[:2]), Pair(ends[1], ends[0])
    load = Rate(10)
    assert list(load.begin([first, second], 1.0)) == [first]
    assert load.wait_s(1.05) == pytest.approx(0.05)
    assert list(load.due(1.25)) == [second, first]  # due at 1.1 and 1.2, though it is later
    arrive(first, 2)
    sample = Sample()
    first.look(2.0, sample)
    assert sample.delivered_s == pytest.approx([1.0, 0.8])
    assert list(load.went(first, 2.0)) == [first]
    assert first.sender.said == 2


def test_turns_go_round_and_their_number_stays(ends: Ends) -> None:
    arrive(Pair(*ends[:2]), 4)  # they have talked before
    ends[0].said = 4
    first, second = Pair(*ends[:2]), Pair(ends[1], ends[0])
    load = Turns(1)
    assert list(load.begin([first, second], 0.0)) == [first]
    assert first.sender.said == 5
    arrive(first, 1)
    first.look(0.1, Sample())
    assert list(load.went(first, 0.1)) == [first, second]
    assert (first.sender.said, second.sender.said) == (5, 1)


def test_a_server_that_is_silent_fails_the_run(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.01)
    with closing(Pairs([ends[:2]])) as pairs, pytest.raises(BenchError, match="silent for"):
        pairs.run(Window(1), 0.0)


def test_a_run_ends_when_everything_went_all_the_way(ends: Ends) -> None:
    sender, reader, sender_far, reader_far = ends
    sender_far.sendall(b"aa")
    reader_far.sendall(b"tt")
    with closing(Pairs([(sender, reader)])) as pairs:
        sample = pairs.run(Window(2), 0.0)
    assert sample.done == 2
    assert sender_far.recv(10) == b"tt"
