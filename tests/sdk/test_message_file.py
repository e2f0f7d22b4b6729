"""The file of a message, as an app watches and opens it."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from onebar import InputError
from onebar import message_file as module
from onebar.models import TransferState
from onebar.store import files
from onebar_mockserver import MockServer
from tests.sdk.clients import BOB, PATIENCE_S, pair


async def test_progress_ends_when_it_is_there(tmp_path: Path, server: MockServer) -> None:
    async with pair(tmp_path, server) as (alice, _):
        document = tmp_path / "document"
        document.write_bytes(bytes(100_000))
        sent = await alice.chat(BOB).send_file(document)
        assert repr(sent.file) == f"<MessageFile of {sent.message_no}>"
        seen = [at async for at in sent.file.progress()]
        assert seen[-1].state is TransferState.DONE
        assert seen[-1].eta_s == 0.0
        assert seen[-1].bytes_done == seen[-1].bytes_total > 100_000
        await sent.delivered(PATIENCE_S)


async def test_a_long_file_is_saved_and_not_read(
    tmp_path: Path, server: MockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "READ_BYTES_MAX", 10)
    async with pair(tmp_path, server) as (alice, _):
        document = tmp_path / "document"
        document.write_bytes(bytes(11))
        sent = await alice.chat(BOB).send_file(document)
        with pytest.raises(InputError, match="READ_BYTES_MAX = 10"):
            await sent.file.read()
        await sent.file.save(tmp_path / "saved")
        assert (tmp_path / "saved").read_bytes() == bytes(11)
        text = await alice.chat(BOB).send("no file")
        for refused in (text.file.look(), text.file.read(), text.file.fetch()):
            with pytest.raises(InputError, match="file"):
                await refused


async def test_a_cancelled_save_leaves_nothing_plain(
    tmp_path: Path, server: MockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go, read = threading.Event(), threading.Event(), files._read

    def slow(path: Path, stopped: Callable[[], bool]) -> Iterator[bytes]:
        for part in read(path, stopped):
            begun.set()
            go.wait(PATIENCE_S)
            yield part

    async with pair(tmp_path, server) as (alice, _):
        document, folder = tmp_path / "document", tmp_path / "saved"
        document.write_bytes(bytes(1000))
        folder.mkdir()
        sent = await alice.chat(BOB).send_file(document)
        await sent.delivered(PATIENCE_S)
        monkeypatch.setattr(files, "_read", slow)
        saving = asyncio.create_task(sent.file.save(folder / "document"))
        await asyncio.to_thread(begun.wait, PATIENCE_S)
        saving.cancel()
        await asyncio.sleep(0)
        go.set()
        with pytest.raises(asyncio.CancelledError):
            await saving
    await asyncio.get_running_loop().shutdown_default_executor()
    assert list(folder.iterdir()) == []
