"""TLS by name over loopback: what is trusted, what is refused and in which words, and resumption."""

import asyncio
import logging
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import trustme

from onebar import Client, Tls, TransportError
from onebar.core.turn import LinkInput, LinkLost
from onebar.drivers import http
from onebar.drivers.address import Address, parse_address
from onebar.drivers.tls import ResumingContext, pin_of
from onebar.drivers.websocket import WebSocketLink
from onebar_mockserver import MockServer
from tests.sdk.clients import ALICE, BOB, HASTY, PATIENCE_S, texts
from tests.sdk.drivers.authority import DAY, NAME, WRONG_PIN, Authority, der_of


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, trustme.CA())


@pytest.fixture(autouse=True)
async def by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this test's loop find every name of `example` on this machine, and no proxy."""
    loop = asyncio.get_running_loop()
    real = loop.getaddrinfo

    async def getaddrinfo(host: str | bytes | None, port: int, **options: int) -> object:
        name = host.decode() if isinstance(host, bytes) else host
        return await real("127.0.0.1" if name and name.endswith(".example") else host, port, **options)

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
    for scheme in ("http", "https", "all", "ws", "wss"):
        monkeypatch.delenv(f"{scheme}_proxy", raising=False)
        monkeypatch.delenv(f"{scheme}_proxy".upper(), raising=False)


def url_of(server: MockServer, name: str = NAME) -> str:
    return f"https://{name}:{server.port}"


async def reason_of_the_link(address: Address) -> str:
    """Dial without a device: the server refuses it after the handshake, if it comes to that."""
    said: asyncio.Queue[LinkInput] = asyncio.Queue()
    link = WebSocketLink(1, address, b"no flight", said.put)
    async with asyncio.timeout(PATIENCE_S):
        await link.task
        while not isinstance(item := await said.get(), LinkLost):
            pass
    return item.why


async def reasons(address: Address) -> tuple[str, str]:
    with pytest.raises(TransportError) as refused:
        await http.request_code(address, ALICE)
    return str(refused.value), await reason_of_the_link(address)


@asynccontextmanager
async def registered(path: Path, phone: str, server: MockServer, tls: Tls) -> AsyncIterator[Client]:
    async with Client.open(path, server=url_of(server), config=HASTY, tls=tls) as client:
        await client.register(phone, code=lambda: server.sms(phone))
        yield client


@asynccontextmanager
async def pair(folder: Path, server: MockServer, tls: Tls) -> AsyncIterator[tuple[Client, Client]]:
    async with (
        registered(folder / "alice.db", ALICE, server, tls) as alice,
        registered(folder / "bob.db", BOB, server, tls) as bob,
    ):
        yield alice, bob


async def test_messages_both_ways_by_name(authority: Authority, tmp_path: Path) -> None:
    file = authority.issue(NAME)
    tls = Tls(ca_file=authority.file)
    async with MockServer(tls=(file, file)) as server, pair(tmp_path, server, tls) as (alice, bob):
        await (await alice.chat(BOB).send("hello")).delivered(PATIENCE_S)
        await (await bob.chat(ALICE).send("and back")).delivered(PATIENCE_S)
        assert await texts(bob.events(), 1) == ["hello"]
        assert await texts(alice.events(), 1) == ["and back"]


async def test_system_roots_are_the_default(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = authority.issue(NAME)
    async with MockServer(tls=(file, file)) as server:
        with pytest.raises(TransportError, match="nobody that this device trusts"):
            await http.request_code(parse_address(url_of(server)), ALICE)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))  # where OpenSSL looks for the system's
        await http.request_code(parse_address(url_of(server)), ALICE)


@pytest.mark.parametrize(
    ("name", "lives", "words"),
    [
        (NAME, (-2 * DAY, -DAY), "has expired: renew it"),
        (NAME, (DAY, 2 * DAY), "is not valid yet: check this device's date"),
        ("other.example", (-DAY, DAY), "is for another name: check the server's URL"),
        ("127.0.0.1", (-DAY, DAY), "is for another name"),
    ],
)
async def test_wrong_certificates(
    authority: Authority, name: str, lives: tuple[timedelta, timedelta], words: str
) -> None:
    file = authority.issue(name, lives=lives)
    async with MockServer(tls=(file, file)) as server:
        for reason in await reasons(parse_address(url_of(server), Tls(authority.file))):
            assert f"the certificate of {NAME}:{server.port} {words}" in reason


