"""What is said of dials that fail behind TLS: a network whose user has to sign in, or a server that is not well."""

import asyncio
import ssl
import struct
from datetime import timedelta
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET, create_server, gaierror

import pytest
import trustme
from websockets.asyncio.server import ServerConnection, serve

from onebar.core.turn import LinkLost
from onebar.drivers import http
from onebar.drivers.address import Address, parse_address
from onebar.drivers.failures import why
from onebar.drivers.tls import Tls
from onebar.drivers.websocket import WebSocketLink
from onebar.errors import CaptivePortalError, TransportError
from onebar.testing import WeakNetwork, profile
from tests.sdk.drivers.authority import DAY, WRONG_PIN, Authority
from tests.sdk.drivers.loopback import PATIENCE_S

HERE = "127.0.0.1"
PHONE = "+12025550101"


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    return Authority(tmp_path, trustme.CA())


async def loss(address: Address) -> LinkLost:
    heard: asyncio.Queue[object] = asyncio.Queue()
    link = WebSocketLink(1, address, b"flight", heard.put)
    async with asyncio.timeout(PATIENCE_S):
        await link.task
    lost = heard.get_nowait()
    assert isinstance(lost, LinkLost)
    return lost


async def is_a_portal(address: Address) -> bool:
    """Ask the link and the registration, which must agree."""
    with pytest.raises(TransportError) as raised:
        await http.request_code(address, PHONE)
    lost = await loss(address)
    assert isinstance(raised.value, CaptivePortalError) is lost.portal
    assert ("login page" in lost.why) >= lost.portal, "the user is told what to do"
    return lost.portal


@pytest.mark.parametrize(
    ("issuer", "name", "lives", "pins", "portal"),
    [
        ("theirs", HERE, (-DAY, DAY), (), True),  # self-signed, or by an authority of their own
        ("ours", "login.example", (-DAY, DAY), (), True),
        ("ours", HERE, (-2 * DAY, -DAY), (), False),  # the server's own, but expired
        ("ours", HERE, (-DAY, DAY), (WRONG_PIN,), False),
    ],
)
async def test_a_certificate_that_is_not_the_servers(
    ours: Authority,
    tmp_path: Path,
    issuer: str,
    name: str,
    lives: tuple[timedelta, timedelta],
    pins: tuple[str, ...],
    portal: bool,
) -> None:
    presented = ours if issuer == "ours" else Authority(tmp_path, trustme.CA())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(presented.issue(name, lives=lives))
    async with serve(lambda c: c.wait_closed(), HERE, 0, ssl=context) as server:
        url = f"https://{HERE}:{server.sockets[0].getsockname()[1]}"
        assert await is_a_portal(parse_address(url, Tls(ours.file, pins))) is portal


async def test_the_login_page_of_a_weak_network_cuts_tls() -> None:
    async with WeakNetwork(profile("captive"), (HERE, 9)) as network:
        assert await is_a_portal(parse_address(f"https://{HERE}:{network.port}"))


async def test_a_login_page_that_knows_no_tls() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10_000)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, HERE, 0) as server:
        assert await is_a_portal(parse_address(f"https://{HERE}:{server.sockets[0].getsockname()[1]}"))


async def test_a_server_that_is_not_there_is_no_portal() -> None:
    with create_server((HERE, 0)) as taken:
        port = taken.getsockname()[1]
    assert not await is_a_portal(parse_address(f"https://{HERE}:{port}"))


async def test_a_cut_after_the_handshake_is_no_portal(ours: Authority) -> None:
    """Whoever got through TLS is the server: what fails then is it, or the line."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(ours.issue(HERE))

    def cut(connection: ServerConnection, request: object) -> None:
        sock = connection.transport.get_extra_info("socket")
        sock.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        connection.transport.abort()

    async with serve(lambda c: c.wait_closed(), HERE, 0, ssl=context, process_request=cut) as server:
        url = f"https://{HERE}:{server.sockets[0].getsockname()[1]}"
        assert not (await loss(parse_address(url, Tls(ours.file)))).portal


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(101, "Network is unreachable"), "there is no network, or no way to the server"),
        (gaierror(-3, "Temporary failure"), "the server's name cannot be found: no network, or a wrong name"),
        (OSError(5, "secret"), "OSError"),
    ],
)
def test_plain_words(error: Exception, words: str) -> None:
    assert why(error) == words
