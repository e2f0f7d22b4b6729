"""The accounting catches each thing that can go wrong with a message."""

from onebar_loadtest.accounting import LATE_S, Ledger, Tally, is_photo


def three_said() -> tuple[Ledger, list[str]]:
    ledger = Ledger()
    return ledger, [ledger.say(1, 2, at_s) for at_s in (10.0, 11.0, 12.0)]


def test_a_run_without_fault_is_right() -> None:
    ledger, keys = three_said()
    times = [ledger.arrive(2, f"{key} hello", 20.0) for key in keys]
    tally = ledger.close()
    assert times == [10.0, 9.0, 8.0]
    assert tally == Tally(sent=3, delivered=3)
    assert tally.right
    assert ledger.waiting == 0


def test_two_have_met_once_a_text_has_arrived_either_way() -> None:
    ledger, keys = three_said()
    assert not ledger.met(1, 2)
    ledger.arrive(2, keys[0], 20.0)
    assert ledger.met(1, 2)
    assert ledger.met(2, 1)
    assert not ledger.met(1, 3)


def test_what_does_not_come_is_lost_and_said_to_be() -> None:
    ledger, keys = three_said()
    ledger.arrive(2, keys[1], 20.0)
    assert ledger.waiting == 2
    ledger.arrive(5, ledger.say(4, 5, 13.0), 20.0)
    assert ledger.waiting_phones() == {1, 2}
    tally = ledger.close()
    assert (tally.lost, tally.delivered, tally.right) == (2, 2, False)
    assert tally.complaints == ["2 messages of phone 1 to phone 2 are lost, first 0"]


def test_what_comes_twice_or_to_another_phone_is_doubled() -> None:
    ledger, keys = three_said()
    for key in [*keys, keys[2]]:
        ledger.arrive(2, key, 20.0)
    assert ledger.arrive(3, keys[0], 20.0) is None
    assert ledger.arrive(2, "a text of nobody", 20.0) is None
    assert ledger.arrive(2, "1.2.7", 20.0) is None
    tally = ledger.close()
    assert (tally.duplicated, tally.delivered, tally.lost) == (4, 3, 0)
    assert not tally.right


def test_what_comes_behind_a_later_one_is_reordered() -> None:
    ledger, keys = three_said()
    other = ledger.say(4, 2, 9.0)
    for key in (keys[0], keys[2], other, keys[1]):
        ledger.arrive(2, key, 20.0)
    tally = ledger.close()
    assert (tally.reordered, tally.delivered, tally.right) == (1, 4, False)


def test_late_is_counted_from_the_end_of_the_last_outage() -> None:
    ledger, keys = three_said()
    ledger.arrive(2, keys[0], 10.0 + LATE_S)
    ledger.arrive(2, keys[1], 500.0, back_s=499.0)
    assert ledger.tally.right
    ledger.arrive(2, keys[2], 12.1 + LATE_S)
    assert (ledger.tally.late, ledger.tally.right) == (1, False)


def test_a_visible_end_is_no_loss_but_is_told() -> None:
    ledger, keys = three_said()
    ledger.fail(f"{keys[0]} hello", 2, "rate_limited")
    ledger.fail(f"{keys[0]} hello", 2, "rate_limited")
    ledger.take_back(keys[1])
    ledger.arrive(2, keys[2], 20.0)
    tally = ledger.close()
    assert tally == Tally(sent=2, delivered=1, failed={"rate_limited": 1})


def test_what_cannot_be_opened_is_wrong() -> None:
    ledger, _ = three_said()
    ledger.unreadable(2)
    assert not ledger.tally.right


def test_tallies_add_up_and_travel() -> None:
    one, other = three_said()[0].close(), three_said()[0].close()
    other.failed = {"expired": 2}
    one.add(Tally.from_known(other.known()))
    assert (one.sent, one.lost, one.failed, len(one.complaints)) == (6, 6, {"expired": 2}, 2)


def test_the_author_of_a_text_is_what_its_key_says() -> None:
    ledger, keys = three_said()
    assert [ledger.author(text) for text in (keys[0], "hello", "", "²1.1.1")] == [1, -1, -1, -1]


def test_photos_have_an_order_of_their_own_and_all_the_time_they_need() -> None:
    ledger = Ledger()
    keys = [ledger.say(0, 1, 0.0, photo=True) for _ in range(3)]
    text = ledger.say(0, 1, 0.0)
    assert [is_photo(f"{key} hello") for key in (*keys, text)] == [True, True, True, False]
    assert ledger.arrive(1, f"{text} hello", 1.0) == 1.0
    for key in reversed(keys[1:]):
        assert ledger.arrive(1, f"{key} hello", 1000.0) == 1000.0
    assert ledger.tally.right
    assert (ledger.tally.delivered, ledger.tally.photos, ledger.waiting) == (3, 2, 1)
    assert ledger.waiting_phones() == {0, 1}
    ledger.no_photo(1, "gone")
    assert ledger.close().lost == 1
    assert ledger.tally.complaints == [
        "a photo did not come to phone 1: gone",
        "1 photos of phone 0 to phone 1 are lost, first 0",
    ]
    ledger.take_back(ledger.say(0, 1, 0.0, photo=True))
    assert ledger.tally.sent == 4
