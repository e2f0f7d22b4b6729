"""Requests are counted and logged, and nothing that they carry is."""

import logging

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from onebar_mockserver.access import Access, network_of, shown_path


async def answer(request: Request) -> Response:
    if request.method == "DELETE":
        raise RuntimeError("broken")
    return Response(status_code=403)


async def test_requests_are_noted(caplog: pytest.LogCaptureFixture) -> None:
    access = Access(Starlette(routes=[Route("/v1/codes", answer, methods=["GET", "DELETE"])]))
    transport = httpx.ASGITransport(access, raise_app_exceptions=False, client=("203.0.113.77", 5))
    caplog.set_level(logging.INFO, "onebar_mockserver")
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        await http.get("/v1/codes?phone=%2B4915112345678")
        await http.delete("/v1/codes")
        await http.get("/+4915112345678")
    assert access.requests == {"403": 1, "500": 1, "404": 1}
    noted = [vars(record) for record in caplog.records]
    assert [(one["method"], one["path"], one["status"], one["levelname"]) for one in noted] == [
        ("GET", "/v1/codes", 403, "INFO"),
        ("DELETE", "/v1/codes", 500, "WARNING"),
        ("GET", "/…", 404, "INFO"),
    ]
    assert {one["network"] for one in noted} == {"203.0.113.0/24"}
    assert "15112345678" not in str(noted)
    assert "203.0.113.77" not in str(noted)


def test_an_id_in_a_path_is_not_shown() -> None:
    assert shown_path("/v1/attachments/0123456789abcdef0123456789abcdef") == "/v1/attachments/…"
    assert shown_path("/v1/devices/replace/further/down") == "/v1/devices/replace"


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("", "unknown"),
    ],
)
def test_of_an_address_only_its_network_is_said(address: str, network: str) -> None:
    assert network_of(address) == network
