"""What the app keeps of chats beside the SDK: names, drafts, pins; and search."""

import asyncio
from pathlib import Path

import pytest

from onebar import Client
from onebar.events import ProfileChanged
from onebar_app.messenger import Messenger
from onebar_mockserver.pytest_plugin import MakePhone

ALICE, BOB, CAROL = "+12025550101", "+12025550102", "+12025550103"


@pytest.fixture
async def pair(onebar_phone: MakePhone) -> tuple[Client, Client]:
    alice, bob = await onebar_phone(ALICE), await onebar_phone(BOB)
    await (await bob.chat(ALICE).send("The cheese is in the blue bag")).delivered(30)
    await alice.chat(BOB).accept()
    return alice, bob


async def test_chats_have_names_drafts_and_pins(pair: tuple[Client, Client], tmp_path: Path) -> None:
    messenger = Messenger(pair[0], tmp_path / "names.json")
    await messenger.rename(BOB, "Bob")
    await messenger.keep(BOB, "draft", "and the")
    await messenger.keep(BOB, "pinned", True)
    (chat,) = await messenger.chats()
    assert chat.last is not None
    assert (chat.name, chat.unread, chat.draft, chat.pinned) == ("Bob", 1, "and the", True)
    await messenger.keep(BOB, "muted", True)
    await messenger.keep(BOB, "archived", True)
    (chat,) = await messenger.chats()
    assert chat.archived
    assert chat.muted_until is not None
    with pytest.raises(KeyError):
        await messenger.keep(BOB, "starred", True)


async def test_people_are_called_what_they_call_themselves(pair: tuple[Client, Client], tmp_path: Path) -> None:
    messenger = Messenger(pair[0], tmp_path / "names.json")
    await pair[1].account.set_profile(name="Bobby")
    await (await pair[1].chat(ALICE).send("it is me")).delivered(30)
    async with asyncio.timeout(20):
        async for event in pair[0].events("names"):
            if isinstance(event, ProfileChanged):
                break
    await messenger.chats()
    assert messenger.name(BOB) == "Bobby"
    await messenger.rename(BOB, "Bob")
    assert messenger.name(BOB) == "Bob"


async def test_what_was_kept_is_there_again(pair: tuple[Client, Client], tmp_path: Path) -> None:
    path = tmp_path / "names.json"
    first = Messenger(pair[0], path)
    await first.rename(BOB, "Bob")
    await first.set_profile("Alice", "here")
    again = Messenger(pair[0], path)
    await again.look_at_profile()
    assert (again.name(BOB), again.name(CAROL), again.profile.name) == ("Bob", "", "Alice")
    assert path.stat().st_mode & 0o077 == 0


async def test_a_damaged_file_is_set_aside(pair: tuple[Client, Client], tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    path.write_text("{")
    assert Messenger(pair[0], path).name(BOB) == ""
    assert path.with_suffix(".damaged").exists()


async def test_search_wants_every_word(pair: tuple[Client, Client], tmp_path: Path) -> None:
    messenger = Messenger(pair[0], tmp_path / "kept.json")
    assert [hit.message.text for hit in await messenger.search("BLUE chee")] == ["The cheese is in the blue bag"]
    assert await messenger.search("blue wine") == []
    assert await messenger.search("  ") == []
    assert len(await messenger.search("bag", BOB, limit=1)) == 1
