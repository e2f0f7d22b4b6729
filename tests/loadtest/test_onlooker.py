"""What is seen before and while a run measures; what comes of it is in `test_fleet`."""

from onebar.drivers.address import parse_address
from onebar.events import RateLimited
from onebar.testing import profile
from onebar_loadtest import rows
from onebar_loadtest.onlooker import Onlooker, ignore
from onebar_loadtest.phones import Phone, Place


def test_times_count_only_while_it_measures_but_for_first_links() -> None:
    told: list[tuple[str, float]] = []
    onlooker = Onlooker([], lambda row, took_s: told.append((row, took_s)))
    onlooker.opened(0.1, first=True)
    onlooker.opened(0.2, first=False)
    onlooker.reached_again(0.3)
    onlooker.measuring = True
    onlooker.opened(0.4, first=False)
    onlooker.reached_again(0.5)
    onlooker.settling = True
    onlooker.opened(0.6, first=False)
    onlooker.reached_again(0.7)
    assert told == [(rows.CONNECT, 0.1), (rows.RESUME, 0.4), (rows.RECOVER, 0.5)]
    assert {name: row.count for name, row in onlooker.take_record("me").rows.items()} == {row: 1 for row, _ in told}
    assert onlooker.take_record("me").rows == {}, "what was taken is not told again"
    ignore("row", 1.0)


async def test_a_rate_limit_that_a_phone_was_told_of_is_counted() -> None:
    onlooker = Onlooker([])
    place = Place(parse_address("http://127.0.0.1:1"), ("127.0.0.1", 1))
    phone = Phone(0, "+12025550100", place, profile("perfect"), 1, onlooker)
    for _ in range(2):
        onlooker.happened(phone, RateLimited(1, "messages", 5), 0.0)
    record = onlooker.take_record("me")
    assert record.tally().limited == {"messages": 2}
    assert sum(sample.limited for sample in record.seconds.values()) == 2
    await phone.close()
