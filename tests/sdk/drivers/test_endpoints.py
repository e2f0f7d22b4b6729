"""The ways to one server: how they are written, and in which order they are tried."""

import pytest

from onebar.drivers.address import parse_address
from onebar.drivers.endpoints import ENDPOINTS_MAX, Endpoint, Endpoints, parse_endpoint
from onebar.errors import InputError


@pytest.mark.parametrize(
    ("text", "endpoint", "written"),
    [
        ("203.0.113.7", Endpoint("203.0.113.7", 443), "203.0.113.7:443"),
        ("Chat2.example.org:8440", Endpoint("chat2.example.org", 8440), "chat2.example.org:8440"),
        ("[2001:db8::7]:8440", Endpoint("2001:db8::7", 8440), "[2001:db8::7]:8440"),
    ],
)
def test_reads_a_way(text: str, endpoint: Endpoint, written: str) -> None:
    assert parse_endpoint(text, 443) == endpoint
    assert str(endpoint) == written


@pytest.mark.parametrize(
    "text", ["", "https://h", "h/path", "h?q", "u@h", "h:port", "h:99999", "[::1", "::1", "a b", "mün.example", None]
)
def test_refuses_what_is_no_way(text: str) -> None:
    with pytest.raises(InputError, match="host or host:port"):
        parse_endpoint(text, 443)


def test_the_last_good_one_is_first_and_the_one_on_trial_is_last() -> None:
    a, b, c = ways = [Endpoint(name, 443) for name in "abc"]
    endpoints = Endpoints([*ways, ways[1]])
    endpoints.tried(a)
    assert endpoints.in_order() == (b, c, a)  # a second dial beside it begins elsewhere
    endpoints.answered(a)
    endpoints.tried(c)
    assert endpoints.in_order() == (a, b, c)


def test_an_address_has_the_servers_own_way_in_front_and_takes_its_port_for_others() -> None:
    address = parse_address("https://chat.example.org:8440", endpoints=["203.0.113.7", "203.0.113.8:443"])
    assert [str(way) for way in address.endpoints.in_order()] == [
        "chat.example.org:8440",
        "203.0.113.7:8440",
        "203.0.113.8:443",
    ]
    assert (address.host, address.name) == ("chat.example.org:8440", "chat.example.org")


@pytest.mark.parametrize("endpoints", ["203.0.113.7", ["h"] * (ENDPOINTS_MAX + 1), ["http://h"]])
def test_an_address_refuses_other_lists(endpoints: list[str]) -> None:
    with pytest.raises(InputError, match="endpoint"):
        parse_address("https://chat.example.org", endpoints=endpoints)
