"""What watches a server gets: life on the public address, figures on the admin address only."""

from pathlib import Path

import httpx
import pytest

from onebar_mockserver.app import Backend, listen


async def test_the_two_addresses_and_what_draining_changes(tmp_path: Path) -> None:
    public, admin = listen("127.0.0.1", 0), listen("127.0.0.1", 0)
    urls = [f"http://127.0.0.1:{one.getsockname()[1]}" for one in (public, admin)]
    backend = Backend(tmp_path)
    await backend.start(public, admin)

    async def statuses(http: httpx.AsyncClient, path: str) -> list[int]:
        return [(await http.get(url + path)).status_code for url in urls]

    async with httpx.AsyncClient(trust_env=False) as http:
        assert await statuses(http, "/healthz") == [200, 200]
        assert await statuses(http, "/readyz") == [200, 200]
        assert await statuses(http, "/metrics") == [404, 200]
        assert await statuses(http, "/v1/codes") == [405, 404], "the admin address registers nobody"
        await backend.drain(0, 10.0)
        assert await statuses(http, "/healthz") == [200, 200]
        assert await statuses(http, "/readyz") == [404, 404]
    await backend.stop()
    async with httpx.AsyncClient(trust_env=False) as http:
        for url in urls:
            with pytest.raises(httpx.ConnectError):
                await http.get(url)
