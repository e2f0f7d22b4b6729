"""`Client` against a real backend: what an app relies on, and what goes wrong on the way."""

import asyncio
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import onebar
from onebar import (
    Client,
    Config,
    DeviceRemoved,
    Event,
    EventStream,
    InputError,
    Message,
    MessageDelivered,
    MessageFailedError,
    MessageReceived,
    MessageSent,
    MessageState,
    NotRegisteredError,
    OnebarError,
    RegistrationError,
    StoreError,
    TransportError,
    WaitTimeoutError,
)
from onebar.core.engine import Engine
from onebar.drivers import home as home_module
from onebar.drivers.lock import HolderLock
from onebar.events import MessageQueued
from onebar.store import open_store
from onebar_mockserver import MockServer

ALICE, BOB, CAROL = "+12025550101", "+12025550102", "+12025550103"
PATIENCE_S = 15.0
HASTY = Config(host="", backoff_s_min=0.02, backoff_s_max=0.1)
NOWHERE = "http://127.0.0.1:9"  # the discard port: nobody there


@pytest.fixture
async def server() -> AsyncIterator[MockServer]:
    async with MockServer() as running:
        yield running


@asynccontextmanager
async def registered(path: Path, phone: str, server: MockServer) -> AsyncIterator[Client]:
    async with Client.open(path, server=server.url, config=HASTY) as client:
        await client.register(phone, code=lambda: server.sms(phone))
        yield client


@asynccontextmanager
async def pair(folder: Path, server: MockServer) -> AsyncIterator[tuple[Client, Client]]:
    async with (
        registered(folder / "alice.db", ALICE, server) as alice,
        registered(folder / "bob.db", BOB, server) as bob,
    ):
        yield alice, bob


async def next_of(stream: EventStream, kind: type[Event]) -> Event:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            event = await anext(stream)
            if isinstance(event, kind):
                return event


async def texts(stream: EventStream, count: int) -> list[str]:
    found = []
    for _ in range(count):
        event = await next_of(stream, MessageReceived)
        assert isinstance(event, MessageReceived)
        found.append(event.text)
    return found


class AnswerLoser:
    """A way to the server on which the answers to registrations get lost."""

    def __init__(self, server: MockServer) -> None:
        self.lose = 0
        self.url = ""
        self._server = server

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        upstream, to_server = await asyncio.open_connection("127.0.0.1", self._server.port)
        to_server.write(head)
        tasks = [
            asyncio.create_task(self._copy(reader, to_server, keep=True)),
            asyncio.create_task(self._copy(upstream, writer, keep=b"/v1/devices" not in head)),
        ]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        to_server.transport.abort()
        writer.transport.abort()

    async def _copy(self, source: asyncio.StreamReader, to: asyncio.StreamWriter, *, keep: bool) -> None:
        while data := await source.read(65536):
            if not keep and self.lose:
                self.lose -= 1
                return
            to.write(data)


@asynccontextmanager
async def answer_loser(server: MockServer) -> AsyncIterator[AnswerLoser]:
    loser = AnswerLoser(server)
    listener = await asyncio.start_server(loser.pass_on, "127.0.0.1", 0)
    loser.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    async with listener:
        yield loser


# Registration


async def test_registers_with_a_code_in_hand(tmp_path: Path, server: MockServer) -> None:
    async with Client.open(tmp_path / "alice.db", server=server.url) as alice:
        assert not alice.registered
        assert alice.phone is None
        await alice.request_code(ALICE)
        await alice.register(ALICE, code=server.sms(ALICE))
        assert alice.registered
        assert alice.phone == ALICE


async def test_registers_once(tmp_path: Path, server: MockServer) -> None:
    asked = 0

    async def read_code() -> str:
        nonlocal asked
        asked += 1
        return f" {server.sms(ALICE)}\n"

    async with Client.open(tmp_path / "alice.db", server=server.url) as alice:
        await asyncio.gather(*(alice.register(ALICE, code=read_code) for _ in range(3)))
    async with Client.open(tmp_path / "alice.db", server=NOWHERE) as alice:
        await alice.register(ALICE, code=read_code)
        with pytest.raises(InputError, match="another number") as caught:
            await alice.register(BOB, code=read_code)
        assert BOB not in str(caught.value)
    assert asked == 1


