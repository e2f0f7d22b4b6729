"""The programs of docs/network-in-your-app.md: all are Python, and the one that runs anywhere does what it says."""

import ast
import asyncio
import hashlib
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from onebar import Client

PAGE = Path(__file__).resolve().parent.parent / "docs" / "network-in-your-app.md"
PATIENCE_S = 5.0


def programs() -> list[str]:
    found = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert found, f"{PAGE.name} shows no Python program"
    return found


def test_what_the_programs_call_exists() -> None:
    names = {
        node.attr
        for program in programs()
        for node in ast.walk(ast.parse(program))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "client"
    }
    assert {"link", "link_changes", "network_changed", "foreground", "background", "drain"} <= names
    assert not [name for name in names if not hasattr(Client, name)]


async def test_the_watch_that_runs_anywhere_tells_each_change_once(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses: list[str | None] = ["10.0.0.7", "10.0.0.7", None, None, "10.0.0.8"]
    told: list[str | None] = []
    over = asyncio.Event()

    class Probe(socket.socket):
        def connect(self, address: Any) -> None:
            if addresses[0] is None:
                addresses.pop(0)
                raise OSError(101, "Network is unreachable")

        def getsockname(self) -> Any:
            return (addresses.pop(0), 9)

    class Phone:
        def network_changed(self, network: str | None) -> None:
            told.append(network)
            if not addresses:
                over.set()

    monkeypatch.setattr(socket, "socket", Probe)
    program = next(program for program in programs() if "watch_network" in program)
    scope: dict[str, Any] = {"asyncio": asyncio, "hashlib": hashlib, "socket": socket, "Client": Client}
    exec(compile(program, PAGE.name, "exec"), scope)
    watching = asyncio.create_task(scope["watch_network"](Phone(), every_s=0))
    async with asyncio.timeout(PATIENCE_S):
        await over.wait()
    watching.cancel()
    await asyncio.wait([watching])
    first, offline, last = told
    assert offline is None
    assert first
    assert last
    assert first != last
    assert "10.0" not in first
