"""The driver, with an engine that follows a script and a real WebSocket server on loopback."""

import asyncio
import queue
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from websockets.asyncio.server import ServerConnection

from onebar.core.turn import (
    Dial,
    Hang,
    Input,
    Instant,
    LinkConnected,
    LinkLost,
    MessageArrived,
    NetworkChanged,
    Poked,
    Registered,
    Replace,
    ReplaceFailed,
    ReplaceRefused,
    Send,
    Transmit,
    Turn,
)
from onebar.drivers import http, websocket
from onebar.drivers.address import Address, parse_address
from onebar.drivers.asyncio import Driver
from onebar.drivers.inputs import INPUTS_PER_TURN_MAX
from onebar.errors import InputError, OnebarError, RegistrationError, StoreError, TransportError
from tests.sdk.drivers.loopback import NOWHERE, PATIENCE_S, serving

SEND = Send("+12025550102", "hi")
Script = Callable[[Sequence[Input], Instant], Turn]


@dataclass
class ScriptedEngine:
    """Answers each turn by the script, and notes what it was given."""

    script: Script
    turns: list[list[Input]] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)
    overlaps: int = 0
    _busy: threading.Lock = field(default_factory=threading.Lock)

    def turn(self, inputs: Sequence[Input], now: Instant) -> Turn:
        if not self._busy.acquire(blocking=False):
            self.overlaps += 1
        self.turns.append(list(inputs))
        self.threads.add(threading.get_ident())
        try:
            return self.script(inputs, now)
        finally:
            self._busy.release()

    @property
    def inputs(self) -> list[Input]:
        return [item for turn in self.turns for item in turn]


def results(inputs: Sequence[Input]) -> list[object]:
    app = (Send, Registered, ReplaceRefused, ReplaceFailed, NetworkChanged, Poked)
    return [n for n, item in enumerate(item for item in inputs if isinstance(item, app))]


def quiet(inputs: Sequence[Input], now: Instant) -> Turn:
    return Turn(results=results(inputs))


def held_up() -> tuple[Script, threading.Event, threading.Event]:
    """Return a script that tells when it has started, and ends no turn before it may go."""
    started, go = threading.Event(), threading.Event()

    def script(inputs: Sequence[Input], now: Instant) -> Turn:
        started.set()
        go.wait(PATIENCE_S)
        return quiet(inputs, now)

    return script, started, go


