import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from onebar_loadtest import metrics, rows
from onebar_loadtest.accounting import Tally
from onebar_loadtest.record import Record


def test_prometheus_reads_the_run_of_the_moment() -> None:
    runs: list[Record | None] = [None]
    server = metrics.serve(0, lambda: runs[-1])
    try:
        url = f"http://127.0.0.1:{server.server_port}/metrics"
        assert urllib.request.urlopen(url, timeout=10).read() == b""
        record = Record(tallies={"a": Tally(sent=5, delivered=4, failed={"expired": 1})})
        for took_s in (0.004, 0.2, 500.0):
            record.row(rows.END_TO_END).add(took_s)
        record.second(10).phones = 7
        record.second(11).sent = 1  # a second that is not over
        runs.append(record)
        text = urllib.request.urlopen(url, timeout=10).read().decode()
    finally:
        server.shutdown()
        server.server_close()
    found = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert found["onebar_loadtest_messages_total", "sent"] == 5
    assert found["onebar_loadtest_messages_total", "failed"] == 1
    assert found[("onebar_loadtest_phones",)] == 7
    below = [found["onebar_loadtest_seconds_bucket", le, rows.END_TO_END] for le in ("+Inf", "0.005", "0.25", "60")]
    assert below == [3, 1, 2, 2]
    assert found["onebar_loadtest_seconds_sum", rows.END_TO_END] == pytest.approx(500.204)
