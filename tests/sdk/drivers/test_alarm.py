"""An alarm rings once, at the time that it was set to last."""

import asyncio

import uvloop

from onebar.drivers.alarm import Alarm

PATIENCE_S = 10.0


class Bell:
    """Notes when it rang."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.rang: list[float] = []
        self.heard = asyncio.Event()
        self.alarm = Alarm(self.ring)

    def ring(self) -> None:
        self.rang.append(self.loop.time())
        self.heard.set()

    async def wait(self) -> None:
        """Wait until it rings."""
        async with asyncio.timeout(PATIENCE_S):
            await self.heard.wait()
        self.heard.clear()


async def test_an_alarm_that_is_put_off_rings_once_and_not_before_its_time() -> None:
    bell = Bell()
    first_s = bell.loop.time() + 0.01
    for step in range(4):
        bell.alarm.set(first_s + step * 0.01)
    await bell.wait()
    assert bell.rang[0] >= first_s + 0.03 - 1e-6
    await asyncio.sleep(0.02)
    assert len(bell.rang) == 1


async def test_an_alarm_that_is_brought_forward_rings_earlier_and_once() -> None:
    bell = Bell()
    bell.alarm.set(bell.loop.time() + 3600)
    bell.alarm.set(bell.loop.time() - 1)
    await bell.wait()
    assert len(bell.rang) == 1
    bell.alarm.set(bell.loop.time())
    await bell.wait()
    assert len(bell.rang) == 2, "it can be set again"


def test_an_alarm_that_is_due_is_put_off_on_every_loop() -> None:
    """A timer of uvloop that is due at once cannot say when."""

    async def put_off() -> None:
        bell = Bell()
        bell.alarm.set(bell.loop.time() - 1)
        bell.alarm.set(bell.loop.time() + 0.001)
        await bell.wait()
        assert len(bell.rang) == 1

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(put_off())


async def test_an_alarm_that_is_called_off_does_not_ring() -> None:
    bell = Bell()
    due_s = bell.loop.time() + 0.005
    bell.alarm.set(due_s)
    bell.alarm.set(None)
    other = Bell()
    other.alarm.set(due_s)
    other.alarm.cancel()
    last = Bell()
    last.alarm.set(due_s + 0.01)
    await last.wait()
    assert bell.rang == other.rang == []
