"""What is seen before and while a run measures; what comes of it is in `test_fleet`."""

from onebar_loadtest import rows
from onebar_loadtest.onlooker import Onlooker, ignore


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
