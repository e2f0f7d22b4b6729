"""Backups: made while the server works, whole, and put back so that nothing is lost and nothing comes twice (R21)."""

import asyncio
import os
import sqlite3
from contextlib import AsyncExitStack, closing
from pathlib import Path

import pytest

from onebar.client import Client
from onebar.events import MessageReceived
from onebar_mockserver import MockServer
from onebar_mockserver import backup as backup_module
from onebar_mockserver.backup import BackupError, backup, restore
from onebar_mockserver.blob_files import FOLDER_NAME
from onebar_mockserver.checking import check
from onebar_mockserver.sqlite.database import FILE_NAME
from tests.mockserver.test_checking import fill

ALICE, BOB = "+4915112345671", "+4915112345672"
PATIENCE_S = 30.0


async def phone(server: MockServer, folder: Path, number: str) -> Client:
    client = Client.open(folder / f"{number}.db", server=server.url)
    await client.__aenter__()

    async def code() -> str:
        return server.sms(number)

    await client.register(number, code=code)
    return client


async def received(client: Client, count: int) -> list[str]:
    """Wait for so many texts; return all that the app was told."""
    texts: list[str] = []
    async with asyncio.timeout(PATIENCE_S):
        async for event in client.events(consumer="test"):
            if isinstance(event, MessageReceived):
                texts.append(event.text or "")
                if len(texts) == count:
                    break
    return texts


async def history(client: Client, number: str) -> list[str]:
    return [message.text for message in await client.chat(number).history()]


async def test_r21_a_backup_that_was_put_back_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(MockServer(data))
        alice, bob = await phone(server, tmp_path, ALICE), await phone(server, tmp_path, BOB)
        stack.push_async_exit(alice.__aexit__)
        stack.push_async_exit(bob.__aexit__)
        texts = [f"text {number}" for number in range(9)]
        for text in texts[:3]:
            await (await alice.chat(BOB).send(text)).delivered(timeout_s=PATIENCE_S)
        await asyncio.to_thread(backup, data, tmp_path / "backup")  # while everybody is connected
        for text in texts[3:6]:  # Bob has them, and the backup does not know of them
            await (await alice.chat(BOB).send(text)).delivered(timeout_s=PATIENCE_S)
        await server.stop()
        data.rename(tmp_path / "lost")
        await asyncio.to_thread(restore, tmp_path / "backup", data)
        assert epochs(tmp_path / "backup") == {1}
        assert epochs(data) == {2}
        await server.start()
        for text in texts[6:]:
            await (await alice.chat(BOB).send(text)).delivered(timeout_s=PATIENCE_S)
        assert await received(bob, 9) == texts
        assert await history(bob, ALICE) == await history(alice, BOB) == texts
        answer = await bob.chat(ALICE).send("and back")
        await answer.delivered(timeout_s=PATIENCE_S)
    assert check(data).problems == []


def epochs(data: Path) -> set[int]:
    with closing(sqlite3.connect(data / FILE_NAME)) as connection:
        return {epoch for (epoch,) in connection.execute("SELECT epoch FROM positions")}


async def test_blobs_come_along_and_one_dropped_meanwhile_loses_its_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = await fill(tmp_path / "data")
    assert backup(tmp_path / "data", tmp_path / "one").endswith("blobs=1")
    copied = tmp_path / "one" / file.relative_to(tmp_path / "data")
    assert copied.read_bytes() == b"four"
    assert (tmp_path / "one").stat().st_mode & 0o777 == 0o700
    assert restore(tmp_path / "one", tmp_path / "two") == (
        f"{tmp_path / 'two'} has accounts=0 devices=0 entries=0 blobs=1; every mailbox has a new epoch"
    )
    order: list[str] = []
    copy_database = backup_module._copy_database

    def drop_after(source: Path, copy: Path) -> None:
        order.append(source.name)
        copy_database(source, copy)
        if source.parent.name == FOLDER_NAME:
            file.unlink()

    monkeypatch.setattr(backup_module, "_copy_database", drop_after)
    assert backup(tmp_path / "data", tmp_path / "three").endswith("blobs=0")
    assert order == ["onebar.sqlite3", "blobs.sqlite3"], "mail first: what it speaks of is then in the rows"


async def test_what_cannot_be_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data"
    with pytest.raises(BackupError, match=r"there is no onebar\.sqlite3 in .*data; name the folder"):
        backup(data, tmp_path / "one")
    with pytest.raises(BackupError, match="name a folder that `backup` made"):
        restore(data, tmp_path / "one")
    file = await fill(data)
    with pytest.raises(BackupError, match="data is there already; name a folder that is not"):
        backup(data, data)
    file.write_bytes(b"")
    with pytest.raises(BackupError, match="the copy is damaged: a blob's file has 0 bytes of 4"):
        backup(data, tmp_path / "one")
    assert [path.name for path in tmp_path.iterdir()] == ["data"], "nothing is left of a copy that failed"
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(BackupError, match=r"this is user 12345.*run this as the server's user"):
        backup(data, tmp_path / "one")
