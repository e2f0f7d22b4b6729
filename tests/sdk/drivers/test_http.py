"""Registration against servers that answer anything."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from onebar.core.turn import Replace
from onebar.crypto.keys import PeerKeys
from onebar.drivers import http
from onebar.drivers.address import Address, parse_address
from onebar.errors import CaptivePortalError, OnebarError, RegistrationError, RemoteProtocolError, TransportError

PHONE = "+12025550101"
KEYS = PeerKeys(bytes(32), b"\xff" * 32, bytes(64))
REPLACE = Replace(7, 3, bytes(32), bytes(32), bytes(64), b"\xfb" * 64)


@dataclass
class Answering:
    """A server that gives its answers in order, the last one for ever; None hangs up without one."""

    answers: list[bytes | None]
    requests: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    address: Address = field(default_factory=lambda: parse_address("http://localhost"))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        self.hosts.append(head.split("host: ")[1].split("\r\n")[0])
        length = int(head.split("content-length: ")[1].split("\r\n")[0])
        self.requests.append((head.split()[1], json.loads(await reader.readexactly(length))))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            writer.transport.abort()
        else:
            writer.write(answer)
            writer.close()


def answer(status: int, body: object, kind: bytes = b"") -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return b"HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (status, kind, len(content)) + content


@asynccontextmanager
async def answering(*answers: bytes | None) -> AsyncIterator[Answering]:
    fake = Answering(list(answers))
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    fake.address = parse_address(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    async with server:
        yield fake


async def test_asks_for_a_code() -> None:
    async with answering(answer(202, {})) as server:
        await http.request_code(server.address, PHONE)
    assert server.requests == [("/v1/codes", {"phone": PHONE})]


async def test_registers() -> None:
    async with answering(answer(200, {"account": 7, "device": 3})) as server:
        assert await http.register_device(server.address, PHONE, "123456", KEYS) == (7, 3)
    path, body = server.requests[0]
    assert path == "/v1/devices"
    assert body["phone"] == PHONE
    assert body["code"] == "123456"
    assert body["box_key"] == "_" * 42 + "8"  # base64url, without padding


async def test_lost_answer_is_asked_for_again() -> None:
    async with answering(None, None, answer(200, {"account": 7, "device": 3})) as server:
        assert await http.register_device(server.address, PHONE, "123456", KEYS) == (7, 3)
    assert len(server.requests) == http.REGISTER_TRIES


async def test_gives_up_after_the_last_try() -> None:
    async with answering(None) as server:
        with pytest.raises(TransportError, match="no answer from the server"):
            await http.register_device(server.address, PHONE, "123456", KEYS)
    assert len(server.requests) == http.REGISTER_TRIES


async def test_a_refusal_is_not_tried_again() -> None:
    async with answering(answer(403, {"error": "wrong_code", "detail": "4 tries left"})) as server:
        with pytest.raises(RegistrationError, match="4 tries left") as caught:
            await http.register_device(server.address, PHONE, "123456", KEYS)
    assert caught.value.reason == "wrong_code"
    assert len(server.requests) == 1


async def test_replaces() -> None:
    async with answering(answer(200, {"device": 4})) as server:
        assert await http.replace_device(server.address, REPLACE) == 4
    path, body = server.requests[0]
    assert path == "/v1/devices/replace"
    assert (body["account"], body["device"]) == (7, 3)
    assert str(body["proof"]).startswith("-_v7-_v7")


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (answer(200, b"<html>Welcome to Hotel WiFi</html>"), RemoteProtocolError),
        (answer(200, {"device": 0}), RemoteProtocolError),
        (answer(200, {"device": "4"}), RemoteProtocolError),
        (answer(200, []), RemoteProtocolError),
        (answer(200, b"[" * 60_000), RemoteProtocolError),
        (answer(200, b" " * (http.ANSWER_BYTES_MAX + 1)), RemoteProtocolError),
        (answer(302, b""), CaptivePortalError),
        (answer(511, b""), CaptivePortalError),
        (answer(200, bytes(100_000), b"text/html"), CaptivePortalError),
        (answer(403, b"Forbidden", b"text/html; charset=utf-8"), CaptivePortalError),
        (answer(403, b"Forbidden"), RemoteProtocolError),
        (answer(404, {"detail": "no name"}), RemoteProtocolError),
        (answer(403, {"error": "bad_proof"}), RegistrationError),
        (answer(503, {"error": "unavailable", "detail": "later"}), TransportError),
        (answer(502, b"<html>"), TransportError),
        (b"SSH-2.0-OpenSSH\r\n", TransportError),
        (b"HTTP/1.1 200 X\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\njunk", RemoteProtocolError),
        (b"HTTP/1.1 200 X\r\nContent-Length: 99\r\n\r\n{}", TransportError),
    ],
)
async def test_answers_of_other_kinds(reply: bytes, kind: type[OnebarError]) -> None:
    async with answering(reply) as server:
        with pytest.raises(kind):
            await http.replace_device(server.address, REPLACE)


async def test_another_way_is_taken_when_one_leads_nowhere_and_is_the_first_from_then_on() -> None:
    async with answering(None) as gone:
        pass
    async with answering(answer(202, {})) as server:
        way = server.address.host
        address = parse_address(gone.address.http_url, endpoints=[way])
        await http.request_code(address, PHONE)
        assert str(address.endpoints.in_order()[0]) == way
    assert server.requests == [("/v1/codes", {"phone": PHONE})]
    assert server.hosts == [gone.address.host], "the server's name stays"


async def test_nobody_there() -> None:
    async with answering(None) as server:
        pass
    with pytest.raises(TransportError, match=r"http://127\.0\.0\.1"):
        await http.request_code(server.address, PHONE)


async def test_an_answer_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "REQUEST_TIMEOUT_S", 0.1)
    gone = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 X\r\nContent-Length: 99\r\n\r\n{")
        await reader.read(4096)
        await reader.read()  # until the client gives up
        writer.close()
        gone.set()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(TransportError, match="did not answer"):
            await http.request_code(parse_address(f"http://127.0.0.1:{port}"), PHONE)
        async with asyncio.timeout(5):
            await gone.wait()


async def test_a_proxy_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # the discard port: nobody there
    async with answering(answer(202, {})) as server:
        await http.request_code(server.address, PHONE)
