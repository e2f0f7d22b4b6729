"""Locust's hub in tests: a server in another thread, and users without Locust's runner."""

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import gevent

from onebar_loadtest.process import PhonesProcess
from onebar_loadtest.settings import Settings
from onebar_mockserver import MockServer

PATIENCE_S = 20.0
SETTINGS = Settings(weather="perfect", every_s=0.2, settle_s=0.5, kem=False, readers=0.0, proxied=0.0, run_s=3600.0)


@contextmanager
def served() -> Iterator[MockServer]:
    """Run a server in a thread of its own: the hub waits in this one."""
    server, up, down = MockServer(), threading.Event(), threading.Event()

    async def serve() -> None:
        async with server:
            up.set()
            await asyncio.to_thread(down.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert up.wait(PATIENCE_S)
        yield server
    finally:
        down.set()
        thread.join(PATIENCE_S)
        gc.unfreeze()


def until(condition: Callable[[], object]) -> None:
    with gevent.Timeout(PATIENCE_S):
        while not condition():
            gevent.sleep(0.02)


def phones_of(server: MockServer, hear: Callable[[str, float], None] = lambda row, took_s: None) -> PhonesProcess:
    return PhonesProcess(SETTINGS, server.url, "local", 0, hear)


def user(kind: Any, process: PhonesProcess) -> Any:
    """Make a user as Locust's runner does, with nothing of its environment but the phones."""
    made = object.__new__(kind)
    made.environment = SimpleNamespace(onebar=SimpleNamespace(process=process))
    return made