async def test_wrong_code_and_then_the_right_one(tmp_path: Path, server: MockServer) -> None:
    async with Client.open(tmp_path / "alice.db", server=server.url) as alice:
        await alice.request_code(ALICE)
        wrong = "111111" if server.sms(ALICE) != "111111" else "222222"
        with pytest.raises(RegistrationError) as caught:
            await alice.register(ALICE, code=wrong)
        assert caught.value.reason == "wrong_code"
        assert not alice.registered
        await alice.register(ALICE, code=server.sms(ALICE))
        assert alice.registered


async def test_lost_answers_make_no_second_device(tmp_path: Path, server: MockServer) -> None:
    async with (
        answer_loser(server) as way,
        Client.open(tmp_path / "alice.db", server=way.url, config=HASTY) as alice,
        registered(tmp_path / "bob.db", BOB, server) as bob,
    ):
        await alice.request_code(ALICE)
        way.lose = 3  # as many as one call tries
        with pytest.raises(TransportError):
            await alice.register(ALICE, code=server.sms(ALICE))
        assert not alice.registered
        way.lose = 2
        await alice.register(ALICE, code="000000")  # the server knows this device: any code will do
        message = await bob.chat(ALICE).send("to your one device")
        await message.delivered(timeout_s=PATIENCE_S)


async def test_server_is_down(tmp_path: Path) -> None:
    async with Client.open(tmp_path / "alice.db", server=NOWHERE) as alice:
        with pytest.raises(TransportError):
            await alice.register(ALICE, code=lambda: "123456")


@pytest.mark.parametrize("code", ["", lambda: None, lambda: 123456])
async def test_no_code(tmp_path: Path, server: MockServer, code: object) -> None:
    async with Client.open(tmp_path / "alice.db", server=server.url) as alice:
        with pytest.raises(InputError, match="a code is a text"):
            await alice.register(ALICE, code=code)  # type: ignore[arg-type]
        with pytest.raises(InputError, match="a phone number"):
            await alice.register("0101", code="123456")


async def test_a_second_device_replaces_the_first(tmp_path: Path, server: MockServer) -> None:
    async with registered(tmp_path / "alice.db", ALICE, server) as old:
        await server.stop()
        message = await old.chat(BOB).send("never leaves")
        await server.start()
        async with Client.open(tmp_path / "new.db", server=server.url) as new:
            await new.register(ALICE, code=lambda: server.sms(ALICE))
            event = await next_of(old.events(), DeviceRemoved)
            assert isinstance(event, DeviceRemoved)
            with pytest.raises(MessageFailedError) as caught:
                await message.sent(timeout_s=PATIENCE_S)
            assert caught.value.state == MessageState.UNDELIVERABLE
            assert not old.registered
            with pytest.raises(NotRegisteredError):
                await old.chat(BOB).send("still there?")
            with pytest.raises(NotRegisteredError):
                await old.register(ALICE, code="123456")


# Sending


async def test_a_message_arrives(tmp_path: Path, server: MockServer) -> None:
    async with pair(tmp_path, server) as (alice, bob):
        message = await alice.chat(BOB).send("on my way")
        await message.sent(timeout_s=PATIENCE_S)
        await message.delivered(timeout_s=PATIENCE_S)
        await message.delivered(timeout_s=0)  # a question, and the answer is yes
        assert await message.state() is MessageState.DELIVERED
        assert await texts(bob.events(), 1) == ["on my way"]
        events = alice.events()
        kinds = [type(await next_of(events, Event)) for _ in range(3)]
        assert kinds == [MessageQueued, MessageSent, MessageDelivered]


async def test_send_needs_no_network(tmp_path: Path, server: MockServer) -> None:
    """D1; and what was sent off line arrives in order as soon as there is a server."""
    async with pair(tmp_path, server) as (alice, bob):
        await server.stop()
        messages = [await alice.chat(BOB).send(f"{number}") for number in range(20)]
        assert await messages[0].state() is MessageState.QUEUED
        assert [message.text for message in await alice.outbox()] == [f"{number}" for number in range(20)]
        with pytest.raises(WaitTimeoutError, match="stays in the outbox"):
            await messages[0].sent(timeout_s=0.05)
        with pytest.raises(WaitTimeoutError):
            await messages[0].delivered(timeout_s=0)
        await server.start()
        alice.network_changed()
        await asyncio.gather(*(message.delivered(timeout_s=PATIENCE_S) for message in messages))
        assert await texts(bob.events(), 20) == [f"{number}" for number in range(20)]
        assert await alice.outbox() == []


