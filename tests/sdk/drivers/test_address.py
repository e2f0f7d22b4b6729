"""Servers' URLs."""

import pytest
from websockets.headers import build_host
from websockets.uri import parse_uri

from onebar.drivers.address import parse_address
from onebar.errors import InputError


@pytest.mark.parametrize(
    ("server", "http_url", "host"),
    [
        ("http://127.0.0.1:8440", "http://127.0.0.1:8440", "127.0.0.1:8440"),
        ("https://Chat.Example.ORG/", "https://chat.example.org", "chat.example.org"),
        ("https://chat.example.org:443", "https://chat.example.org", "chat.example.org"),
        ("http://chat.example.org:443", "http://chat.example.org:443", "chat.example.org:443"),
        ("http://[::1]:80", "http://[::1]", "[::1]"),
    ],
)
def test_reads_a_url(server: str, http_url: str, host: str) -> None:
    address = parse_address(server)
    assert (address.http_url, address.host) == (http_url, host)


@pytest.mark.parametrize("server", ["http://h", "https://h", "http://h:443", "https://[::1]:8440"])
def test_host_is_what_the_websocket_sends(server: str) -> None:
    address = parse_address(server)
    uri = parse_uri(address.link_url)
    assert build_host(uri.host, uri.port, uri.secure) == address.host


@pytest.mark.parametrize(
    "server",
    ["", "chat.example.org", "chat.example.org:8440", "ftp://h", "ws://h", "http://", "http://h:port", "http://h:99999",
     "http://h/path", "http://h?q=1", "http://user:secret@h", "http://[::1", "http://mün.example", "http://a b"],
)  # fmt: skip
def test_refuses_what_is_no_server(server: str) -> None:
    with pytest.raises(InputError):
        parse_address(server)


def test_refuses_other_types() -> None:
    with pytest.raises(InputError):
        parse_address(None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("server", "loopback"),
    [("http://127.0.0.2", True), ("http://localhost:1", True), ("http://[::1]", True), ("https://h", False)],
)
def test_knows_this_machine(server: str, loopback: bool) -> None:
    assert parse_address(server).loopback is loopback