async def test_addresses_are_names_too(authority: Authority) -> None:
    file = authority.issue("127.0.0.1")
    async with MockServer(tls=(file, file)) as server:
        assert server.url.startswith("https://")
        await http.request_code(parse_address(server.url, Tls(authority.file)), ALICE)


async def test_an_unknown_authority(authority: Authority, tmp_path: Path) -> None:
    file = authority.issue(NAME)
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other", trustme.CA())
    async with MockServer(tls=(file, file)) as server:
        for reason in await reasons(parse_address(url_of(server), Tls(other.file))):
            assert "is from nobody that this device trusts" in reason


async def test_a_self_signed_certificate(authority: Authority, tmp_path: Path) -> None:
    authority.ca.cert_pem.write_to_path(str(tmp_path / "self.pem"))
    authority.ca.private_key_pem.write_to_path(str(tmp_path / "self.key"))
    async with MockServer(tls=(tmp_path / "self.pem", tmp_path / "self.key")) as server:
        for reason in await reasons(parse_address(url_of(server))):
            assert "is from nobody that this device trusts" in reason


async def test_pins(authority: Authority, tmp_path: Path) -> None:
    file = authority.issue(NAME)
    tls = Tls(authority.file, pins=(WRONG_PIN, pin_of(der_of(file))))
    async with MockServer(tls=(file, file)) as server, pair(tmp_path, server, tls) as (alice, _):
        await (await alice.chat(BOB).send("pinned")).delivered(PATIENCE_S)


async def test_a_wrong_pin_stops_everything_before_a_byte_is_said(authority: Authority) -> None:
    file = authority.issue(NAME)
    async with MockServer(tls=(file, file)) as server:
        for reason in await reasons(parse_address(url_of(server), Tls(authority.file, pins=(WRONG_PIN,)))):
            assert "is none of the pinned ones" in reason
        with pytest.raises(LookupError):
            server.sms(ALICE)


async def test_a_pin_does_not_stand_for_the_chain(authority: Authority) -> None:
    file = authority.issue(NAME)
    async with MockServer(tls=(file, file)) as server:
        for reason in await reasons(parse_address(url_of(server), Tls(pins=(pin_of(der_of(file)),)))):
            assert "is from nobody that this device trusts" in reason


async def test_tls_where_plain_http_is_spoken() -> None:
    async with MockServer() as server:
        for reason in await reasons(parse_address(url_of(server))):
            assert f"{NAME}:{server.port} does not speak TLS" in reason


async def test_plain_http_where_tls_is_spoken(authority: Authority) -> None:
    file = authority.issue(NAME)
    async with MockServer(tls=(file, file)) as server:
        for reason in await reasons(parse_address(f"http://{NAME}:{server.port}")):
            assert "if it speaks TLS, write https://" in reason


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    reset = struct.pack("ii", 1, 0)  # linger for 0 s: close with RST
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    writer.transport.abort()


async def finish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(10_000)
    writer.close()


async def alert(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(10_000)
    writer.write(b"\x15\x03\x03\x00\x02\x02\x46")  # fatal, protocol_version
    writer.close()


@pytest.mark.parametrize(
    ("serve", "words"),
    [
        (hang_up, "was cut, perhaps in the TLS handshake"),
        (finish, "handshake"),
        (alert, "speaks no TLS of version 1.2 or later"),
    ],
)
async def test_a_broken_handshake(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], object], words: str
) -> None:
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:  # type: ignore[arg-type]
        port = server.sockets[0].getsockname()[1]
        for reason in await reasons(parse_address(f"https://{NAME}:{port}")):
            assert words in reason


async def test_a_refused_connection_is_no_matter_of_tls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    said, why = await reasons(parse_address(f"https://{NAME}:{port}"))
    assert "no answer from the server" in said
    assert why == "nobody answers at the server's address: is it running?"


