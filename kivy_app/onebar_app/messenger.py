"""The one place where the app meets the SDK: its client, and the names that the user gives to people on this phone."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import msgspec

from onebar import Client
from onebar.chats import FOREVER, ChatSummary, Profile, SearchHit


class Messenger:
    """An open client, and what the user calls people."""

    def __init__(self, client: Client, path: Path) -> None:
        """Read the names; a missing file is an empty one, a damaged one is set aside."""
        self.client = client
        self.profile = Profile()
        """What the user says of themselves, as it was when `look_at_profile` was called last."""
        self._path = path
        self._given = _read(path)
        self._told: dict[str, str] = {}
        self._writing = asyncio.Lock()

    async def look_at_profile(self) -> None:
        """Read what the user says of themselves."""
        self.profile = await self.client.account.profile()

    async def set_profile(self, name: str, about: str) -> None:
        """Say something of oneself; those one talks to are told.

        Raises:
            InputError: The name or the sentence is not valid.
        """
        await self.client.account.set_profile(name=name, about=about)
        await self.look_at_profile()

    async def set_photo(self, photo: Path | None) -> None:
        """Show a photo of oneself to those one talks to; None: none.

        Raises:
            OnebarError: It is no picture that can be used.
            OSError: It cannot be read.
        """
        await self.client.account.set_profile(photo=b"" if photo is None else photo)
        await self.look_at_profile()

    def name(self, phone: str) -> str:
        """Return what to call somebody: as the user does, or as they call themselves; empty if nobody does."""
        return self._given.get(phone) or self._told.get(phone, "")

    async def rename(self, phone: str, name: str) -> None:
        """Call somebody something on this phone; empty: as they call themselves."""
        if name != self._given.get(phone, ""):
            self._given[phone] = name
            async with self._writing:
                await asyncio.to_thread(_replace, self._path, msgspec.json.encode(self._given))

    async def keep(self, phone: str, what: str, value: str | bool) -> None:
        """Set something of a chat: `muted`, `pinned`, `archived`, `draft`.

        Raises:
            InputError: It cannot be set, such as what belongs to a chat in which nothing was said.
            KeyError: There is no such thing.
        """
        chat = self.client.chat(phone)
        setters: dict[str, Callable[[], Awaitable[None]]] = {
            "muted": lambda: chat.mute(FOREVER if value else None),
            "pinned": lambda: chat.pin(bool(value)),
            "archived": lambda: chat.archive(bool(value)),
            "draft": lambda: chat.set_draft(str(value)),
        }
        await setters[what]()

    async def chats(self) -> list[ChatSummary]:
        """Return all chats, archived ones last, as the SDK orders them, by the names of this phone."""
        found = [*await self.client.chats(), *await self.client.chats(archived=True)]
        self._told = {chat.phone: chat.name for chat in found if chat.name}
        return [replace(chat, name=self.name(chat.phone)) for chat in found]

    async def search(self, query: str, phone: str | None = None, limit: int = 50) -> list[SearchHit]:
        """Return messages that have all words of a query, the newest first.

        Args:
            query: Words, in any case; each may be the begin of one.
            phone: Of one chat only.
            limit: The most to return.
        """
        return await self.client.search(query, chat=phone, limit=limit)


def _read(path: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}
    except msgspec.MsgspecError:
        path.replace(path.with_suffix(".damaged"))
        return {}


def _replace(path: Path, content: bytes) -> None:
    part = path.with_suffix(".part")
    part.write_bytes(content)
    part.chmod(0o600)
    part.replace(path)
