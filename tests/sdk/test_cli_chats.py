"""The commands about chats as a whole, on a client that stays open."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from onebar import Client, InputError
from onebar.chats import FOREVER, ChatSummary
from onebar.cli_arguments import parse
from onebar.cli_chats import CHAT_COMMANDS, chat_line
from onebar.events import ProfileChanged
from onebar.models import Standing
from onebar_mockserver import MockServer
from tests.sdk.clients import ALICE, BOB, PATIENCE_S, next_of, pair, texts
from tests.sdk.media.made import loaded, saved, scene


async def run(client: Client, *words: str) -> list[str]:
    args = parse(words)
    return list(await CHAT_COMMANDS[args.command](client, args))


async def test_chats_are_listed_set_and_searched(tmp_path: Path, server: MockServer) -> None:
    async with pair(tmp_path, server) as (alice, bob):
        await (await bob.chat(ALICE).send("the keys are under the mat")).delivered(PATIENCE_S)
        await texts(alice.events(), 1)
        assert await run(alice, "chats") == [f"{BOB} (1 unread, requested): the keys are under the mat"]
        await alice.chat(BOB).accept()
        await alice.chat(BOB).mark_read()
        [line] = await run(alice, "chat", BOB, "--mute", "--pin", "--draft", "than")
        assert line == f"{BOB} (muted, pinned): the keys are under the mat [draft: than]"
        assert await run(alice, "chat", BOB, "--unmute", "--no-pin", "--archive", "--draft", "") == [
            f"{BOB} (archived): the keys are under the mat"
        ]
        assert await run(alice, "chats") == []
        [row] = await run(alice, "chats", "--archived", "--json")
        assert json.loads(row)["last"]["text"] == "the keys are under the mat"
        [hit] = await run(alice, "search", "KEY mat")
        assert hit.endswith("the keys are under the mat")
        [found] = await run(alice, "search", "key", "--chat", BOB, "--json")
        assert json.loads(found)["spans"] == [[4, 7]]
        assert await run(alice, "search", "key", "--before", "1") == await run(alice, "search", "cat") == []
        assert await run(alice, "chat", "+12025550199") == []
        assert await run(alice, "chat", BOB, "--mute", "8", "--no-archive") == [
            f"{BOB} (muted): the keys are under the mat"
        ]


def test_a_row_steers_no_terminal_and_says_what_is_set() -> None:
    now = datetime.now(UTC)
    row = ChatSummary(BOB, 0, 0, Standing.ACCEPTED, None, "Bob\x1b[2J", now - timedelta(hours=1), draft="a\nb")
    assert chat_line(row, now, as_json=False) == f"{BOB} Bob\\u001b[2J [draft: a\\u000ab]"
    forever = json.loads(chat_line(ChatSummary(BOB, muted_until=FOREVER), now, as_json=True))
    assert forever["muted_until"] == "9999-12-31T00:00:00+00:00"
    assert forever["last"] is None


async def test_a_profile_is_set_shown_and_its_photo_saved(tmp_path: Path, server: MockServer) -> None:
    async with pair(tmp_path, server) as (alice, bob):
        assert await run(alice, "profile") == []
        (tmp_path / "me.png").write_bytes(saved(scene(90, 90), "PNG"))
        told = await run(alice, "profile", "--name", "Alice", "--about", "hi", "--photo", str(tmp_path / "me.png"))
        assert told == ["Alice", "hi"]
        await alice.chat(BOB).send("hello")
        await next_of(bob.events(), ProfileChanged)
        assert await run(bob, "profile", ALICE, "--save", str(tmp_path / "alice.jpg")) == ["Alice", "hi"]
        assert loaded((tmp_path / "alice.jpg").read_bytes()).size == (90, 90)
        [line] = await run(bob, "profile", ALICE, "--json")
        assert json.loads(line)["name"] == "Alice"
        assert await run(alice, "profile", BOB) == []
        assert await run(alice, "profile", "--photo", "", "--about", "") == ["Alice"]
        with pytest.raises(InputError, match="themselves"):
            await run(alice, "profile", BOB, "--name", "Bobby")
