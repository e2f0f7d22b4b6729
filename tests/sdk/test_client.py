"""`Client` against a real backend: what an app relies on, and what goes wrong on the way."""

import asyncio
import gc
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import onebar
from onebar import (
    Client,
    Event,
    InputError,
    Message,
    MessageDelivered,
    MessageFailedError,
    MessageSent,
    MessageState,
    NotRegisteredError,
    OnebarError,
    StoreError,
    WaitTimeoutError,
)
from onebar.core.engine import Engine
from onebar.crypto.wrapping import WrappingKey
from onebar.errors import WrongPassphraseError
from onebar.events import MessageQueued
from onebar.store import open_store
from onebar_mockserver import MockServer
from tests.sdk.clients import ALICE, BOB, CAROL, HASTY, NOWHERE, PATIENCE_S, next_of, pair, registered, texts

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
        with pytest.raises(InputError, match="PAGE_MESSAGES_MAX"):
            await alice.chat(BOB).history(limit=0)
        with pytest.raises(InputError, match="before or after"):
            await alice.chat(BOB).history(before=1, after=1)
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
        assert await alice.chat(BOB).history(limit=10, after=pages[0][-1].place) == pages[1]
        assert [message.text for page in pages for message in page] == [f"{number}" for number in range(25)]
        assert [(chat.phone, chat.messages) for chat in await alice.chats()] == [(CAROL, 1), (BOB, 25)]
        found = await alice.message(other.message_no)
        assert found is not None
        assert found.text == "hello"
        assert await alice.message(999) is None


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
    assert modes["alice.db"] == modes["alice.db.key"] == 0o600
    assert set(modes.values()) == {0o600}


async def test_only_the_passphrase_opens_the_device(tmp_path: Path, server: MockServer) -> None:
    path = tmp_path / "alice.db"
    async with Client.open(path, server=server.url, passphrase="correct horse") as alice:
        await alice.register(ALICE, code=lambda: server.sms(ALICE))
    for wrong in ("battery staple", "Correct horse"):
        with pytest.raises(WrongPassphraseError, match="try again"):
            await Client.open(path, server=server.url, passphrase=wrong).start()
    with pytest.raises(StoreError, match="needs a passphrase"):
        await Client.open(path, server=server.url).start()
    with pytest.raises(InputError, match="PASSPHRASE_BYTES_MAX"):
        await Client.open(path, server=server.url, passphrase="").start()
    alice = Client.open(path, server=server.url, passphrase="correct horse")
    for _ in range(2):  # the same client may be opened again
        async with alice:
            assert alice.registered


async def test_a_vault_of_the_apps_own_keeps_the_keys(tmp_path: Path, server: MockServer) -> None:
    path, vault = tmp_path / "alice.db", WrappingKey(b"k" * 32, os.urandom)
    async with Client.open(path, server=server.url, vault=vault) as alice:
        await alice.register(ALICE, code=lambda: server.sms(ALICE))
    assert not path.with_name("alice.db.key").exists()
    async with Client.open(path, server=server.url, vault=vault) as alice:
        assert alice.phone == ALICE
    with pytest.raises(OnebarError):
        await Client.open(path, server=server.url, vault=WrappingKey(b"x" * 32, os.urandom)).start()
    with pytest.raises(InputError, match="not both"):
        Client.open(path, server=server.url, vault=vault, passphrase="correct horse")


async def test_a_lost_key_is_told_and_nothing_is_made_anew(tmp_path: Path, server: MockServer) -> None:
    path = tmp_path / "alice.db"
    async with registered(path, ALICE, server):
        pass
    key = path.with_name("alice.db.key")
    secret = key.read_bytes()
    key.unlink()
    with pytest.raises(StoreError, match="restore the file"):
        await Client.open(path, server=server.url).start()
    assert not key.exists()
    key.write_bytes(secret)
    async with Client.open(path, server=server.url) as alice:
        assert alice.registered


async def test_registration_returns_when_others_can_write(tmp_path: Path, server: MockServer) -> None:
    """Nobody has to wait and ask again for the keys of a device that has just been registered."""
    async with pair(tmp_path, server) as (alice, bob):
        assert bob._home is not None
        assert bob._home.engine is not None
        assert bob._home.engine.published_list == 1
        await (await alice.chat(BOB).send("at once")).delivered(timeout_s=PATIENCE_S)


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
        client = Client.open(tmp_path / "alice.db", server=NOWHERE)
        task = asyncio.create_task(client.start())
        for _ in range(steps):
            await asyncio.sleep(0)
        if not task.cancel():  # it was faster
            await client.close()
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


async def test_an_app_can_show_what_the_link_is_doing(tmp_path: Path, server: MockServer) -> None:
    async with Client.open(tmp_path / "alice.db", server=server.url, config=HASTY) as alice:
        assert alice.link.state == "unregistered"
        await alice.register(ALICE, code=lambda: server.sms(ALICE))
        message = await alice.chat(BOB).send("to a number that nobody has")
        with pytest.raises(MessageFailedError):
            await message.sent(timeout_s=PATIENCE_S)
        assert alice.link.state == "open"
        assert alice.link.round_trip_ms is not None
        async with Client.open(tmp_path / "alice.db", server=server.url) as guest:
            assert guest.link.state == "elsewhere"


def test_public_names() -> None:
    assert len(onebar.__all__) <= 25
    assert all(hasattr(onebar, name) for name in onebar.__all__)


@pytest.mark.process
def test_import_is_light() -> None:
    heavy_ones = ("httpx", "websockets", "ssl", "PIL", "cffi", "cryptography")
    script = f"import sys, onebar; print([name for name in {heavy_ones} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    heavy = shown.strip()
    assert heavy in ("[]", "['ssl']"), heavy


async def test_a_stream_that_nobody_reads_any_more_leaves_no_error_behind(
    tmp_path: Path, server: MockServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What fails in the background is logged once, and not left for the garbage collector to complain about."""

    def lost(*_: object) -> None:
        raise StoreError("the disk is gone")

    async with registered(tmp_path / "alice.db", ALICE, server) as alice:
        stream = alice.events()
        await alice.chat(BOB).send("one")
        await alice.chat(BOB).send("two")
        await next_of(stream, MessageQueued)
        assert alice._home is not None
        monkeypatch.setattr(alice._home._reading, "confirm_events", lost)
        await anext(stream)
    del stream
    gc.collect()
    assert "never retrieved" not in caplog.text
