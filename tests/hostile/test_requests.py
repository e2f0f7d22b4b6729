"""Registration over HTTP: bad JSON, huge bodies, wrong types, nested JSON (docs/protocol.md §2)."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from onebar_mockserver import MockServer, registration
from tests.hostile.conftest import Pair
from tests.hostile.sockets import BLOCK, bare, without_traces
from tests.mockserver.rawclient import PATIENCE_S, Keys, Phone, base64url

PATHS = ("/v1/codes", "/v1/devices", "/v1/devices/replace")
PHONE = "+4915112345670"
KEYS = Keys().body()
DEVICE = {"phone": PHONE, "code": "123456", **KEYS}
REPLACE = {"account": 1, "device": 1, "proof": base64url(bytes(64)), **KEYS}

BROKEN = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"text"',
    b"\xff\xfe\x00",
    b'{"phone": "' + b"\xff" * 9 + b'"}',
    b'{"phone": "\\ud800", "code": "1"}',
    b"[" * 4000,
    b'{"a":' * 800,
    b'{"phone": ' + b"9" * 4000 + b"}",
    b'{"phone": 1e999}',
    random.Random(2).randbytes(1000),
]

ODD: list[Any] = [None, True, 0, -1, 2**63, 2**64, 1.5, "", "x" * 3000, "\x00", "\ud7ff", "+" * 50, [], {}, [[]]]


@pytest.fixture
async def http(server: MockServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=PATIENCE_S) as client:
        yield client


def check(answer: httpx.Response) -> None:
    assert answer.status_code in (400, 403, 404, 413), answer.text
    assert set(answer.json()) == {"error", "detail"}
    assert without_traces(answer.content)
    assert len(answer.content) < 500


@pytest.mark.parametrize("path", PATHS)
async def test_what_is_no_body_is_a_bad_request(http: httpx.AsyncClient, pair: Pair, path: str) -> None:
    for body in BROKEN:
        check(await http.post(path, content=body))


@pytest.mark.parametrize(("path", "whole"), [(PATHS[0], {"phone": PHONE}), (PATHS[1], DEVICE), (PATHS[2], REPLACE)])
async def test_wrong_values_are_refused(http: httpx.AsyncClient, pair: Pair, path: str, whole: dict[str, Any]) -> None:
    for name in whole:
        for odd in ODD:
            check(await http.post(path, json=whole | {name: odd}))
        check(await http.post(path, json={key: whole[key] for key in whole if key != name}))


@pytest.mark.parametrize("path", PATHS)
async def test_a_huge_body_is_too_large_however_it_comes(server: MockServer, pair: Pair, path: str) -> None:
    head = b"POST " + path.encode() + b" HTTP/1.1\r\nHost: localhost\r\n"
    async with bare(server.port) as peer:
        await peer.pour(head + b"Content-Length: 100000000000\r\n\r\n")
        await peer.pour(BLOCK, 4)
        assert b" 413 " in await peer.line()
    async with bare(server.port) as peer:
        await peer.pour(head + b"Transfer-Encoding: chunked\r\n\r\n")
        await peer.pour(b"10000\r\n" + BLOCK + b"\r\n", 4)
        assert b" 413 " in await peer.line()


async def test_a_body_that_never_ends_is_given_up(
    server: MockServer, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registration, "BODY_S", 0.2)
    async with bare(server.port) as peer:
        await peer.pour(b"POST /v1/codes HTTP/1.1\r\nHost: localhost\r\nContent-Length: 30\r\n\r\n{")
        assert b" 400 " in await peer.line()


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: -1\r\n",
        b"Content-Length: x\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Transfer-Encoding: nonsense\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"Expect: nonsense\r\nContent-Length: 1\r\n",
    ],
)
async def test_a_head_that_contradicts_itself(
    server: MockServer, pair: Pair, head: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registration, "BODY_S", 0.2)
    async with bare(server.port) as peer:
        await peer.pour(b"POST /v1/codes HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n")
        answer = await peer.line()
    assert answer[9:10] in (b"4", b"5", b"")
    assert without_traces(answer)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/codes"), ("PUT", "/v1/link"), ("GET", "/v1/link"), ("GET", "/%00/../x")]
)
async def test_other_paths_and_methods(http: httpx.AsyncClient, pair: Pair, method: str, path: str) -> None:
    answer = await http.request(method, path)
    assert answer.status_code in (400, 404, 405, 426)
    assert without_traces(answer.content)


async def test_nobody_replaces_anothers_device(http: httpx.AsyncClient, pair: Pair, enemy: Phone) -> None:
    proof = base64url(enemy.keys.signing.sign(b"onebar replace 1\0" + bytes(80)).signature)
    body = {"account": pair.bob.account, "device": pair.bob.device, "proof": proof, **Keys().body()}
    answer = await http.post("/v1/devices/replace", json=body)
    assert (answer.status_code, answer.json()["error"]) == (403, "bad_proof")


async def test_a_flood_of_requests_does_not_stop_the_links(http: httpx.AsyncClient, pair: Pair) -> None:
    flood = asyncio.gather(*(http.post("/v1/codes", content=b"{") for _ in range(50)))
    await pair.talk()
    assert {answer.status_code for answer in await flood} == {400}
