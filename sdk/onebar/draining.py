"""How an app that was woken for a moment gets its mail and goes to sleep again."""

import asyncio
from typing import Final

from onebar.core.turn import NetworkChanged
from onebar.drivers.home import Home
from onebar.errors import NotRegisteredError
from onebar.models import Drained, Reach
from onebar.sending import REGISTERED
from onebar.store import SqliteStore

DRAIN_S: Final = 25.0
"""How long `drain` goes on unless told otherwise: iOS and Android give an app in the background about 30 s."""

_ENDED: Final = frozenset({Reach.UNREGISTERED, Reach.REMOVED})


async def drain(home: Home[SqliteStore], hint: NetworkChanged, timeout_s: float) -> Drained:
    """Connect, fetch and send what waits; see `Client.drain`."""
    device = home.device
    if device is None or device.status not in REGISTERED:
        raise NotRegisteredError("this device has no account yet: call Client.register first")
    newest = await home.read(lambda store: store.newest_message_no())
    before_ms = home.link.caught_up_ms
    await home.submit(hint)
    done = False
    try:
        async with asyncio.timeout(timeout_s):
            done = await _drained(home, before_ms)
    except TimeoutError:
        pass  # what is left comes next time
    received = await home.read(lambda store: store.received_after(newest))
    return Drained(received, await _waiting(home), done)


async def _drained(home: Home[SqliteStore], before_ms: int | None) -> bool:
    """Wait until nothing waits on either side; False if that cannot happen any more.

    A connection that looks fine does not count: a process that was frozen does not know yet that its own is dead. So
    the server has to say anew that everything has come.
    """
    while True:
        news = home.link_watch.news()  # also when a message has changed
        home.check()
        link = home.link
        if link.caught_up_ms != before_ms and not await _waiting(home):
            return True
        if link.state in _ENDED:
            return False
        await news.wait()


async def _waiting(home: Home[SqliteStore]) -> int:
    return len(await home.read(lambda store: store.outbox_messages()))
