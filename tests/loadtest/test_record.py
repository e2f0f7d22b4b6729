from onebar_loadtest.accounting import Tally
from onebar_loadtest.record import Record


def record(process: str, sent: int) -> Record:
    record = Record()
    record.row("connect").add(0.5)
    sample = record.second(100)
    sample.phones, sample.online, sample.waiting, sample.sent, sample.delivered, sample.lag_ms = 3, 2, 1, sent, 4, 7.0
    sample.end_to_end.add(0.2)
    record.tallies[process] = Tally(sent=sent, delivered=sent)
    return record


def test_records_of_two_processes_add_up_and_a_later_tally_replaces_an_earlier_one() -> None:
    total = record("one", 5)
    total.merge(Record.from_data(record("two", 7).to_data()))
    total.merge(record("two", 9))
    assert total.tally() == Tally(sent=14, delivered=14)
    assert total.row("connect").count == 3
    sample = total.seconds[100]
    assert (sample.phones, sample.online, sample.waiting, sample.sent, sample.delivered) == (9, 6, 3, 21, 12)
    assert (sample.lag_ms, sample.end_to_end.count) == (7.0, 3)
