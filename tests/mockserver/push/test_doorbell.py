"""When phones are woken: once for all that waits, whatever gateways and the engine do, and never in a turn's way."""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence

import pytest

from onebar_mockserver.limits import LATE_MS
from onebar_mockserver.ports import BatchFailedError, EngineLostError
from onebar_mockserver.push import doorbell as doorbells
from onebar_mockserver.push import lane as lanes
from onebar_mockserver.push.doorbell import AGAIN_S, Doorbell
from onebar_mockserver.push.gateways import Answer, PushToken, Sleepers, Verdict

PATIENCE_S = 10.0
NOW_MS = 1_800_000_000_000
SENT = Answer(Verdict.SENT)


class Tokens:
    """Everybody has a token that is its number."""

    def __init__(self) -> None:
        self.kinds: dict[int, str] = {}
        self.nobody: set[int] = set()
        self.waits: list[int] = []
        self.dropped: list[tuple[int, str, int]] = []
        self.failures: list[Exception] = []
        self.asked = 0

    async def push_tokens(self, devices: Sequence[int]) -> dict[int, PushToken]:
        self.asked += len(devices)
        if self.failures:
            raise self.failures.pop()
        return {
            one: PushToken(self.kinds.get(one, "apns"), f"token {one}") for one in devices if one not in self.nobody
        }

    async def drop_push_token(self, device: int, token: str, before_ms: int, now_ms: int) -> None:
        self.dropped.append((device, token, before_ms))
        if self.failures:
            raise self.failures.pop()

    async def sleepers(self, after: int, limit: int) -> Sleepers:
        page = [one for one in self.waits if one > after][:limit]
        return Sleepers(tuple(page), page[-1] if len(page) == limit else None)


class Gateway:
    """Says what it is told to; holds every wake-up while `open` is not set."""

    def __init__(self, kind: str = "apns") -> None:
        self._kind = kind
        self.woken: list[str] = []
        self.answers: list[Answer | Exception] = []
        self.open = asyncio.Event()
        self.open.set()
        self.news = asyncio.Event()
        self.closed = False

    @property
    def kind(self) -> str:
        return self._kind

    async def wake(self, token: str) -> Answer:
        self.woken.append(token)
        self.news.set()
        await self.open.wait()
        answer = self.answers.pop(0) if self.answers else SENT
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        self.closed = True

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not reached():
                self.news.clear()
                await self.news.wait()


class House:
    """A doorbell with all around it."""

    def __init__(self, *gateways: Gateway) -> None:
        self.tokens = Tokens()
        self.gateways = gateways
        self.here: dict[int, int] = {}
        """Who is connected, and for how many milliseconds silent."""
        self.now_s = 0.0
        self.lost = 0
        self.bell = Doorbell(
            self.tokens, gateways, self.here.get, lambda: NOW_MS, self._lose, lambda: self.now_s, lambda: 0.0
        )

    def _lose(self) -> None:
        self.lost += 1

    async def __aenter__(self) -> "House":
        self.now_s = -doorbells.LOOK_S  # who wanted to come back after the start has done so
        self.bell.start()
        self.bell._look_at_s = doorbells.LOOK_S if self.gateways else doorbells._NEVER
        self.now_s = 0.0
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.bell.stop()

    async def settled(self) -> None:
        """Let everything happen that needs no time."""
        async with asyncio.timeout(PATIENCE_S):
            while self.bell.waiting:  # noqa: ASYNC110 - there is no event for nothing to do
                await asyncio.sleep(0)


async def test_all_that_waits_is_one_wake_up_until_the_device_has_connected() -> None:
    gateway = Gateway()
    async with House(gateway) as house:
        for _ in range(5):
            house.bell.ring(1)
            await house.settled()
        assert gateway.woken == ["token 1"]
        house.bell.answered(1)
        house.bell.ring(1)
        await house.settled()
        assert gateway.woken == ["token 1"] * 2
        house.now_s = AGAIN_S - 1
        house.bell.ring(1)
        house.now_s = AGAIN_S
        house.bell.ring(1)
        await house.settled()
        assert gateway.woken == ["token 1"] * 3, "a gateway may have lost it"
        assert house.bell.results == {("apns", "sent"): 3}
    assert gateway.closed


def test_who_was_woken_on_a_link_that_still_works_counts_as_back() -> None:
    assert LATE_MS < doorbells.GRACE_S * 1000


async def test_who_has_no_token_is_looked_up_once_in_a_while() -> None:
    async with House(Gateway()) as house:
        house.tokens.nobody = {1}
        house.tokens.kinds = {2: "fcm"}
        for _ in range(3):
            house.bell.ring(1)
            house.bell.ring(2)
            await house.settled()
        assert house.tokens.asked == 2
        assert not house.bell.results


