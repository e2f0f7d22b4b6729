"""How an app that was woken for a moment gets its mail and goes to sleep again."""

import asyncio
from typing import Final

from onebar.conversation import REGISTERED
from onebar.core.turn import NetworkChanged
from onebar.drivers.home import Home
from onebar.errors import NotRegisteredError
from onebar.models import Drained, Reach
from onebar.store import SqliteStore

DRAIN_S: Final = 25.0
"""How long `drain` goes on unless told otherwise: iOS and Android give an app in the background about 30 s."""

_ENDED: Final = frozenset({Reach.UNREGISTERED, Reach.REMOVED})


async def drain(home: Home[SqliteStore], hint: NetworkChanged, timeout_s: float) -> Drained:
    """Connect, fetch and send what waits; see `Client.drain`."""
    device = home.device
    if device is None or device.status not in REGISTERED:
        raise NotRegisteredError("this device has no account yet: call Client.register first")
    before = await home.read(lambda store: store.newest_message_no())
    await home.submit(hint)
    done = False
    try:
        async with asyncio.timeout(timeout_s):
            done = await _drained(home)
    except TimeoutError:
        pass  # what is left comes next time
    received = await home.read(lambda store: store.received_after(before))
    return Drained(received, await _waiting(home), done)


async def _drained(home: Home[SqliteStore]) -> bool:
    """Wait until nothing waits on either side; False if that cannot happen any more."""
    while True:
        news = home.link_watch.news()  # also when a message has changed
        link = home.link
        caught_up = link.state is Reach.ASLEEP or (link.state is Reach.OPEN and link.caught_up)
        if caught_up and not await _waiting(home):
            return True
        if link.state in _ENDED:
            return False
        await news.wait()


async def _waiting(home: Home[SqliteStore]) -> int:
    return len(await home.read(lambda store: store.outbox_messages()))
