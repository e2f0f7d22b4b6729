import pytest

from onebar_loadtest.shapes import SHAPES, shape


def test_a_shape_without_a_curve_has_all_users_all_the_time() -> None:
    assert [shape("steady").users_at(share) for share in (0.0, 0.5, 1.0)] == [1.0, 1.0, 1.0]


def test_a_ramp_goes_up_in_steps_that_last() -> None:
    ramp = shape("ramp")
    assert ramp.users_at(0.0) == 0.0
    assert [round(ramp.users_at(share), 3) for share in (0.05, 0.09, 0.15, 0.95, 1.0)] == [0.1, 0.1, 0.2, 1.0, 1.0]


def test_a_swell_has_all_phones_and_ever_more_of_the_crowd() -> None:
    swell = shape("swell")
    assert [swell.users_at(share) for share in (0.0, 0.5)] == [1.0, 1.0]
    assert [round(swell.crowd_at(share), 3) for share in (0.0, 0.05, 0.95)] == [0.0, 0.1, 1.0]
    assert shape("steady").crowd_at(0.0) == 1.0


def test_a_rush_hour_comes_and_goes() -> None:
    commute = shape("commute")
    assert commute.users_at(0.15) == pytest.approx(0.5)
    assert commute.users_at(0.5) == 1.0
    assert commute.users_at(0.95) == pytest.approx(0.4)


@pytest.mark.parametrize("name", SHAPES)
def test_faults_are_inside_the_run(name: str) -> None:
    for fault in shape(name).faults:
        assert 0 < fault.at < fault.at + fault.lasts + 0.01 < 1
        assert 0 < fault.share <= 1


def test_an_unknown_shape_lists_those_there_are() -> None:
    with pytest.raises(ValueError, match="no shape 'square'; there are: steady, commute"):
        shape("square")