async def test_who_connects_by_itself_is_not_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = Gateway()
    async with House(gateway) as house:
        house.bell.ring(1, soon=True)
        house.bell.ring(2, soon=True)
        house.bell.ring(3, soon=True)
        house.bell.ring(4)
        await gateway.until(lambda: gateway.woken == ["token 4"])
        house.bell.answered(1)
        house.here[2] = 0
        house.now_s = doorbells.GRACE_S
        house.bell.ring(5)
        await house.settled()
        assert sorted(gateway.woken) == ["token 3", "token 4", "token 5"]


async def test_who_is_connected_and_says_nothing_is_woken_in_the_end() -> None:
    gateway = Gateway()
    async with House(gateway) as house:
        house.here = {1: 0}
        house.bell.ring(1, soon=True)
        for unheard_ms in (0, 14_000, 15_000):
            assert house.bell.waiting == 0
            house.here[1] = unheard_ms
            house.now_s += doorbells.GRACE_S
            house.bell._news.set()
            house.bell.ring(2 + unheard_ms)
            await gateway.until(lambda unheard_ms=unheard_ms: f"token {2 + unheard_ms}" in gateway.woken)  # type: ignore[misc]
            await house.settled()
            if not unheard_ms:
                assert not house.bell._later, "it has acknowledged everything"
                house.bell.ring(1, soon=True)
        assert gateway.woken.count("token 1") == 1


async def test_a_gateway_that_hangs_blocks_neither_rings_nor_the_other_one() -> None:
    apns, fcm = Gateway("apns"), Gateway("fcm")
    apns.open.clear()
    async with House(apns, fcm) as house:
        house.tokens.kinds = dict.fromkeys(range(1000, 1010), "fcm")
        for device in [*range(100), *range(1000, 1010)]:
            house.bell.ring(device)
        await fcm.until(lambda: len(fcm.woken) == 10)
        assert len(apns.woken) == lanes.UNDER_WAY_MAX
        assert house.bell.waiting == 100
        apns.open.set()
        await house.settled()
        assert len(apns.woken) == len(set(apns.woken)) == 100


async def test_an_outage_is_outlasted(caplog: pytest.LogCaptureFixture) -> None:
    gateway = Gateway()
    gateway.answers = [Answer(Verdict.DOWN, "ConnectError"), RuntimeError("token 1 in a text"), SENT]
    async with House(gateway) as house:
        with caplog.at_level(logging.INFO):
            house.bell.ring(1)
            for tries in (1, 2, 3):
                await gateway.until(lambda tries=tries: len(gateway.woken) == tries)  # type: ignore[misc]
                await asyncio.sleep(0)
                house.now_s += lanes.PAUSE_S_MAX
                house.bell._news.set()
            await house.settled()
        assert gateway.woken == ["token 1"] * 3
        assert house.bell.results == {("apns", "down"): 2, ("apns", "sent"): 1}
    assert [record.message for record in caplog.records] == [
        "a push gateway does not take wake-ups",
        "a push failed by a defect",
        "a push gateway does not take wake-ups",
        "a push gateway takes wake-ups again",
    ]
    assert "token 1" not in caplog.text


async def test_a_token_that_is_of_no_use_is_dropped_and_nobody_is_asked_twice() -> None:
    gateway = Gateway()
    gone = Answer(Verdict.GONE, "Unregistered", gone_ms=5)
    gateway.answers = [gone, Answer(Verdict.GONE), Answer(Verdict.REFUSED, "x")]
    async with House(gateway) as house:
        for device in (1, 2, 3):
            house.bell.ring(device)
            await house.settled()
            house.bell.ring(device)
        await house.settled()
        assert len(gateway.woken) == 3
    assert house.tokens.dropped == [(1, "token 1", 5), (2, "token 2", NOW_MS)]


@pytest.mark.parametrize("error", [EngineLostError("gone"), BatchFailedError("IntegrityError")])
async def test_a_token_that_cannot_be_dropped_stays(error: Exception) -> None:
    gateway = Gateway()
    gateway.answers = [Answer(Verdict.GONE)]
    gateway.open.clear()
    async with House(gateway) as house:
        house.bell.ring(1)
        await gateway.until(lambda: bool(gateway.woken))
        house.tokens.failures = [error]
        gateway.open.set()
        await house.settled()
        async with asyncio.timeout(PATIENCE_S):
            while not house.tokens.dropped:  # noqa: ASYNC110
                await asyncio.sleep(0)
        house.bell.ring(2)
        await gateway.until(lambda: len(gateway.woken) == 2)
    assert house.lost == isinstance(error, EngineLostError)


async def test_a_lost_engine_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbells, "REOPEN_S", 0.0)
    gateway = Gateway()
    async with House(gateway) as house:
        house.tokens.failures = [EngineLostError("gone"), RuntimeError("a defect"), EngineLostError("still")]
        house.bell.ring(1)
        await house.settled()
        assert (gateway.woken, house.lost) == (["token 1"], 2)