async def test_links_are_cut_again_and_again(tmp_path: Path, server: MockServer) -> None:
    async with pair(tmp_path, server) as (alice, bob):
        messages = []
        for number in range(40):
            messages.append(await alice.chat(BOB).send(f"{number}"))
            if number % 8 == 4:
                await messages[-1].sent(timeout_s=PATIENCE_S)
                server.drop_links()
            if number % 8 == 6:
                server.faults.drop_acks()
        await asyncio.gather(*(message.delivered(timeout_s=PATIENCE_S) for message in messages))
        assert await texts(bob.events(), 40) == [f"{number}" for number in range(40)]
        assert len(await bob.chat(ALICE).history(limit=100)) == 40


async def test_server_restarts_in_the_middle(tmp_path: Path, server: MockServer) -> None:
    async with pair(tmp_path, server) as (alice, bob):
        messages = [await alice.chat(BOB).send(f"{number}") for number in range(10)]
        await server.restart()
        messages += [await alice.chat(BOB).send(f"{number}") for number in range(10, 20)]
        await asyncio.gather(*(message.delivered(timeout_s=PATIENCE_S) for message in messages))
        assert await texts(bob.events(), 20) == [f"{number}" for number in range(20)]


async def test_key_makes_one_message(tmp_path: Path, server: MockServer) -> None:
    async with registered(tmp_path / "alice.db", ALICE, server) as alice:
        first = await alice.chat(BOB).send("pay", key="order-7")
    async with Client.open(tmp_path / "alice.db", server=server.url) as alice:
        again = await alice.chat(BOB).send("pay", key="order-7")
        assert again.message_no == first.message_no
        assert len(await alice.chat(BOB).history()) == 1


async def test_cancelled_send_is_all_or_nothing(tmp_path: Path, server: MockServer) -> None:
    async with registered(tmp_path / "alice.db", ALICE, server) as alice:
        done = 0
        for number in range(30):
            task = asyncio.create_task(alice.chat(BOB).send(f"{number}"))
            for _ in range(number % 6):  # cancelled at another step each time
                await asyncio.sleep(0)
            task.cancel()
            try:
                await task
                done += 1
            except asyncio.CancelledError:
                pass
        last = await alice.chat(BOB).send("last")
        history = await alice.chat(BOB).history(limit=100)
        assert history[-1].message_no == last.message_no
        assert done + 1 <= len(history) <= 31
        numbers = [int(message.text) for message in history[:-1]]
        assert numbers == sorted(set(numbers))


async def test_refuses_bad_input(tmp_path: Path, server: MockServer) -> None:
    async with Client.open(tmp_path / "alice.db", server=server.url) as alice:
        with pytest.raises(NotRegisteredError):
            await alice.chat(BOB).send("hi")
        await alice.register(ALICE, code=lambda: server.sms(ALICE))
        with pytest.raises(InputError, match="phone"):
            alice.chat("bob")
        with pytest.raises(InputError, match="your own"):
            await alice.chat(ALICE).send("hi")
        with pytest.raises(InputError, match="TEXT_BYTES_MAX"):
            await alice.chat(BOB).send("é" * 2049)
        with pytest.raises(InputError, match="KEY_CHARS_MAX"):
            await alice.chat(BOB).send("hi", key="")
        with pytest.raises(InputError, match="HISTORY_LIMIT_MAX"):
            await alice.chat(BOB).history(limit=0)
        with pytest.raises(InputError):
            alice.events("")
        assert await alice.chats() == []


async def test_pages_of_history(tmp_path: Path, server: MockServer) -> None:
    async with registered(tmp_path / "alice.db", ALICE, server) as alice:
        await asyncio.gather(*(alice.chat(BOB).send(f"{number}") for number in range(25)))
        other = await alice.chat(CAROL).send("hello")
        pages: list[list[Message]] = []
        before = None
        while page := await alice.chat(BOB).history(limit=10, before=before):
            pages.insert(0, page)
            before = page[0].place
        assert [len(page) for page in pages] == [5, 10, 10]
        assert [message.text for page in pages for message in page] == [f"{number}" for number in range(25)]
        assert [(chat.phone, chat.messages) for chat in await alice.chats()] == [(CAROL, 1), (BOB, 25)]
        found = await alice.message(other.message_no)
        assert found is not None
        assert found.text == "hello"
        assert await alice.message(999) is None


