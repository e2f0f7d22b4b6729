"""Rates: a second's worth, at most twice the last piece, and never nothing."""

from onebar.core.errands import CHECK_S, LATE_S, PACE, PIECE_BYTES_MAX, PIECE_BYTES_MIN, Errand, Rate, Transfers
from onebar.core.turn import CheckFile, Inform
from tests.sdk.core.courier import a_file


def test_the_first_piece_is_short_and_the_longest_bounded() -> None:
    rate = Rate()
    assert rate.next_piece(1.0) == PIECE_BYTES_MIN
    rate.measure(PIECE_BYTES_MIN, 0.0001, 0.0)
    sizes = [rate.next_piece(1.0) for _ in range(12)]
    assert sizes[0] == 2 * PIECE_BYTES_MIN
    assert sizes[-1] == PIECE_BYTES_MAX


def test_only_long_pieces_are_held_back() -> None:
    rate = Rate(10_000.0)
    assert rate.pace(10_000) == 0
    assert rate.pace(10_001) == round(PACE * 10_000)


def test_a_round_trip_is_no_sending() -> None:
    rate = Rate()
    rate.measure(10_000, 1.5, 0.5)
    assert rate.bytes_per_s == 10_000
    rate.failed()
    assert rate.bytes_per_s == 5_000
    rate.measure(10_000, 0.5, 0.6)  # a round trip that was longer before
    assert 50_000 < rate.bytes_per_s < 60_000


def test_a_check_has_more_time_than_a_request() -> None:
    assert Errand(1, 1, CheckFile(1, a_file()), 5.0).late_s == 5.0 + CHECK_S
    assert Errand(1, 1, Inform(1, "", "", "ended", 0), 5.0).late_s == 5.0 + LATE_S


def test_a_copy_does_not_change_and_what_is_over_is_forgotten() -> None:
    transfers = Transfers()
    copy = transfers.copy()
    transfers.offsets[1] = transfers.failures[1] = transfers.damaged[1] = 5
    transfers.until_s[1] = 5.0
    transfers.up.piece_bytes = 9
    assert copy == Transfers()
    transfers.forget(1)
    assert [transfers.offsets, transfers.failures, transfers.damaged, transfers.until_s] == [{}] * 4
