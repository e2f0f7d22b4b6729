"""Several clients on one database: one holds it, the others are its guests."""

import asyncio
import sys
import threading
from pathlib import Path

import pytest

from onebar import (
    Client,
    NotRegisteredError,
    OnebarError,
)
from onebar.drivers import home as home_module
from onebar.drivers.lock import HolderLock
from onebar_mockserver import MockServer
from tests.sdk.clients import ALICE, BOB, HASTY, NOWHERE, PATIENCE_S, pair, registered, texts


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


async def test_two_starts_at_once_open_one_database_once(tmp_path: Path) -> None:
    """Else the first one's threads and its lock would be left to nobody."""
    path = tmp_path / "alice.db"
    client = Client.open(path, server=NOWHERE, config=HASTY)
    first, second = await asyncio.gather(client.start(), client.start(), return_exceptions=True)
    await client.close()
    async with Client.open(path, server=NOWHERE, config=HASTY) as again:
        assert again.holding
    assert first is None
    assert isinstance(second, OnebarError)


async def test_a_cancelled_close_closes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the database would stay taken for as long as the process lives, and nobody could close it."""
    path, begun, go = tmp_path / "alice.db", threading.Event(), threading.Event()
    client = Client.open(path, server=NOWHERE, config=HASTY)
    await client.start()
    stop = client._attachments.close

    def stop_late() -> None:
        begun.set()
        go.wait(PATIENCE_S)
        stop()

    monkeypatch.setattr(client._attachments, "close", stop_late)
    closing = asyncio.create_task(client.close())
    await asyncio.to_thread(begun.wait, PATIENCE_S)
    closing.cancel()
    await asyncio.sleep(0)
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await closing
    async with Client.open(path, server=NOWHERE, config=HASTY) as again:
        assert again.holding
