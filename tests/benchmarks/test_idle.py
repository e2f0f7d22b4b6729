from pathlib import Path

import pytest
from benchmarks.idle import HEADER_BYTES, Probe, measure, quick

from benchmarks import idle
from onebar.config import Config


def test_an_hour_is_that_many_probes() -> None:
    probe = Probe(up=30.0, down=20.0)
    assert probe.bytes_per_hour(900) == 4 * (50 + 3 * HEADER_BYTES)


def test_every_keepalive_becomes_short_and_nothing_else() -> None:
    config = quick(Config(host="here"))
    assert config.keepalive_s == idle.QUICK_S
    assert (config.host, config.answer_timeout_s) == ("here", Config(host="here").answer_timeout_s)


async def test_a_probe_of_a_real_link_is_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle, "PROBES", 3)
    probe = await measure(tmp_path)
    assert 22 < probe.down < probe.up < 60  # a TLS record has 22 bytes around a message, and a client masks its own
