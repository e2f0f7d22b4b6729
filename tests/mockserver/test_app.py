"""The whole server in one process."""

import socket
from pathlib import Path

import httpx
import pytest

from onebar_mockserver.app import AddressError, Backend, fresh_code, listen


def test_a_taken_port_is_named() -> None:
    first = listen("127.0.0.1", 0)
    with pytest.raises(AddressError, match=str(first.getsockname()[1])):
        listen("127.0.0.1", first.getsockname()[1])
    first.close()


def test_a_host_that_is_not_ours() -> None:
    with pytest.raises(AddressError, match="cannot listen"):
        listen("192.0.2.1", 0)


def test_codes_have_six_digits() -> None:
    codes = {fresh_code() for _ in range(100)}
    assert len(codes) > 90
    assert all(len(code) == 6 and code.isdigit() for code in codes)


async def test_production_has_no_development_pages(tmp_path: Path) -> None:
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    backend = Backend(tmp_path, development=False)
    await backend.start(listener)
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(f"http://127.0.0.1:{port}/dev/sms?phone=%2B4915112345678")
        assert answer.status_code == 404
    await backend.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
