"""Each network's patience with idle links is learned step by step, remembered, and tried anew after a day."""

from hypothesis import given
from hypothesis import strategies as st

from onebar.core.keepalive import NETWORKS_MAX, RETRY_MS, STEPS_S, Network, Networks

NOW_MS = 1_790_000_000_000


def steps(network: Network, limit_s: float, now_ms: int = NOW_MS) -> tuple[list[float], Network]:
    """Live on a network that forgets links after `limit_s`: return what was tried, until it stays the same."""
    tried: list[float] = []
    while not tried or len(tried) < 2 or tried[-1] != tried[-2]:
        idle_s = network.interval_s(30, 900, now_ms)
        tried.append(idle_s)
        network = network.survived(idle_s) if idle_s < limit_s else network.forgot(idle_s, now_ms)
    return tried, network


def test_a_patient_network_is_asked_less_and_less() -> None:
    assert steps(Network(), 1e9)[0] == [*STEPS_S, 900]


def test_a_forgetful_network_is_asked_as_often_as_it_needs_and_once_a_day_for_more() -> None:
    tried, network = steps(Network(), 150)
    assert tried == [30, 60, 120, 240, 120, 120]
    assert network.interval_s(30, 900, NOW_MS + RETRY_MS - 1) == 120
    assert network.interval_s(30, 900, NOW_MS + RETRY_MS) == 240
    assert steps(network, 150, NOW_MS + RETRY_MS)[0] == [240, 120, 120]


def test_a_network_that_became_more_forgetful_is_asked_more_often() -> None:
    _, network = steps(Network(), 1e9)
    network = network.forgot(900, NOW_MS)
    assert network.interval_s(30, 900, NOW_MS) == 30, "nothing shorter was proven since"


@given(st.floats(1, 2_000), st.floats(1, 100), st.floats(100, 1_000))
def test_the_interval_stays_within_its_bounds(limit_s: float, first_s: float, last_s: float) -> None:
    network = Network()
    for turn in range(20):
        idle_s = network.interval_s(first_s, last_s, NOW_MS + turn)
        assert first_s <= idle_s <= last_s
        network = network.survived(idle_s) if idle_s < limit_s else network.forgot(idle_s, NOW_MS + turn)


def test_networks_are_remembered_by_hashes_of_their_names() -> None:
    networks = Networks(b"")
    encoded = networks.changed("wifi:home", Network(120.0, 240.0, NOW_MS))
    assert b"home" not in encoded
    assert Networks(encoded)["wifi:home"] == Network(120.0, 240.0, NOW_MS)
    assert Networks(encoded)["wifi:work"] == Network()


def test_the_networks_used_last_are_kept() -> None:
    networks, encoded = Networks(b""), b""
    for number in range(NETWORKS_MAX + 2):
        networks.changed("first", Network(60.0))
        encoded = networks.changed(str(number), Network(30.0))
    assert Networks(encoded)["first"] == Network(60.0)
    assert Networks(encoded)["1"] == Network()
    assert Networks(encoded)[str(NETWORKS_MAX + 1)] == Network(30.0)
