import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from onebar.testing.door import Door


class Guest(asyncio.Protocol):
    def __init__(self, came: asyncio.Queue[asyncio.Transport]) -> None:
        self._came = came

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._came.put_nowait(transport)


@asynccontextmanager
async def opened() -> AsyncIterator[tuple[Door, asyncio.Queue[asyncio.Transport]]]:
    came: asyncio.Queue[asyncio.Transport] = asyncio.Queue()
    door = Door(socket.create_server(("127.0.0.1", 0)), lambda: Guest(came))
    door.open()
    try:
        yield door, came
    finally:
        await door.close()
        while not came.empty():
            came.get_nowait().abort()
        await asyncio.sleep(0)


async def dial(door: Door) -> socket.socket:
    sock = socket.socket()
    sock.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(sock, door.sock.getsockname())
    except BaseException:
        sock.close()
        raise
    return sock


async def comes_in(door: Door, came: asyncio.Queue[asyncio.Transport]) -> None:
    client = await asyncio.wait_for(dial(door), 10)
    guest = await asyncio.wait_for(came.get(), 10)
    assert guest.get_extra_info("peername") == client.getsockname()
    client.close()
    guest.abort()


async def test_who_comes_is_let_in() -> None:
    async with opened() as (door, came):
        await comes_in(door, came)
        await comes_in(door, came)


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels do not drop what finds the queue full")
async def test_while_it_is_shut_a_dial_hangs_and_then_it_comes_in() -> None:
    async with opened() as (door, came):
        door.shut()
        door.shut()
        early = asyncio.create_task(dial(door))
        await asyncio.wait([early], timeout=0.1)
        assert not early.done()
        door.open()
        await comes_in(door, came)  # a fresh one, at once
        client = await asyncio.wait_for(early, 10)  # and the first at its kernel's next try
        guest = await asyncio.wait_for(came.get(), 10)
        assert guest.get_extra_info("peername") == client.getsockname()
        client.close()
        guest.abort()
        assert came.empty(), "the plug is nobody"


async def test_it_may_be_shut_and_opened_again_and_again() -> None:
    async with opened() as (door, came):
        for _ in range(3):
            door.shut()
            door.open()
            await comes_in(door, came)
        assert came.empty()


async def test_it_closes_while_it_is_shut() -> None:
    async with opened() as (door, _):
        door.shut()
        address = door.sock.getsockname()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


async def test_without_file_descriptors_it_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened() as (door, came):
        with monkeypatch.context() as patch:
            failed = asyncio.Event()

            def accept(_: socket.socket) -> None:
                failed.set()
                raise OSError(24, "Too many open files")

            patch.setattr(socket.socket, "accept", accept)
            client = await dial(door)
            await asyncio.wait_for(failed.wait(), 10)
        guest = await asyncio.wait_for(came.get(), 10)
        client.close()
        guest.abort()
