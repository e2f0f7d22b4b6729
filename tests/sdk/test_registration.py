"""How a client becomes a device of an account, and what goes wrong on the way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from onebar import (
    Client,
    InputError,
    MessageFailedError,
    MessageState,
    NotRegisteredError,
    RegistrationError,
    TransportError,
)
from onebar.events import DeviceRemoved
from onebar_mockserver import MockServer
from tests.sdk.clients import ALICE, BOB, HASTY, NOWHERE, PATIENCE_S, next_of, registered, texts


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
            with pytest.raises(InputError):
                await old.register(BOB, code="123456")
            await old.register(ALICE, code=lambda: server.sms(ALICE))
            assert old.registered
            assert [message.text for message in await old.chat(BOB).history()] == ["never leaves"]
            async with registered(tmp_path / "bob.db", BOB, server) as bob:
                message = await old.chat(BOB).send("back again")
                await message.delivered(timeout_s=PATIENCE_S)
                assert await texts(bob.events(), 1) == ["back again"]
            assert [device.this for device in await old.devices()] == [True]