# Events


async def test_unconfirmed_event_comes_again(tmp_path: Path, server: MockServer) -> None:
    async with registered(tmp_path / "bob.db", BOB, server):
        pass
    async with registered(tmp_path / "alice.db", ALICE, server) as alice:
        for number in range(3):
            await alice.chat(BOB).send(f"{number}")
        async with Client.open(tmp_path / "bob.db", server=server.url) as bob:
            assert await texts(bob.events(), 2) == ["0", "1"]  # asking for the second confirmed the first
        async with Client.open(tmp_path / "bob.db", server=server.url) as bob:
            assert await texts(bob.events(), 2) == ["1", "2"]
            assert await texts(bob.events(), 1) == ["2"]


async def test_each_consumer_gets_every_event(tmp_path: Path, server: MockServer) -> None:
    async with pair(tmp_path, server) as (alice, bob):
        app, slow = bob.events("app"), bob.events("slow")
        waiting = asyncio.create_task(texts(slow, 5))  # has confirmed nothing when the app is done with all
        for number in range(5):
            await alice.chat(BOB).send(f"{number}")
            assert await texts(app, 1) == [f"{number}"]
        assert await waiting == [f"{number}" for number in range(5)]


async def test_cancelled_wait_loses_no_event(tmp_path: Path, server: MockServer) -> None:
    async with pair(tmp_path, server) as (alice, bob):
        stream = bob.events()
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(stream), 0.01)
        await alice.chat(BOB).send("hi")
        assert await texts(stream, 1) == ["hi"]


async def test_events_end_when_the_client_is_closed(tmp_path: Path, server: MockServer) -> None:
    async with registered(tmp_path / "alice.db", ALICE, server) as alice:
        stream = alice.events()

        async def listen() -> list[Event]:
            return [event async for event in stream]

        listening = asyncio.create_task(listen())
        message = await alice.chat(BOB).send("hi")
        waiting = asyncio.create_task(message.delivered())
        await asyncio.sleep(0)
    assert len(await listening) >= 0
    with pytest.raises(OnebarError, match=r"closed|not open"):
        await waiting
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


# Several processes, one database


async def test_guest_sends_while_the_holder_listens(tmp_path: Path, server: MockServer) -> None:
    async with pair(tmp_path, server) as (alice, bob):
        heard = alice.events()
        async with Client.open(tmp_path / "alice.db", server=server.url) as guest:
            assert alice.holding
            assert not guest.holding
            assert guest.phone == ALICE
            message = await guest.chat(BOB).send("from the guest", key="k")
            again = await guest.chat(BOB).send("from the guest", key="k")
            assert again.message_no == message.message_no
            await message.delivered(timeout_s=PATIENCE_S)
            assert await texts(bob.events(), 1) == ["from the guest"]
            await bob.chat(ALICE).send("hello, both")
            assert await texts(guest.events("guest"), 1) == ["hello, both"]
            assert await texts(heard, 1) == ["hello, both"]
            guest.network_changed()
            await guest.register(ALICE, code="not needed")


async def test_guest_takes_over(tmp_path: Path, server: MockServer) -> None:
    async with registered(tmp_path / "bob.db", BOB, server) as bob:
        async with registered(tmp_path / "alice.db", ALICE, server) as alice:
            guest = Client.open(tmp_path / "alice.db", server=server.url, config=HASTY)
            await guest.start()
            assert not guest.holding
        try:
            assert not alice._home
            message = await guest.chat(BOB).send("still here")
            await message.delivered(timeout_s=PATIENCE_S)
            assert guest.holding
            assert await texts(bob.events(), 1) == ["still here"]
        finally:
            await guest.close()


async def test_guest_leaves_a_draft_for_the_next_holder(tmp_path: Path, server: MockServer) -> None:
    path = tmp_path / "alice.db"
    async with registered(tmp_path / "bob.db", BOB, server) as bob:
        async with registered(path, ALICE, server):
            pass
        lock = HolderLock(path)
        assert lock.acquire()  # a holder that hangs
        async with Client.open(path, server=server.url) as guest:
            await guest.chat(BOB).send("later")
        lock.release()
        async with Client.open(path, server=server.url):
            assert await texts(bob.events(), 1) == ["later"]


