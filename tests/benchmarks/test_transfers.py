from benchmarks.transfers import NETWORKS, p95

from onebar.testing import PROFILES


def test_one_of_twenty_takes_longer() -> None:
    assert p95([float(number) for number in range(100)]) == 94.0
    assert p95([1.0]) == 1.0


def test_the_networks_are_known() -> None:
    assert set(NETWORKS) <= PROFILES.keys()
