import asyncio
from random import Random

from onebar.testing import PROFILES, Timeline, Weather, WeatherEvent
from onebar.testing.weather_clock import WeatherClock


async def test_events_are_told_in_order_and_a_change_is_looked_at() -> None:
    script = Timeline().wait(0.01).reset().blackout(0.01).handover(0.01)
    weather = Weather(PROFILES["perfect"], Random(1), script)
    clock = WeatherClock(weather)
    told: asyncio.Queue[WeatherEvent] = asyncio.Queue()
    clock.watch(told.put_nowait)
    clock.start()
    async with asyncio.timeout(10):
        kinds = [(await told.get()).kind for _ in range(4)]
        assert kinds == ["reset", "blackout", "handover", "signal"]
        assert clock.now_s() >= 0.03
        weather.blackout(clock.now_s(), 0.01)
        clock.look()
        assert (await told.get()).kind == "signal"
    clock.stop()


async def test_nothing_is_told_after_the_end() -> None:
    clock = WeatherClock(Weather(PROFILES["perfect"], Random(1), Timeline().wait(0.01).reset()))
    clock.watch(lambda event: pytest_fails(event))
    clock.start()
    clock.stop()
    passed = asyncio.Event()
    clock.call_at(0.02, passed.set)
    await asyncio.wait_for(passed.wait(), 10)


def pytest_fails(event: WeatherEvent) -> None:
    raise AssertionError(event)
