"""What Prometheus reads at `/metrics`: plain numbers on the hot path, looked up when they are asked for.

A turn costs two observations and one addition for each frame; everything else is read at the moment of the scrape.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from onebar.core.frames import Accepted, Welcome
from onebar_mockserver.router import Input, Received, Turn

SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Bounds of the histograms: an SSD syncs in 1 to 5 ms, and a link that waits for 5 s is given up by its phone."""

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""Of the answer: the text format that every Prometheus reads."""


Labels = str | tuple[str, ...]
"""One label of a counter, or several; or their values."""

Counts = Mapping[str, int] | Mapping[tuple[str, str], int]
"""Counts by the value of one label, or by those of two."""


class Gauge(NamedTuple):
    """A number that is looked up when somebody asks."""

    name: str
    help: str
    read: Callable[[], float]


class Metrics:
    """The figures of one server; another one in the same process has its own."""

    def __init__(self) -> None:
        self._received: Counter[type] = Counter()
        self._sent: Counter[type] = Counter()
        self._counters: list[tuple[str, str, Labels, Counts]] = []
        self._gauges: list[Gauge] = []
        self._registry = CollectorRegistry()
        self._turn = self._histogram("onebar_turn_seconds", "Time of a turn, from its inputs to its outputs")
        self._commit = self._histogram("onebar_commit_seconds", "Time of one COMMIT, with its fsync")
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def counter(self, name: str, text: str, labels: Labels, counts: Counts) -> None:
        """Show these counts, which somebody else goes on counting, as counters that differ in these labels."""
        self._counters.append((name, text, labels, counts))

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Show a number that is read at each scrape, on the event loop."""
        self._gauges.append(Gauge(name, text, read))

    def turn(self, inputs: Sequence[Input], turn: Turn, took_s: float) -> None:
        """Count a turn that was committed."""
        self._turn.observe(took_s)
        # Counter counts a list in C: a fifth of the time of adding one by one.
        self._received.update([type(item.frame) for item in inputs if type(item) is Received])
        sent: list[type] = []
        for outgoing in turn.values():
            if outgoing.accepted is not None:
                sent.append(Accepted)
            if outgoing.welcome is not None:
                sent.append(Welcome)
            if outgoing.answers:
                sent += map(type, outgoing.answers)
            if outgoing.mail:
                sent += map(type, outgoing.mail)
        self._sent.update(sent)

    def commit(self, took_s: float) -> None:
        """Count a commit; called on the engine's thread."""
        self._commit.observe(took_s)

    def exposition(self) -> bytes:
        """Return every figure in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield the figures that are kept as plain numbers; the registry calls this."""
        frames: list[tuple[str, str, Labels, Counts]] = [
            ("onebar_frames_received", "Frames from clients", "kind", _by_name(self._received)),
            ("onebar_frames_sent", "Frames to clients that a turn has said", "kind", _by_name(self._sent)),
        ]
        for name, text, labels, counts in frames + self._counters:
            family = CounterMetricFamily(name, text, labels=_as_tuple(labels))
            for values, count in sorted((_as_tuple(key), count) for key, count in counts.items()):
                family.add_metric(values, count)
            yield family
        for gauge in self._gauges:
            yield GaugeMetricFamily(gauge.name, gauge.help, gauge.read())

    def _histogram(self, name: str, text: str) -> Histogram:
        return Histogram(name, text, registry=self._registry, buckets=SECONDS)


def _by_name(counts: Mapping[type, int]) -> Mapping[str, int]:
    return {kind.__name__: count for kind, count in counts.items()}


def _as_tuple(labels: Labels) -> tuple[str, ...]:
    return (labels,) if isinstance(labels, str) else labels
