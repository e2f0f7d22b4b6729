import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from onebar_loadtest.__main__ import LOCUSTFILE, command
from tests.loadtest.hub import PATIENCE_S

RUN_S = 60.0  # what a whole run takes at the longest


def after(line: list[str], option: str) -> str:
    return line[line.index(option) + 1]


def test_variables_become_options() -> None:
    line = command({"PHONES": "50", "MINUTES": "0.5", "WEATHER": "edge", "SEED": "", "HOME": "/"})
    assert after(line, "-f") == str(LOCUSTFILE)
    assert LOCUSTFILE.exists()
    assert (after(line, "-u"), after(line, "-t"), after(line, "--weather")) == ("50", "42s", "edge")
    assert "--backend" in line
    assert "--seed" not in line


def test_a_shape_with_a_curve_has_no_start_and_a_host_needs_no_backend() -> None:
    line = command({"SHAPE": "ramp", "MINUTES": "1", "HOST": "https://chat.example.org"})
    assert (after(line, "-t"), after(line, "--host"), after(line, "-u")) == ("60s", "https://chat.example.org", "500")
    assert "--backend" not in line


def test_a_number_that_is_none_is_told() -> None:
    with pytest.raises(ValueError, match="many"):
        command({"PHONES": "many"})


class Started:
    """Locust in processes of its own, as `make loadtest` starts it."""

    def __init__(self, folder: Path) -> None:
        self.report = folder / "reports"
        limits = folder / "limits.toml"
        limits.write_text(
            "[accounting]\nlost = 0\nduplicated = 0\nreordered = 0\nlate = 0\nunreadable = 0\nfailed = 0\n"
        )
        self._common = [
            *("--weather", "perfect", "--every", "0.5", "--settle", "2", "--no-kem"),
            *("--report", str(self.report), "--thresholds", str(limits)),
        ]
        self._processes: list[subprocess.Popen[str]] = []

    def locust(self, *options: str) -> "subprocess.Popen[str]":
        words = (
            sys.executable,
            "-m",
            "locust",
            "-f",
            str(LOCUSTFILE),
            "--loglevel",
            "WARNING",
            *options,
            *self._common,
        )
        environment = {**os.environ, "LOCUST_SKIP_MONKEY_PATCH": "1"}
        started = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._processes.append(started)
        return started

    def known(self) -> dict[str, Any]:
        known: dict[str, Any] = json.loads((self.report / "loadtest.json").read_text())
        return known

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.communicate()


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    made = Started(tmp_path)
    yield made
    made.close()


RUN = ("--headless", "--only-summary", "-u", "8", "-r", "8", "-t", "15s", "--backend")


def all_accounted_for(judge: "subprocess.Popen[str]", started: Started) -> None:
    said, _ = judge.communicate(timeout=RUN_S)
    assert judge.returncode == 0, said[-2000:]
    known = started.known()
    tallies = known["processes"]
    assert sorted(tallies) == ["worker 0", "worker 1"]
    for figure in ("sent", "accepted", "delivered"):
        assert known["accounting"][figure] == sum(tally[figure] for tally in tallies.values())
    assert known["accounting"]["sent"] == known["accounting"]["delivered"] > 20
    assert all(tally["sent"] == tally["delivered"] > 5 for tally in tallies.values())
    assert sum(second["delivered"] for second in known["seconds"]) == known["accounting"]["delivered"]
    assert known["measured_s"] > 0
    assert known["rows"]["end to end"]["count"] > 0


@pytest.mark.slow
@pytest.mark.process
def test_two_processes_of_one_locust_account_for_all(started: Started) -> None:
    all_accounted_for(started.locust(*RUN, "--processes", "2"), started)


@pytest.mark.slow
@pytest.mark.process
def test_a_master_and_two_workers_account_for_all(started: Started) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    where = ("--master-host", "127.0.0.1", "--master-port", port)
    master = started.locust(*RUN, "--master", "--expect-workers", "2", "--master-bind-port", port)
    workers = [started.locust("--worker", *where) for _ in range(2)]
    all_accounted_for(master, started)
    for worker in workers:
        worker.communicate(timeout=PATIENCE_S)
        assert worker.returncode == 0
