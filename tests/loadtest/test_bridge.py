"""Between the hub and the loop. Locust itself is not needed for it, nor is anything patched."""

import asyncio
import threading

import gevent
import pytest

from onebar_loadtest.bridge import Bridge


async def told_after(bridge: Bridge, times: int) -> str:
    for number in range(times):
        bridge.tell("row", float(number))
    return threading.current_thread().name


def test_greenlets_wait_for_coroutines_and_hear_what_they_tell() -> None:
    heard: list[tuple[str, float, str]] = []
    bridge = Bridge(lambda row, took_s: heard.append((row, took_s, threading.current_thread().name)))
    names = [gevent.spawn(bridge.run, told_after(bridge, 3)) for _ in range(2)]
    gevent.joinall(names, timeout=10)
    assert {name.value for name in names} == {"phones"}
    assert bridge.call(lambda: 7) == 7
    bridge.close()
    assert sorted(took_s for _, took_s, _ in heard) == [0, 0, 1, 1, 2, 2]
    assert {thread for _, _, thread in heard} == {"MainThread"}
    assert bridge.told == 6


def test_an_error_is_raised_where_it_is_waited_for() -> None:
    bridge = Bridge(lambda row, took_s: None)

    async def fails() -> None:
        raise LookupError("no such phone")

    with pytest.raises(LookupError, match="no such phone"):
        bridge.run(fails())
    bridge.close()


def test_a_killed_greenlet_cancels_its_coroutine_while_others_go_on() -> None:
    bridge = Bridge(lambda row, took_s: None)
    begun, ended = threading.Event(), threading.Event()

    async def lives() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    greenlet = gevent.spawn(bridge.run, lives())
    gevent.sleep(0)
    assert begun.wait(10)
    greenlet.kill()
    assert ended.wait(10)
    assert bridge.call(lambda: "alive") == "alive"
    bridge.close()
