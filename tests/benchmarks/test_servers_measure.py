import os
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.measured_server import MeasuredServer
from benchmarks.servers.chart import draw
from benchmarks.servers.measure import LOADS, Cost, Row, cost_of, measure_idle, measure_texts
from benchmarks.servers.pairs import Sample
from benchmarks.servers.profile import shares
from benchmarks.servers.syncs import counted
from benchmarks.servers.tables import markdown
from benchmarks.servers.with_onebar import FACTS, OnebarPeer

SUMMARY = """% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ------------------
 98.10    0.023410          58       401           fdatasync
  1.90    0.000453         226         2         1 fsync
------ ----------- ----------- --------- --------- ------------------
100.00    0.023863          59       403         1 total
"""

PROFILE = """
_worker (concurrent/futures/thread.py:81);PyThread_acquire_lock_timed (libpython3.11.so);0x7f (libc.so.6) 500
Runner.run (asyncio/runners.py:118);epoll_pwait (libc.so.6) 70
SqliteEngine._commit (onebar_mockserver/sqlite/engine.py:211);fdatasync (libc.so.6) 30
end_with_standard_input (benchmarks/server_process.py:74);read (libc.so.6) 500
Runner.run (asyncio/runners.py:118);_pass_on (/x/mockserver/onebar_mockserver/router.py:289) 50
Runner.run (asyncio/runners.py:118);uv__read (stream.c:1154);read (libc.so.6) 20
append (onebar_mockserver/sqlite/batch.py:150);_execute (cursor.c:9);sqlite3VdbeExec (libsqlite3.so.0.8.6) 30
""".strip()


def cost(us: float, generator_busy: float = 0.1) -> Cost:
    return Cost(us, 1000.0, 1.0, 9.0, 0.8, 0.9, generator_busy, 500.0)


def test_what_was_spent_is_divided_by_what_went_all_the_way() -> None:
    found = cost_of(Sample([0.001] * 98 + [0.5] * 2, [0.002] * 100, 2.0, 0.25), 1.0, 5000)
    assert (found.us, found.per_s, found.server_busy, found.generator_busy) == (10_000.0, 50.0, 0.5, 0.25)
    assert (found.p50_ms, found.p99_ms, found.acked_p50_ms, found.disk_bytes) == (1.0, 500.0, 2.0, 50.0)


def test_a_generator_that_works_as_much_as_the_server_marks_a_closed_loop_only() -> None:
    row = Row("peer", None, {name: [cost(10, 1.0)] for name in LOADS})
    assert [row.limited(name) for name in LOADS] == [True, True, False]
    assert not Row("peer", None, {"window 1": [cost(10)]}).limited("window 1")


def test_the_middle_round_counts() -> None:
    assert Row("peer", None, {"window 1": [cost(30), cost(10), cost(11)]}).value("window 1", "us") == 11


def test_the_cpu_and_memory_of_children_count() -> None:
    child = "print(sum(range(10**6)), flush=True); input()"
    spin = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with subprocess.Popen([sys.executable, "-c", spin], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        server = MeasuredServer(0, process.pid)
        alone = Path(f"/proc/{process.pid}/statm").read_text().split()[1]
        assert len(server.processes()) == 2
        assert server.cpu_s() > 0
        assert server.written_bytes() >= 0
        assert server.resident_bytes() > int(alone) * os.sysconf("SC_PAGE_SIZE")
        process.stdin.close()


def test_syncs_of_every_kind_are_counted() -> None:
    assert counted(SUMMARY) == 403
    assert counted("") == 0


def test_a_profile_is_of_threads_that_ran_by_innermost_python_module() -> None:
    found = {share.where: (share.own, share.native) for share in shares(PROFILE)}
    assert found == {
        "onebar_mockserver/router.py": (0.5, {}),
        "asyncio/runners.py": (0.2, {"kernel and libc": 0.2}),
        "onebar_mockserver/sqlite/batch.py": (0.3, {"SQLite": 0.3}),
    }


def test_the_tables_have_every_server_and_what_was_left_out() -> None:
    rows = [
        Row("floor", None, {name: [cost(5, 1.0)] for name in LOADS}),
        Row("onebar", FACTS, {name: [cost(60)] for name in LOADS}, 50.0, 12.0, 35_000.0, 10_000, 9.2, 500.0, 2.0),
    ]
    text = markdown(rows, ["prosody (apt-get install prosody)"], shares(PROFILE), 60.0)
    assert "| floor | ≤ 5 | ≤ 5 | 5 |" in text
    assert "| onebar | 50 | 12 | 35000 | 9.200 | 10000 | 500 | 500 |" in text
    assert "Left out: prosody (apt-get install prosody)." in text
    assert "| onebar_mockserver/router.py | 50.0% | 30.0 |" in text


def test_the_chart_is_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="only `make bench-server` needs it")
    draw([Row("onebar", FACTS, {name: [cost(60), cost(70)] for name in LOADS}, syncs=2.0)], tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.timeout(120)
def test_a_tiny_round_measures_everything_of_onebars_server(tmp_path: Path) -> None:
    peer, row = OnebarPeer(), Row("onebar", FACTS)
    for name in ("texts", "idle"):
        (tmp_path / name).mkdir()
    measure_texts(peer, row, tmp_path / "texts", 1, 0.2, pin=False)
    measure_idle(peer, row, tmp_path / "idle", 20, pin=False)
    assert min(row.value(name, "us") for name in LOADS) > 0
    assert row.store_us is not None
    assert row.store_us > 0
    assert row.drain_per_s is not None
    assert row.drain_per_s > 0
    assert row.login_us is not None
    assert row.login_us > 0