@dataclass
class Driven:
    driver: Driver
    engine: ScriptedEngine
    news: asyncio.Event

    async def heard(self, kind: type[Input], count: int = 1) -> list[Input]:
        """Wait until the engine was given as many inputs of a kind; scripts say news with every turn."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                self.news.clear()
                found = [item for item in self.engine.inputs if isinstance(item, kind)]
                if len(found) >= count:
                    return found
                await self.news.wait()


@asynccontextmanager
async def driven(
    script: Script, address: Address = NOWHERE, on_idle: Callable[[], object] = bool, threads: int = 1
) -> AsyncIterator[Driven]:
    engine, news = ScriptedEngine(script), asyncio.Event()
    with ThreadPoolExecutor(1) as worker:
        driver = Driver(engine, worker if threads else None, address, news.set, on_idle=on_idle)
        try:
            yield Driven(driver, engine, news)
        finally:
            await driver.close()
    assert engine.overlaps == 0
    assert not [task for task in asyncio.all_tasks() if "onebar" in task.get_name()]


def dialing(then: Callable[[Input], list[Dial | Transmit | Hang | Replace]] = lambda item: []) -> Script:
    """Dial link 1 in the first turn; afterwards answer every input."""
    dialled: list[bool] = []

    def script(inputs: Sequence[Input], now: Instant) -> Turn:
        turn = Turn(results=results(inputs), news=True)
        if not dialled:
            dialled.append(True)
            turn.outputs.append(Dial(1, b"\xfb\xff flight"))
        for item in inputs:
            turn.outputs += then(item)
        return turn

    return script


async def test_results_go_to_their_callers() -> None:
    async with driven(quiet) as here:
        first, second = here.driver.submit(SEND), here.driver.submit(SEND)
        assert [await first, await second] == [1, 2]  # 0 is the Poked that every driver starts with


async def test_exceptions_are_raised_at_their_callers() -> None:
    def script(inputs: Sequence[Input], now: Instant) -> Turn:
        return Turn(results=[InputError("no") if isinstance(item, Send) else None for item in inputs])

    async with driven(script) as here:
        with pytest.raises(InputError, match="no"):
            await here.driver.submit(SEND)
        assert here.driver.failed is None


async def test_inputs_gather_while_a_turn_runs() -> None:
    script, started, go = held_up()
    async with driven(script) as here:
        await asyncio.to_thread(started.wait, PATIENCE_S)
        waiting = [here.driver.submit(SEND) for _ in range(INPUTS_PER_TURN_MAX + 44)]
        go.set()
        await asyncio.gather(*waiting)
        assert [len(turn) for turn in here.engine.turns] == [1, INPUTS_PER_TURN_MAX, 44]
        assert here.engine.threads.isdisjoint({threading.get_ident()})


async def test_left_over_inputs_get_their_results_later() -> None:
    kept: list[Input] = []

    def script(inputs: Sequence[Input], now: Instant) -> Turn:
        kept.extend(inputs)
        return Turn(results=[kept.pop(0)] if kept else [], more=bool(kept))

    async with driven(script) as here:
        sends = [Send("+12025550102", str(n)) for n in range(5)]
        assert await asyncio.gather(*(here.driver.submit(send) for send in sends)) == sends


async def test_cancelled_caller_takes_back_what_has_not_begun() -> None:
    script, started, go = held_up()
    async with driven(script) as here:
        await asyncio.to_thread(started.wait, PATIENCE_S)
        here.driver.submit(SEND).cancel()
        last = here.driver.submit(NetworkChanged())
        go.set()
        await last
        assert SEND not in here.engine.inputs


async def test_cancelled_caller_does_not_stop_a_turn() -> None:
    go, started = threading.Event(), threading.Event()

    def script(inputs: Sequence[Input], now: Instant) -> Turn:
        if SEND in inputs:
            started.set()
            go.wait(PATIENCE_S)
        return quiet(inputs, now)

    async with driven(script) as here:
        call = here.driver.submit(SEND)
        await asyncio.to_thread(started.wait, PATIENCE_S)
        call.cancel()
        go.set()
        await here.driver.submit(NetworkChanged())
        assert here.engine.inputs.count(SEND) == 1


async def test_timer_pokes() -> None:
    def script(inputs: Sequence[Input], now: Instant) -> Turn:
        return Turn(results=results(inputs), timer_s=now.monotonic_s + 0.01, news=True)

    async with driven(script) as here:
        began_s = time.monotonic()
        await here.heard(Poked, 4)
        assert time.monotonic() - began_s >= 0.025


@pytest.mark.parametrize("threads", [0, 1])
async def test_an_idle_device_is_tidied_where_its_turns_run(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    monkeypatch.setattr("onebar.drivers.asyncio.IDLE_S", 0.01)
    tidied: queue.Queue[int] = queue.Queue()
    async with driven(quiet, on_idle=lambda: tidied.put(threading.get_ident()), threads=threads) as here:
        ident = await asyncio.to_thread(tidied.get, timeout=PATIENCE_S)
        assert (here.engine.threads, ident == threading.get_ident()) == ({ident}, not threads)


async def test_messages_go_both_ways_in_order() -> None:
    got: list[bytes] = []

    async def handler(connection: ServerConnection) -> None:
        for number in range(100):
            await connection.send(b"%d" % number)
        async for message in connection:
            assert isinstance(message, bytes)
            got.append(message)
            if len(got) == 100:
                await connection.send(b"all")

    def answer(item: Input) -> list[Dial | Transmit | Hang | Replace]:
        return [Transmit(1, item.data)] if isinstance(item, MessageArrived) and item.data != b"all" else []

    async with serving(handler) as address, driven(dialing(answer), address) as here:
        heard = await here.heard(MessageArrived, 101)
        assert got == [b"%d" % number for number in range(100)]
        assert heard == [MessageArrived(1, data) for data in [*got, b"all"]]


async def test_hang_cuts_and_silences() -> None:
    gone = asyncio.Event()

    async def handler(connection: ServerConnection) -> None:
        await connection.send(b"one")
        await connection.wait_closed()
        assert connection.close_code == 1006  # no closing handshake
        gone.set()

    def answer(item: Input) -> list[Dial | Transmit | Hang | Replace]:
        return [Hang(1), Transmit(1, b"too late")] if isinstance(item, MessageArrived) else []

    async with serving(handler) as address, driven(dialing(answer), address) as here:
        async with asyncio.timeout(PATIENCE_S):
            await gone.wait()
        await here.driver.submit(NetworkChanged())
        assert not [item for item in here.engine.inputs if isinstance(item, LinkLost)]


async def test_hang_while_dialling() -> None:
    """A dial that never ends, as on a network that swallows packets, is given up at once."""
    connected = asyncio.Event()

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await reader.read(65536)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.transport.abort()

    def answer(item: Input) -> list[Dial | Transmit | Hang | Replace]:
        return [Hang(1)] if isinstance(item, NetworkChanged) else []

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    async with server:
        address = parse_address(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        async with driven(dialing(answer), address) as here:
            async with asyncio.timeout(PATIENCE_S):
                await connected.wait()
            await here.driver.submit(NetworkChanged())


async def test_slow_network_never_holds_up_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The peer reads nothing: turns go on, and the link is cut when too much waits."""
    monkeypatch.setattr(websocket, "WAITING_BYTES_MAX", 16 * 1024 * 1024)
    ended = asyncio.Event()

    async def handler(connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        await ended.wait()
        connection.transport.abort()

    big = bytes(1024 * 1024)

    def answer(item: Input) -> list[Dial | Transmit | Hang | Replace]:
        return [Transmit(1, big)] if isinstance(item, NetworkChanged) else []

    async with serving(handler) as address, driven(dialing(answer), address) as here:
        await here.heard(LinkConnected)
        while not any(isinstance(item, LinkLost) for item in here.engine.inputs):
            async with asyncio.timeout(PATIENCE_S):
                await here.driver.submit(NetworkChanged())
        ended.set()


async def test_flood_is_held_up_and_nothing_is_lost() -> None:
    count = 1000

    async def handler(connection: ServerConnection) -> None:
        for number in range(count):
            await connection.send(b"%d" % number)
        await connection.wait_closed()

    async with serving(handler) as address, driven(dialing(), address) as here:
        heard = await here.heard(MessageArrived, count)
        assert heard == [MessageArrived(1, b"%d" % number) for number in range(count)]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (4, Registered(7, 4)),
        (RegistrationError("device_removed", ""), ReplaceRefused("device_removed")),
        (RegistrationError("bad_request", ""), ReplaceFailed()),
        (TransportError("no network"), ReplaceFailed()),
        (ImportError("a SOCKS proxy, and no library for it"), ReplaceFailed()),
    ],
)
async def test_replacement(
    monkeypatch: pytest.MonkeyPatch, answer: int | Exception, expected: Registered | ReplaceFailed
) -> None:
    async def replace_device(address: Address, output: Replace) -> int:
        if isinstance(answer, Exception):
            raise answer
        return answer

    def script(inputs: Sequence[Input], now: Instant) -> Turn:
        replace = [Replace(7, 3, b"", b"", b"", b"")] if Poked() in inputs else []
        return Turn(results=results(inputs), outputs=[*replace], news=True)

    monkeypatch.setattr(http, "replace_device", replace_device)
    async with driven(script) as here:
        assert await here.heard(type(expected)) == [expected]


