"""What Locust's events do, with an environment that only pretends; the real one is `make loadtest`."""

import argparse
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from onebar_loadtest import hooks, options, rows
from onebar_loadtest.accounting import Tally
from onebar_loadtest.hooks import Onebar
from onebar_loadtest.rows import Histogram


class PretendedRunner:
    def __init__(self) -> None:
        self.onebar: Any = None

    def stop(self) -> None:
        self.onebar.stopping()
        self.onebar.stop()


def environment(tmp_path: Path, *line: str) -> Any:
    parser = argparse.ArgumentParser()
    parser.add_argument("--run-time", type=int)
    parser.add_argument("--num_users", type=int)
    options.add(parser)
    told: list[Any] = []
    return SimpleNamespace(
        parsed_options=parser.parse_args([*line, "--report", str(tmp_path)]),
        runner=PretendedRunner(),
        host="http://127.0.0.1:1",
        user_classes=[],
        shape_class=None,
        process_exit_code=None,
        stats=SimpleNamespace(entries={}),
        events=SimpleNamespace(request=SimpleNamespace(fire=lambda **request: told.append(request))),
        told=told,
    )


def test_a_run_begins_and_is_judged_and_sets_the_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = environment(tmp_path, "--run-time", "60", "--no-kem", "--settle", "0.1")
    onebar = made.runner.onebar = Onebar(made)
    onebar.start()
    onebar.spawned()
    assert onebar.process is not None
    onebar.process.bridge.call(lambda: onebar.process.fleet.onlooker.opened(0.5, first=True))  # type: ignore[union-attr]
    assert onebar.judge is not None
    assert onebar.judge.run is not None
    onebar.judge.run.record.tallies["elsewhere"] = Tally(sent=2, delivered=1, lost=1)
    onebar.quit()
    assert made.process_exit_code == 1
    assert made.told[0] | {"context": 0} == {
        "request_type": "phone",
        "name": rows.CONNECT,
        "response_time": 500.0,
        "response_length": 0,
        "exception": None,
        "context": 0,
    }
    onebar.last_words()
    assert capsys.readouterr().out.splitlines()[-1].startswith("loadtest: phones=0 sent=2 delivered=1 lost=1 ")
    assert (tmp_path / "loadtest.html").exists()


def test_a_shape_with_a_curve_tells_locust_how_many_users_there_are(tmp_path: Path) -> None:
    made = environment(tmp_path, "--run-time", "100", "--num_users", "50", "--shape", "ramp", "--rogues", "2 deaf")
    Onebar(made)
    curve = made.shape_class
    curve.start_time -= 55
    assert curve.tick() == (30, hooks.SPAWN_RATE)
    curve.start_time -= 60
    assert curve.tick() is None
    assert [kind.__name__ for kind in made.user_classes] == ["DeafUser"]


def test_locusts_percentiles_are_held_against_our_own() -> None:
    ours = Histogram()
    for number in range(100):
        ours.add(0.1 + number / 1000)
    key = (rows.END_TO_END, "phone")

    def stats(factor: float) -> Any:
        entry = SimpleNamespace(
            get_response_time_percentile=lambda share: ours.percentile_s(share * 100) * 1000 * factor
        )
        return SimpleNamespace(entries={key: entry})

    assert hooks._agreement(stats(1.02), ours)["agrees"]
    wrong = hooks._agreement(stats(1.5), ours)
    assert not wrong["agrees"]
    assert 45 < wrong["differs_by_pct"] <= 50
    assert hooks._agreement(SimpleNamespace(entries={}), ours) == {}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (("--workload", "replay", "--log", "nowhere.csv"), "nowhere.csv"),
        (("--weather", "dancing"), "dancing"),
        (("--thresholds", "nowhere.toml"), "nowhere.toml"),
    ],
)
def test_what_cannot_be_run_is_told_in_one_line(tmp_path: Path, line: tuple[str, ...], says: str) -> None:
    with pytest.raises(SystemExit, match=f"loadtest: .*{says}"):
        hooks._init(environment(tmp_path, *line))
