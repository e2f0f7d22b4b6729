"""A process from its settings to its last signal, inside the test's own loop."""

import asyncio
import logging
import os
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import trustme

from onebar.core.frames import GoAway
from onebar_mockserver.app import AddressError, listen
from onebar_mockserver.config import AdminSettings, Settings, TlsSettings
from onebar_mockserver.serving import serve
from tests.mockserver.rawclient import PATIENCE_S, welcomed
from tests.mockserver.test_main import register
from tests.mockserver.test_tls import issue, trusting

LONG_S = 60.0


@dataclass
class Served:
    """A server that runs as a task."""

    task: asyncio.Task[None]
    url: str

    async def ended(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await self.task


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Served]:
    said: asyncio.Queue[str] = asyncio.Queue()
    task = asyncio.create_task(serve(settings, said.put_nowait))
    try:
        async with asyncio.timeout(PATIENCE_S):
            line = await said.get()
        yield Served(task, line.split(",")[0].removeprefix("listening on "))
    finally:
        if not task.done():
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(task, PATIENCE_S)


async def test_a_drain_lets_the_links_leave(tmp_path: Path) -> None:
    async with serving(Settings(port=0, data=tmp_path, drain_s=LONG_S)) as server:
        line = await welcomed(await register(server.url, "+4915112345671"))
        os.kill(os.getpid(), signal.SIGTERM)
        assert (await line.take(GoAway)).within_ms <= LONG_S * 1000
        async with httpx.AsyncClient(trust_env=False, base_url=server.url) as http:
            assert (await http.get("/readyz")).status_code == 404
            assert (await http.get("/healthz")).status_code == 200
        await line.close()
        await server.ended()


async def test_a_second_signal_does_not_wait_for_the_links(tmp_path: Path) -> None:
    async with serving(Settings(port=0, data=tmp_path, drain_s=LONG_S)) as server:
        line = await welcomed(await register(server.url, "+4915112345671"))
        os.kill(os.getpid(), signal.SIGTERM)
        await line.take(GoAway)
        os.kill(os.getpid(), signal.SIGTERM)
        assert await line.closed() == 1001
        await server.ended()


async def test_a_drain_has_an_end(tmp_path: Path) -> None:
    async with serving(Settings(port=0, data=tmp_path, drain_s=0.05)) as server:
        line = await welcomed(await register(server.url, "+4915112345671"))
        os.kill(os.getpid(), signal.SIGTERM)
        assert await line.closed() == 1001
        assert line.waiting == [GoAway(50, "restart")]
        await server.ended()


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> asyncio.Queue[str]:
    """What is logged from now on."""
    caplog.set_level("INFO", "onebar_mockserver")
    lines: asyncio.Queue[str] = asyncio.Queue()
    monkeypatch.setattr(caplog.handler, "emit", lambda record: lines.put_nowait(record.getMessage()))
    return lines


async def test_sighup_reads_the_certificate_again(tmp_path: Path, said: asyncio.Queue[str]) -> None:
    ca = trustme.CA()
    certificate, key = issue(ca, tmp_path, "server")
    settings = Settings(port=0, data=tmp_path / "data", tls=TlsSettings(certificate=certificate, key=key))
    async with serving(settings) as server:
        port = int(server.url.rsplit(":", 1)[1])

        async def shown() -> bytes | None:
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting(ca))
            found: ssl.SSLObject = writer.get_extra_info("ssl_object")
            writer.close()
            await writer.wait_closed()
            return found.getpeercert(binary_form=True)

        async def reloaded(log: str) -> None:
            os.kill(os.getpid(), signal.SIGHUP)
            async with asyncio.timeout(PATIENCE_S):
                while log not in await said.get():
                    pass

        first = await shown()
        issue(ca, tmp_path, "server")
        assert await shown() == first, "not before it is told to"
        await reloaded("certificate reloaded")
        second = await shown()
        assert second != first
        certificate.write_text("damaged")
        await reloaded("certificate not reloaded, the old one stays")
        assert await shown() == second


async def test_a_taken_admin_port_gives_the_other_one_free(tmp_path: Path) -> None:
    async with serving(Settings(port=0, data=tmp_path / "one")) as server:
        port = int(server.url.rsplit(":", 1)[1])
        with pytest.raises(AddressError, match="taken"):
            await serve(Settings(port=0, data=tmp_path / "two", admin=AdminSettings(port=port)))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_it_says_where_it_listens(tmp_path: Path, caplog: pytest.LogCaptureFixture, host: str) -> None:
    try:
        listen(host, 0).close()
    except AddressError:
        pytest.skip(f"this machine has no {host}")
    caplog.set_level(logging.INFO)
    settings = Settings(host=host, port=0, data=tmp_path, admin=AdminSettings(port=0))
    async with serving(settings) as server:
        url = httpx.URL(server.url)
        assert url.host == host
        async with httpx.AsyncClient(trust_env=False) as http:
            assert (await http.get(url.join("/healthz"))).status_code == 200
    [listening] = [record for record in caplog.records if record.message == "listening"]
    assert listening.__dict__["port"] == url.port, "not that of /metrics"


async def test_an_admin_port_that_is_taken_is_named(tmp_path: Path) -> None:
    taken = listen("127.0.0.1", 0)
    admin = AdminSettings(port=taken.getsockname()[1])
    with pytest.raises(AddressError, match=r"is taken; stop what uses it or choose admin\.port"):
        await serve(Settings(port=0, data=tmp_path, admin=admin))
    taken.close()
