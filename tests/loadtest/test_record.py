from onebar_loadtest.accounting import Tally
from onebar_loadtest.record import Cost, Record


def record(process: str, sent: int) -> Record:
    record = Record()
    record.row("connect").add(0.5)
    sample = record.second(100)
    sample.phones, sample.online, sample.waiting, sample.sent, sample.delivered, sample.lag_ms = 3, 2, 1, sent, 4, 7.0
    sample.end_to_end.add(0.2)
    sample.beside, sample.limited = 2, 1
    sample.beside_took.add(0.1)
    record.cost = Cost(20.0, 100, 10.0, 50.0, 2000, 3000).minus(Cost(10.0, 50, 5.0, 40.0, 1000, 1000))
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
    assert (sample.beside, sample.beside_took.count, sample.limited) == (6, 3, 3)
    assert total.cost == Cost(10.0, 150, 15.0, 150.0, 3000, 6000)
    assert total.cost.known() == {
        "messages_per_s": 15.0,
        "cpu_cores": 1.5,
        "cpu_us_per_message": 100_000,
        "up_bytes_per_message": 20.0,
        "down_bytes_per_message": 40.0,
        "memory_mb": 150.0,
    }