async def test_after_a_start_those_whom_mail_waits_for_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbells, "PAGE_DEVICES_MAX", 3)
    monkeypatch.setattr(doorbells, "PAGE_EVERY_S", 0.0)
    gateway = Gateway()
    async with House(gateway) as house:
        house.tokens.waits = list(range(1, 9))
        house.here[5] = 0
        house.bell.ring(20)
        await house.settled()
        assert gateway.woken == ["token 20"], "they have time to come by themselves"
        house.now_s = doorbells.LOOK_S
        house.bell._news.set()
        await gateway.until(lambda: len(gateway.woken) == 8)
        await house.settled()
        assert sorted(gateway.woken) == sorted(f"token {one}" for one in [1, 2, 3, 4, 6, 7, 8, 20])


async def test_after_a_start_phones_have_time_to_come_back_by_themselves() -> None:
    gateway = Gateway()
    async with House(gateway) as house:
        house.bell._back_by_s = doorbells.LOOK_S  # it starts now
        house.bell.answered(1)
        for device in (1, 2, 3):
            house.bell.ring(device)
        await gateway.until(lambda: gateway.woken == ["token 1"])  # it was here, and has left
        await house.settled()
        house.bell.answered(2)
        house.tokens.waits = [3]
        house.now_s = house.bell._look_at_s = doorbells.LOOK_S
        house.bell.ring(4)
        await gateway.until(lambda: len(gateway.woken) == 3)
        await house.settled()
        assert sorted(gateway.woken) == ["token 1", "token 3", "token 4"]
        assert not house.bell._came_back


async def test_more_than_memory_holds_are_found_in_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbells, "NOTED_MAX", 6)
    monkeypatch.setattr(doorbells, "PAGE_DEVICES_MAX", 2)
    monkeypatch.setattr(doorbells, "PAGE_EVERY_S", 0.0)
    gateway = Gateway()
    async with House(gateway) as house:
        house.bell._look_at_s = doorbells._NEVER  # it has looked already
        house.tokens.waits = list(range(10))
        for device in range(10):
            house.bell.ring(device)
        assert house.bell.waiting == 6
        await house.settled()
        assert len(gateway.woken) == 6
        async with asyncio.timeout(PATIENCE_S):
            while len(gateway.woken) < 10:
                house.now_s += 1.0
                house.bell._news.set()
                await asyncio.sleep(0)
        await house.settled()
        assert house.now_s >= doorbells.LOOK_S
        assert len(set(gateway.woken)) == 10, "each one once"


async def test_what_is_missed_while_all_are_looked_through_is_looked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbells, "PAGE_DEVICES_MAX", 2)
    gateway = Gateway()
    async with House(gateway) as house:
        house.tokens.waits = [5, 6]
        house.now_s = doorbells.LOOK_S
        house.bell._news.set()
        await gateway.until(lambda: len(gateway.woken) == 2)
        house.tokens.waits = [1, 5, 6]
        house.bell.missed()
        async with asyncio.timeout(PATIENCE_S):
            while "token 1" not in gateway.woken:
                house.now_s += 1.0
                house.bell._news.set()
                await asyncio.sleep(0)
        await house.settled()
        assert sorted(gateway.woken) == ["token 1", "token 5", "token 6"]


async def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbells, "RUNG_MAX", 3)
    async with House(Gateway()) as house:
        for device in range(10):
            house.bell.ring(device)
            await house.settled()
        house.bell.ring(99)
        await house.settled()
        assert len(house.bell._rung) <= 4


async def test_without_gateways_nothing_is_kept() -> None:
    async with House() as house:
        house.bell.ring(1)
        house.bell.answered(1)
        house.bell.missed()
        assert house.bell.waiting == 0
        assert house.bell._look_at_s == doorbells._NEVER
        assert not house.bell._tasks


@pytest.mark.parametrize("seed", range(8))
async def test_between_two_connections_there_is_one_wake_up(seed: int) -> None:
    """Whatever comes in whatever order: never two, and in the end one for each whom a message waits for."""
    dice, gateway = random.Random(seed), Gateway()
    owed: dict[int, int] = {}
    async with House(gateway) as house:
        for _ in range(400):
            device = dice.randrange(5)
            match dice.randrange(5):
                case 0 | 1:
                    house.bell.ring(device, soon=dice.random() < 0.3)
                    owed.setdefault(device, gateway.woken.count(f"token {device}"))
                case 2:
                    house.bell.answered(device)
                    owed.pop(device, None)
                case 3:
                    gateway.open.set() if dice.random() < 0.5 else gateway.open.clear()
                case _:
                    await asyncio.sleep(0)
            for one, before in owed.items():
                assert gateway.woken.count(f"token {one}") - before <= 1
        gateway.open.set()
        house.now_s += doorbells.GRACE_S
        house.bell._news.set()
        await house.settled()
        for one, before in owed.items():
            assert gateway.woken.count(f"token {one}") - before == 1
