"""Rates: what a network takes is found out by pieces of twice the length, and kept without a queue before it."""

from onebar.core.errands import CHECK_S, LATE_S, PACE, PIECE_BYTES_MAX, PIECE_BYTES_MIN, Errand, Rate, Transfers
from onebar.core.turn import CheckFile, Inform
from tests.sdk.core.courier import a_file


def test_pieces_double_freely_until_that_is_no_faster() -> None:
    rate, sizes = Rate(), []
    while not rate.found:
        sizes.append(rate.next_piece(3.0))
        assert rate.pace(sizes[-1]) == 0
        rate.measure(sizes[-1], 0.4 + sizes[-1] / 25_000, 0.0)  # the round trip is not known, and counts as sending
    assert sizes == [PIECE_BYTES_MIN * 2**n for n in range(len(sizes))]
    assert 15_000 < rate.bytes_per_s < 25_000
    assert rate.next_piece(3.0) == round(3 * rate.bytes_per_s)


def test_a_fast_network_gets_the_longest_pieces() -> None:
    rate = Rate()
    for _ in range(12):
        rate.measure(rate.next_piece(3.0), 0.001, 0.0)
    assert rate.next_piece(3.0) == PIECE_BYTES_MAX


def test_only_long_pieces_are_held_back() -> None:
    rate = Rate(10_000.0, found=True)
    assert rate.pace(10_000) == 0
    assert rate.pace(10_001) == round(PACE * 10_000)


def test_a_round_trip_is_no_sending_and_a_queue_no_round_trip() -> None:
    rate = Rate()
    rate.measure(10_000, 1.5, 0.5)
    assert rate.bytes_per_s == 10_000
    rate.measure(10_000, 1.5, 1.0)  # a queue made it longer, and the shortest counts
    assert rate.bytes_per_s == 10_000
    assert rate.found
    rate.measure(10_000, 0.1, 0.5, pace=12_000)
    assert rate.bytes_per_s == 11_000
    rate.failed()
    assert rate == Rate()


def test_a_check_has_more_time_than_a_request() -> None:
    assert Errand(1, 1, CheckFile(1, a_file()), 5.0).late_s == 5.0 + CHECK_S
    assert Errand(1, 1, Inform(1, "", "", "ended", 0), 5.0).late_s == 5.0 + LATE_S


def test_a_copy_does_not_change_and_what_is_over_is_forgotten() -> None:
    transfers = Transfers()
    transfers.errands["up"] = Errand(1, 1, Inform(1, "", "", "ended", 0), 5.0)
    copy = transfers.copy()
    transfers.errands["up"].held_at_s = 6.0
    transfers.offsets[1] = transfers.failures[1] = transfers.damaged[1] = 5
    transfers.until_s[1] = 5.0
    transfers.up.piece_bytes = 9
    assert copy.errands["up"].held_at_s is None
    assert copy.up == Rate()
    assert not copy.offsets
    transfers.forget(1)
    assert [transfers.offsets, transfers.failures, transfers.damaged, transfers.until_s] == [{}] * 4