class Losses(logging.Handler):
    """Tells a test of each lost link."""

    def __init__(self) -> None:
        super().__init__()
        self.reasons: asyncio.Queue[str] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()

    def emit(self, record: logging.LogRecord) -> None:
        if " lost: " in record.getMessage():
            self._loop.call_soon_threadsafe(self.reasons.put_nowait, record.getMessage())


async def test_nothing_is_lost_while_the_certificate_is_wrong(
    authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = authority.issue(NAME)
    async with (
        MockServer(tls=(file, file)) as server,
        pair(tmp_path, server, Tls(authority.file)) as (alice, bob),
    ):
        await server.stop()
        authority.issue(NAME, lives=(-2 * DAY, -DAY))
        caplog.set_level(logging.INFO, "onebar")  # so that the lines are made
        losses = Losses()
        logging.getLogger("onebar").addHandler(losses)
        try:
            await server.start()
            sent = await alice.chat(BOB).send("patience")
            async with asyncio.timeout(PATIENCE_S):
                while "has expired" not in alice.link.reason:
                    await losses.reasons.get()
        finally:
            logging.getLogger("onebar").removeHandler(losses)
        await server.stop()
        authority.issue(NAME)
        await server.start()
        await sent.delivered(PATIENCE_S)
        assert await texts(bob.events(), 1) == ["patience"]


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[ssl.SSLObject]:
    """Every TLS connection that the SDK makes in this test."""
    made: list[ssl.SSLObject] = []
    real = ResumingContext.wrap_bio

    def wrap_bio(self: ResumingContext, *args: object, **kwargs: object) -> ssl.SSLObject:
        made.append(real(self, *args, **kwargs))  # type: ignore[arg-type]
        return made[-1]

    monkeypatch.setattr(ResumingContext, "wrap_bio", wrap_bio)
    return made


@pytest.mark.parametrize("pinned", [False, True])
async def test_links_resume_the_session(authority: Authority, connections: list[ssl.SSLObject], pinned: bool) -> None:
    file = authority.issue(NAME)
    pins = (pin_of(der_of(file)),) if pinned else ()
    async with MockServer(tls=(file, file)) as server:
        address = parse_address(url_of(server), Tls(authority.file, pins))
        for _ in range(3):
            assert await reason_of_the_link(address) == "the server closed the connection, code 4001"
    assert [made.version() for made in connections] == ["TLSv1.3"] * 3
    assert [made.session_reused for made in connections] == [False, True, True]
    assert [made.selected_alpn_protocol() for made in connections] == ["http/1.1"] * 3


async def test_a_link_resumes_the_session_of_the_registration(
    authority: Authority, connections: list[ssl.SSLObject]
) -> None:
    file = authority.issue(NAME)
    async with MockServer(tls=(file, file)) as server:
        address = parse_address(url_of(server), Tls(authority.file))
        await http.request_code(address, ALICE)
        await reason_of_the_link(address)
    assert [made.session_reused for made in connections] == [False, True]


async def test_a_server_that_forgot_the_session_gets_a_full_handshake(
    authority: Authority, connections: list[ssl.SSLObject]
) -> None:
    file = authority.issue(NAME)
    async with MockServer(tls=(file, file)) as server:
        address = parse_address(url_of(server), Tls(authority.file))
        await reason_of_the_link(address)
        await server.restart()
        assert await reason_of_the_link(address) == "the server closed the connection, code 4001"
    assert [made.session_reused for made in connections] == [False, False]


async def test_a_failed_handshake_forgets_the_session(authority: Authority, connections: list[ssl.SSLObject]) -> None:
    file = authority.issue(NAME)
    async with MockServer(tls=(file, file)) as server:
        address = parse_address(url_of(server), Tls(authority.file))
        await reason_of_the_link(address)
        assert address.trust is not None
        address.trust.context.pins = (bytes(32),)
        assert "pinned" in await reason_of_the_link(address)
        address.trust.context.pins = ()
        assert await reason_of_the_link(address) == "the server closed the connection, code 4001"
    assert [made.session_reused for made in connections] == [False, True, False]
