import pytest

from onebar_loadtest.replay import LogError
from onebar_loadtest.settings import Settings
from onebar_loadtest.workloads import WORKLOADS


def test_the_defaults_are_valid_and_dice_depend_on_seed_and_name() -> None:
    Settings().check()
    first = Settings(seed=1).dice("weather 3").random()
    assert first == Settings(seed=1).dice("weather 3").random()
    assert len({first, Settings(seed=2).dice("weather 3").random(), Settings(seed=1).dice("weather 4").random()}) == 3


def test_workloads_can_be_mixed() -> None:
    mix = Settings(workload="50% burst, 50% lurkers").workloads()
    assert {mix.of(no) for no in range(4)} == {WORKLOADS["burst"], WORKLOADS["lurkers"]}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (Settings(workload="dancing"), "no workload 'dancing'"),
        (Settings(weather="dancing"), "no network profile 'dancing'"),
        (Settings(readers=2.0), "readers is 2.0, must be from 0 to 1"),
        (Settings(every_s=0), "every_s is 0"),
        (Settings(shape="dancing"), "no shape 'dancing'"),
        (Settings(crowd=-1), "crowd is -1"),
        (Settings(crowd=10, shape="storm"), "not with 'storm'"),
        (Settings(crowd=10, shape="ramp"), "not with 'ramp'"),
        (Settings(shape="swell"), "'swell' is about a crowd"),
    ],
)
def test_a_wrong_setting_says_which(wrong: Settings, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        wrong.check()


def test_a_missing_log_is_told_before_the_run() -> None:
    with pytest.raises(LogError, match="nowhere"):
        Settings(workload="replay", log="nowhere.csv").check()
