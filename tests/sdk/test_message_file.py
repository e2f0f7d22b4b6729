"""The file of a message, as an app watches and opens it."""

from pathlib import Path

import pytest

from onebar import InputError
from onebar import message_file as module
from onebar.models import TransferState
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
