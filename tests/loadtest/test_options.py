import argparse

from onebar_loadtest import options
from onebar_loadtest.settings import Settings


def parsed(*line: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--run-time", type=int)
    options.add(parser)
    return parser.parse_args(line)


def test_without_options_the_settings_are_the_defaults() -> None:
    assert options.settings(parsed()) == Settings(run_s=options.RUN_S)


def test_each_setting_has_its_option() -> None:
    line = (
        "--weather edge --workload burst --every 2 --readers 0.5 --photos 0.25 --proxied 0 --shape storm"
        " --crowd 4 --settle 5 --speed 7 --log a.csv --no-kem --code 123456 --seed 9 --run-time 30"
    )
    chosen = options.settings(parsed(*line.split()))
    assert chosen == Settings(
        "edge", "burst", 2.0, 0.5, 0.25, 0.0, "storm", 30.0, 4.0, 5.0, 7.0, "a.csv", kem=False, code="123456", seed=9
    )
    assert options.shown(chosen)["weather"] == "edge"


def test_a_worker_goes_by_the_time_that_its_master_tells() -> None:
    told = parsed("--run-time", "30")
    told.run_s = 90.0
    assert options.settings(told).run_s == 90.0
