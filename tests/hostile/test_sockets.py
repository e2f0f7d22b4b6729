"""Heads of requests: too long, too many, unfinished, silent, slow, or no HTTP at all (DESIGN §2, RULES R19)."""

import asyncio
import random
import resource

import pytest

from onebar_mockserver import MockServer, link_protocol, request_head
from tests.hostile.conftest import Pair
from tests.hostile.sockets import BLOCK, UPGRADE, bare, without_traces
from tests.mockserver.rawclient import PATIENCE_S

MB_30 = 30 * 1024 * 1024
TAKEN_BYTES_MAX = 12 * 1024 * 1024
"""What the kernel's buffers of both ends may swallow of a head that the server does not read."""

GROWTH_KB_MAX = 20 * 1024


def peak_kb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.parametrize(
    "head",
    [
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: ",
        UPGRADE + b"Onebar-Flight: ",
        b"GET /",
        b"",
        b"POST /v1/codes HTTP/1.1\r\nHost: ",
    ],
    ids=["header", "flight", "path", "noise", "host"],
)
async def test_a_head_of_30_mb_is_cut_short(server: MockServer, pair: Pair, head: bytes) -> None:
    before_kb = peak_kb()
    async with bare(server.port) as peer:
        await peer.pour(head)
        sent = await peer.pour(BLOCK, MB_30 // len(BLOCK))
        answer = await peer.rest()
    assert sent < TAKEN_BYTES_MAX
    assert answer[:13] in (b"HTTP/1.1 400 ", b"HTTP/1.1 431 ", b"")
    assert without_traces(answer)
    assert peak_kb() - before_kb < GROWTH_KB_MAX


@pytest.mark.parametrize(
    ("start", "status"), [(UPGRADE, b" 431 "), (b"GET /healthz HTTP/1.1\r\nHost: x\r\n", b" 200 ")]
)
async def test_200_headers(server: MockServer, pair: Pair, start: bytes, status: bytes) -> None:
    async with bare(server.port) as peer:
        await peer.pour(start + b"".join(b"X-%d: %d\r\n" % (number, number) for number in range(200)) + b"\r\n")
        assert status in await peer.line()


@pytest.mark.parametrize("part", [b"", b"GET", b"GET /v1/link HTTP/1.1\r\nHost:", UPGRADE], ids=len)
async def test_a_silent_connection_and_half_a_request_are_cut(
    server: MockServer, pair: Pair, monkeypatch: pytest.MonkeyPatch, part: bytes
) -> None:
    monkeypatch.setattr(request_head, "HEAD_S", 0.1)
    async with bare(server.port) as peer:
        await peer.pour(part)
        assert await peer.rest() == b""


async def test_a_slow_drip_is_cut_although_it_never_stops(
    server: MockServer, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_head, "HEAD_S", 0.3)
    async with bare(server.port) as peer, asyncio.timeout(PATIENCE_S):
        for byte in UPGRADE * 1000:
            await peer.pour(bytes([byte]))
            try:
                async with asyncio.timeout(0.01):  # the pace of the drip
                    end = await peer.reader.read(1)
            except TimeoutError:
                continue
            except ConnectionError:
                break
            assert end == b""
            break
        else:
            raise AssertionError("it was never cut")


async def test_an_upgrade_that_stays_silent_is_refused(
    server: MockServer, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_protocol, "FLIGHT_S", 0.1)
    monkeypatch.setattr(link_protocol, "CLOSE_S", 0.1)
    async with bare(server.port) as peer:
        await peer.pour(UPGRADE + b"\r\n")
        answer = await peer.rest()
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert b"malformed" in answer


async def test_a_drip_of_a_websocket_frame_holds_nobody_up(server: MockServer, pair: Pair) -> None:
    async with bare(server.port) as peer:
        await peer.pour(UPGRADE + b"\r\n")
        assert b" 101 " in await peer.line()
        await peer.pour(b"\x82\xff" + (200_000).to_bytes(8, "big") + b"mask" + b"half")
        await pair.talk()


@pytest.mark.parametrize("seed", range(8))
async def test_noise_is_answered_or_cut(
    server: MockServer, pair: Pair, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_head, "HEAD_S", 0.2)
    noise = random.Random(seed).randbytes(5000)
    if seed % 2:
        noise = noise.replace(b"\n", b"").replace(b"\r", b"") + b"\r\n\r\n"
    async with bare(server.port) as peer:
        await peer.pour(noise)
        answer = await peer.rest()
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
    assert without_traces(answer)


@pytest.mark.parametrize(
    "after",
    [
        b"\x83\x80mask",  # a reserved opcode
        b"\xf2\x80mask",  # reserved bits
        b"\x02\x01a",  # not masked
        b"\x80\x80mask",  # a continuation of nothing
        b"\x89\xfe\x01\x00mask" + bytes(256),  # a ping that is too long
        b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xffmask",  # 2^64 bytes
        b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xffmask",  # 2^63 bytes
        b"\x81\x82mask\x00\x00",  # text
        b"\x88\x81mask\x00",  # a close with half a code
        random.Random(1).randbytes(300),
    ],
    ids=lambda after: after[:3].hex(),
)
async def test_what_is_no_websocket_frame_costs_the_link(
    server: MockServer, pair: Pair, after: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_protocol, "CLOSE_S", 0.1)
    async with bare(server.port) as peer:
        await peer.pour(UPGRADE + b"\r\n")
        assert b" 101 " in await peer.line()
        await peer.pour(after)
        answer = await peer.rest()
    assert without_traces(answer)
    assert b"\x88" in answer


async def test_many_idle_connections_do_not_keep_the_others_out(server: MockServer, pair: Pair) -> None:
    silent = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(200)]
    await pair.talk()
    for _, writer in silent:
        writer.transport.abort()
