import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from onebar import Client
from onebar.core.rates import Rate
from onebar.errors import RateLimitedError, RegistrationError
from onebar.events import RateLimited
from onebar_mockserver import MockServer, connections
from onebar_mockserver.buckets import Buckets
from onebar_mockserver.connections import Connections, owner_of
from onebar_mockserver.limits import ServerLimits
from tests.mockserver.rawclient import PATIENCE_S, Keys, post, register

PHONE = "+4915112345678"


class From(asyncio.BaseTransport):
    def __init__(self, host: str) -> None:
        super().__init__({"peername": (host, 1)})


@pytest.mark.parametrize(
    ("host", "owner"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("127.0.0.1", None),
        ("127.9.9.9", None),
        ("::ffff:127.0.0.1", None),
        ("::1", None),
        ("", None),
    ],
)
def test_for_whom_a_connection_counts(host: str, owner: str | None) -> None:
    assert owner_of(host) == owner


def test_connections_of_an_address_are_few_and_not_too_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "CONNECTIONS_OPEN_MAX", 2)
    buckets = Buckets({"connections": Rate(3, 10.0)})
    among = Connections(buckets, lambda: 1000.0)
    one, two, three, four = (From("192.0.2.1") for _ in range(4))
    assert among.enter(one) is among.enter(two) is None
    refused = among.enter(three)
    assert refused is not None
    assert refused.limit == "connections_open_max"
    among.leave(three)
    among.leave(one)
    assert among.enter(three) is None
    among.leave(two)
    refused = among.enter(four)
    assert refused is not None
    assert refused.facts == {"limit": "connections", "retry_after_s": 10}
    assert among.enter(From("192.0.2.2")) is None
    assert all(among.enter(From("127.0.0.1")) is None for _ in range(9))
    among.leave(three)
    assert among._open.keys() == {"192.0.2.2"}
    assert buckets.refused == {"connections": 1, "connections_open_max": 1}


@pytest.fixture
def not_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this machine count as any other."""
    for module in ("onebar_mockserver.connections", "onebar_mockserver.registration"):
        monkeypatch.setattr(f"{module}.owner_of", lambda host: host)


def limited(**rates: Rate) -> MockServer:
    return MockServer(limits=ServerLimits(rates=rates))


async def test_http_says_which_limit_and_when_to_come_back(not_loopback: None, tmp_path: Path) -> None:
    async with limited(code_addresses=Rate(2, 90.0), registrations=Rate(1, 40.0)) as server:
        for number in (1, 2):
            assert (await post(server.url, "/v1/codes", {"phone": f"+491511234567{number}"})).status_code == 202
        answer = await post(server.url, "/v1/codes", {"phone": PHONE})
        told: dict[str, Any] = answer.json()
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, str(told["retry_after_s"]))
        assert (told["error"], told["limit"]) == ("rate_limited", "code_addresses")
        assert 90 - PATIENCE_S < told["retry_after_s"] <= 90
        body = {"phone": PHONE, "code": "000000", **Keys().body()}
        assert (await post(server.url, "/v1/devices", body)).json()["error"] == "code_expired"
        assert (await post(server.url, "/v1/devices", body)).json()["limit"] == "registrations"
        async with Client.open(tmp_path / "a.db", server=server.url) as alice:
            with pytest.raises(RegistrationError, match="code_addresses is used up; try again in") as caught:
                await alice.register(PHONE, code=lambda: "123456")
        assert isinstance(caught.value, RateLimitedError)
        assert caught.value.limit == "code_addresses"
        assert 90 - 2 * PATIENCE_S < caught.value.retry_after_s <= 90


async def test_registering_again_and_again_does_not_send_any_number_of_codes() -> None:
    async with limited(code_numbers=Rate(2, 3600.0)) as server:
        for _ in range(2):
            await register(server, PHONE)
        answer = await post(server.url, "/v1/codes", {"phone": PHONE})
        assert (answer.status_code, answer.json()["limit"]) == (429, "code_numbers")
        assert server.refused == {"code_numbers": 1}
        await register(server, "+4915112345679")


async def test_a_connection_too_many_is_told_so_and_the_sdk_waits(not_loopback: None, tmp_path: Path) -> None:
    async with limited(connections=Rate(3, 3600.0)) as server:
        async with Client.open(tmp_path / "a.db", server=server.url) as alice:
            async with httpx.AsyncClient(trust_env=False) as http:
                await http.post(server.url + "/v1/codes", json={"phone": PHONE})
            await alice.register(PHONE, code=server.sms(PHONE))
            server.drop_links()
            async with asyncio.timeout(PATIENCE_S):
                told = await first_limit(alice)
            assert told.limit == "connections"
            assert "connections is used up" in alice.link.reason
            assert alice.link.next_try_ms is not None
            assert alice.link.next_try_ms >= told.until_ms - 1
        assert (await post_or_cut(server.url)) in (429, 0)
        assert server.refused["connections"] >= 1


async def first_limit(client: Client) -> RateLimited:
    async for event in client.events():
        if isinstance(event, RateLimited):
            return event
    raise AssertionError("the client was closed")


async def post_or_cut(url: str) -> int:
    try:
        return (await post(url, "/v1/codes", {"phone": PHONE})).status_code
    except httpx.HTTPError:
        return 0
