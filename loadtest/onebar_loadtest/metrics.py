"""The run for Prometheus while it lasts: read from the record at each scrape, so that nothing is counted twice."""

from collections.abc import Callable, Iterator
from typing import Any, Final
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from onebar_loadtest.record import Record
from onebar_loadtest.rows import FLOOR_S, STEP, Histogram

BOUNDS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""Upper ends of the buckets: what queries of Prometheus can tell apart."""


class RunCollector(Collector):
    """Shows the record that there is at the time."""

    def __init__(self, record: Callable[[], Record | None]) -> None:
        self._record = record

    def collect(self) -> Iterator[Any]:
        """Yield the metrics of now."""
        record = self._record()
        if record is None:
            return
        times = HistogramMetricFamily("onebar_loadtest_seconds", "Times of the run, by row.", labels=["row"])
        for name, histogram in list(record.rows.items()):
            times.add_metric([name], cumulative(histogram), histogram.sum_s)
        yield times
        tally = record.tally()
        messages = CounterMetricFamily(
            "onebar_loadtest_messages", "Messages, by what became of them.", labels=["state"]
        )
        for state in ("sent", "accepted", "delivered", "duplicated", "reordered", "late", "unreadable"):
            messages.add_metric([state], getattr(tally, state))
        messages.add_metric(["failed"], sum(tally.failed.values()))
        yield messages
        if record.seconds:
            latest = max(record.seconds, key=lambda at_s: (record.seconds[at_s].phones > 0, at_s))
            sample = record.seconds[latest]
            yield GaugeMetricFamily("onebar_loadtest_phones", "Phones there are.", sample.phones)
            yield GaugeMetricFamily("onebar_loadtest_phones_online", "Phones with an open link.", sample.online)
            yield GaugeMetricFamily(
                "onebar_loadtest_outbox", "Messages that the server does not have yet.", sample.waiting
            )
            yield GaugeMetricFamily("onebar_loadtest_lag_seconds", "Lag of the phones' loop.", sample.lag_ms / 1000)


def cumulative(histogram: Histogram) -> list[tuple[str, float]]:
    """Return a histogram as Prometheus has it: counts up to each bound."""
    ends = {number: FLOOR_S * STEP**number for number in list(histogram.buckets)}
    counts = [sum(histogram.buckets[number] for number, end in ends.items() if end <= bound) for bound in BOUNDS_S]
    return [
        *((f"{bound:g}", float(count)) for bound, count in zip(BOUNDS_S, counts, strict=True)),
        ("+Inf", float(histogram.count)),
    ]


def serve(port: int, record: Callable[[], Record | None], host: str = "127.0.0.1") -> WSGIServer:
    """Answer scrapes in a thread of its own; return the server, to shut down.

    Raises:
        OSError: The port is taken.
    """
    registry = CollectorRegistry()
    registry.register(RunCollector(record))
    server, _ = start_http_server(port, host, registry)
    return server