async def test_guest_cannot_register(tmp_path: Path, server: MockServer) -> None:
    path = tmp_path / "alice.db"
    async with Client.open(path, server=server.url), Client.open(path, server=server.url) as guest:
        assert not guest.registered
        with pytest.raises(OnebarError, match="another process"):
            await guest.register(ALICE, code="123456")
        with pytest.raises(NotRegisteredError):
            await guest.chat(BOB).send("hi")


async def test_guest_sees_the_registration(tmp_path: Path, server: MockServer) -> None:
    path = tmp_path / "alice.db"
    async with (
        Client.open(path, server=server.url) as alice,
        Client.open(path, server=server.url) as guest,
        registered(tmp_path / "bob.db", BOB, server) as bob,
    ):
        await alice.register(ALICE, code=lambda: server.sms(ALICE))
        await bob.chat(ALICE).send("welcome")
        assert await texts(guest.events("guest"), 1) == ["welcome"]
        assert guest.phone == ALICE


async def test_holder_without_fifos_finds_drafts(
    tmp_path: Path, server: MockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HolderLock, "listen", lambda self, on_poke: False)
    monkeypatch.setattr(home_module, "HOLDER_POLL_S", 0.02)
    async with (
        pair(tmp_path, server) as (_, bob),
        Client.open(tmp_path / "alice.db", server=server.url) as guest,
    ):
        await guest.chat(BOB).send("found")
        assert await texts(bob.events(), 1) == ["found"]


_GUEST = """
import asyncio, sys
from onebar import Client

async def main() -> None:
    async with Client.open(sys.argv[1], server=sys.argv[2]) as guest:
        print(guest.holding, len(await guest.chat(sys.argv[3]).history()))

asyncio.run(main())
"""

_SENDER = """
import asyncio, sys
from onebar import Client

async def main() -> None:
    async with Client.open(sys.argv[1], server=sys.argv[2]) as client:
        for number in range(100_000):
            await client.chat(sys.argv[3]).send(str(number))
            print(number, flush=True)

asyncio.run(main())
"""


@pytest.mark.process
async def test_guest_process_that_ends_harms_nothing(tmp_path: Path, server: MockServer) -> None:
    """A process that closes the database must not take the write-ahead log from under those that have it open."""
    path = tmp_path / "alice.db"
    async with registered(path, ALICE, server) as alice:
        for count in range(3):
            guest = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", _GUEST, str(path), server.url, BOB), stdout=asyncio.subprocess.PIPE
            )
            shown, _ = await guest.communicate()
            assert shown.split() == [b"False", b"%d" % count]
            await alice.chat(BOB).send("seen by the next guest")


@pytest.mark.process
async def test_killed_process_loses_and_doubles_nothing(tmp_path: Path, server: MockServer) -> None:
    """D4: what `send` returned for before kill -9 arrives once, in order; a guest takes over."""
    path = tmp_path / "alice.db"
    async with registered(path, ALICE, server):
        pass
    async with registered(tmp_path / "bob.db", BOB, server) as bob:
        sender = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _SENDER, str(path), server.url, BOB), stdout=asyncio.subprocess.PIPE
        )
        assert sender.stdout is not None
        assert await sender.stdout.readline() == b"0\n"
        async with Client.open(path, server=server.url, config=HASTY) as guest:
            assert not guest.holding
            heard = bob.events()
            arrived = await texts(heard, 20)
            sender.kill()
            acknowledged = 1 + (await sender.stdout.read()).count(b"\n")
            await sender.wait()
            last = await guest.chat(BOB).send("last")
            await last.delivered(timeout_s=PATIENCE_S)
            assert guest.holding
            while arrived[-1] != "last":
                arrived += await texts(heard, 1)
        assert acknowledged <= len(arrived) - 1 <= acknowledged + 1  # one may be committed and not printed
        assert arrived[:-1] == [str(number) for number in range(len(arrived) - 1)]


# The life of a client


