"""A message that was sent, as an app waits for it; more is in test_client.py."""

from pathlib import Path

import pytest

from onebar import MessageState, WaitTimeoutError
from onebar_mockserver import MockServer
from tests.sdk.clients import ALICE, BOB, PATIENCE_S, pair


async def test_it_is_waited_for_until_it_is_read(tmp_path: Path, server: MockServer) -> None:
    async with pair(tmp_path, server) as (alice, bob):
        message = await alice.chat(BOB).send("hello")
        assert repr(message) == f"<SentMessage {message.message_no}>"
        await message.delivered(PATIENCE_S)
        with pytest.raises(WaitTimeoutError, match="not read"):
            await message.read(0)
        await bob.chat(ALICE).accept()
        await bob.chat(ALICE).mark_read((await bob.chat(ALICE).history())[-1])
        await message.read(PATIENCE_S)
        assert await message.state() is MessageState.READ