async def test_a_lost_database_is_told_to_everybody() -> None:
    gone = asyncio.Event()

    async def handler(connection: ServerConnection) -> None:
        await connection.wait_closed()
        gone.set()

    follow = dialing()

    def script(inputs: Sequence[Input], now: Instant) -> Turn:
        if SEND in inputs:
            raise StoreError("the disk is gone")
        return follow(inputs, now)

    async with serving(handler) as address, driven(script, address) as here:
        await here.heard(LinkConnected)
        with pytest.raises(StoreError, match="the disk is gone"):
            await here.driver.submit(SEND)
        async with asyncio.timeout(PATIENCE_S):
            await gone.wait()
        assert isinstance(here.driver.failed, StoreError)
        with pytest.raises(StoreError, match="the disk is gone"):
            await here.driver.submit(SEND)
        here.driver.tell(Poked())


async def test_a_defect_ends_the_driver_loudly(caplog: pytest.LogCaptureFixture) -> None:
    def script(inputs: Sequence[Input], now: Instant) -> Turn:
        raise KeyError("oops")

    async with driven(script) as here:
        with pytest.raises(StoreError, match="KeyError"):
            await here.driver.submit(SEND)
    assert "the driver stops" in caplog.text


async def test_close_tells_who_still_waits() -> None:
    script, started, go = held_up()
    async with driven(script) as here:
        await asyncio.to_thread(started.wait, PATIENCE_S)
        late = here.driver.submit(SEND)
        closing = asyncio.create_task(here.driver.close())
        go.set()
        await closing
        with pytest.raises(OnebarError, match="closed"):
            await late
        with pytest.raises(OnebarError, match="closed"):
            await here.driver.submit(SEND)
        assert SEND not in here.engine.inputs