async def test_closed_client_says_so(tmp_path: Path, server: MockServer) -> None:
    alice = Client.open(tmp_path / "alice.db", server=server.url)
    with pytest.raises(OnebarError, match="closed"):
        await alice.chats()
    async with alice:
        await alice.register(ALICE, code=lambda: server.sms(ALICE))
        chat = alice.chat(BOB)
        message = await chat.send("hi")
        with pytest.raises(OnebarError, match="open already"):
            await alice.start()
    await alice.close()
    for use in (alice.chats, alice.outbox, message.state, chat.history, lambda: chat.send("hi")):
        with pytest.raises(OnebarError, match=r"closed|not open"):
            await use()
    for look in (lambda: alice.phone, lambda: alice.events(), lambda: alice.chat(BOB), alice.network_changed):
        with pytest.raises(OnebarError, match="closed"):
            look()
    async with alice:  # and may be opened again
        assert alice.registered


def _modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


async def test_files_are_private(tmp_path: Path) -> None:
    async with Client.open(tmp_path / "alice.db", server=NOWHERE):
        modes = _modes(tmp_path)
    assert modes["alice.db"] == 0o600
    assert set(modes.values()) == {0o600}


async def test_directory_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="No such file or directory"):
        await Client.open(tmp_path / "no" / "alice.db", server=NOWHERE).start()


async def test_not_a_database(tmp_path: Path) -> None:
    path = tmp_path / "alice.db"
    path.write_text("a letter to my aunt, which must survive")
    with pytest.raises(StoreError):
        await Client.open(path, server=NOWHERE).start()
    assert path.read_text() == "a letter to my aunt, which must survive"


def test_refuses_a_bad_server_or_path() -> None:
    with pytest.raises(InputError, match="scheme"):
        Client.open("alice.db", server="chat.example.org")
    with pytest.raises(InputError, match="a file"):
        Client.open(":memory:", server=NOWHERE)


async def test_a_lost_database_is_told_to_everybody(
    tmp_path: Path, server: MockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with registered(tmp_path / "alice.db", ALICE, server) as alice:
        message = await alice.chat(BOB).send("hi")
        listening = asyncio.create_task(texts(alice.events(), 1))
        waiting = asyncio.create_task(message.delivered())
        await asyncio.sleep(0)

        def lost(*args: object) -> None:
            raise StoreError("the disk is gone")

        monkeypatch.setattr(Engine, "turn", lost)
        with pytest.raises(StoreError, match="the disk is gone"):
            await alice.chat(BOB).send("hello?")
        for task in (listening, waiting):
            with pytest.raises(StoreError, match="the disk is gone"):
                await task


async def test_cancelled_while_opening_leaks_nothing(tmp_path: Path) -> None:
    for steps in range(1, 12):
        task = asyncio.create_task(Client.open(tmp_path / "alice.db", server=NOWHERE).start())
        for _ in range(steps):
            await asyncio.sleep(0)
        if not task.cancel():
            break
        with pytest.raises(asyncio.CancelledError):
            await task
    async with Client.open(tmp_path / "alice.db", server=NOWHERE) as alice:
        assert alice.holding


async def test_reprs_tell_nothing(tmp_path: Path, server: MockServer) -> None:
    async with registered(tmp_path / "alice.db", ALICE, server) as alice:
        message = await alice.chat(BOB).send("secret")
        shown = f"{alice!r} {alice.chat(BOB)!r} {message!r} {alice.events()!r} {await alice.outbox()!r}"
        assert "secret" not in shown
        assert "+1202" not in shown


async def test_history_is_on_disk(tmp_path: Path, server: MockServer) -> None:
    """What `send` returned for is committed: another connection sees it at once."""
    async with registered(tmp_path / "alice.db", ALICE, server) as alice:
        message = await alice.chat(BOB).send("durable")
        store = open_store(tmp_path / "alice.db", create=False)
        found = store.message(message.message_no)
        store.close()
        assert found is not None
        assert found.text == "durable"


def test_public_names() -> None:
    assert len(onebar.__all__) <= 25
    assert all(hasattr(onebar, name) for name in onebar.__all__)


@pytest.mark.process
def test_import_is_light() -> None:
    script = (
        "import sys, onebar; print([name for name in ('httpx', 'websockets', 'ssl', 'PIL') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    heavy = shown.strip()
    assert heavy in ("[]", "['ssl']"), heavy
