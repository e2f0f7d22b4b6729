"""The list of chats: what each row says, and in which order."""

import asyncio
from dataclasses import dataclass
from typing import Final

from onebar import Event, Message, MessageState
from onebar.chats import ChatSummary
from onebar.models import Standing
from onebar_app.view_models.formats import initials, short_time
from onebar_app.view_models.observable import Observable
from onebar_app.view_models.session import Session, now_ms
from onebar_app.words import Words

GATHER_S: Final = 0.05
"""How long news are gathered before the list is read anew: a burst of a hundred messages is one look."""

KINDS: Final = {"photo": "image", "video": "video", "voice": "mic", "file": "file"}
"""The icon of each kind of attachment."""


@dataclass(frozen=True, slots=True)
class ChatRow:
    """One row."""

    key: str
    """The phone number."""
    name: str
    initials: str
    preview: str
    preview_icon: str
    draft: bool
    time: str
    unread: int
    tick: str
    """The icon for how far our last message has come; empty if it is not ours."""
    read: bool
    failed: bool
    muted: bool
    pinned: bool
    archived: bool
    standing: Standing


def tick_of(message: Message) -> str:
    """Return the icon that says how far a message of ours has come."""
    if message.state.failed:
        return "circle-alert"
    return {
        MessageState.QUEUED: "clock",
        MessageState.SENT: "check",
        MessageState.DELIVERED: "check-check",
        MessageState.READ: "check-check",
    }.get(message.state, "")


def said(message: Message, words: Words) -> str:
    """Return a message in one line."""
    if message.state is MessageState.UNREADABLE:
        return words("unreadable")
    if message.state is MessageState.UNSUPPORTED:
        return words("unsupported")
    if message.text:
        return " ".join(message.text.split())
    return words(f"kind_{message.attachment.kind}") if message.attachment else ""


def is_muted(chat: ChatSummary, now_ms: int) -> bool:
    """Whether a chat makes no sound now."""
    return chat.muted_until is not None and chat.muted_until.timestamp() * 1000 > now_ms


def chat_row(chat: ChatSummary, name: str, now: int, words: Words) -> ChatRow:
    """Return the row of a chat."""
    last = chat.last
    drafted = bool(chat.draft) and chat.standing is Standing.ACCEPTED
    ours = last is not None and last.outgoing and not drafted
    return ChatRow(
        key=chat.phone,
        name=name,
        initials=initials(chat.name or ""),
        preview=" ".join(chat.draft.split()) if drafted else said(last, words) if last else words("no_messages"),
        preview_icon=KINDS.get(last.attachment.kind, "") if last and last.attachment and not drafted else "",
        draft=drafted,
        time=short_time(last.sent_at_ms, now, words) if last else "",
        unread=chat.unread,
        tick=tick_of(last) if ours and last else "",
        read=ours and last is not None and last.state is MessageState.READ,
        failed=ours and last is not None and last.state.failed,
        muted=is_muted(chat, now),
        pinned=chat.pinned,
        archived=chat.archived,
        standing=chat.standing,
    )


class ChatList(Observable):
    """All chats; it looks again when something happens."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.loaded = False
        self.chats: list[ChatRow] = []
        """What is in the list: neither requests, nor blocked, nor archived ones."""
        self.requests: list[ChatRow] = []
        self.archived: list[ChatRow] = []
        self.blocked: list[ChatRow] = []
        self.unsent = 0
        """How many messages of ours the server does not have yet."""
        self._dirty = asyncio.Event()
        self._dirty.set()
        session.on_event(self._happened)
        session.follow(self._keep_up())

    @property
    def unread(self) -> int:
        """How many messages are new, in chats that are not muted."""
        return sum(row.unread for row in self.chats if not row.muted)

    def matching(self, query: str) -> list[ChatRow]:
        """Return the chats whose name or number holds a text."""
        wanted = query.casefold().strip()
        digits = "".join(filter(str.isdigit, wanted))
        rows = [*self.chats, *self.archived]
        return [row for row in rows if wanted in row.name.casefold() or (len(digits) > 2 and digits in row.key)]

    def look(self) -> None:
        """Read the chats anew, soon."""
        self._dirty.set()

    def pin(self, row: ChatRow) -> None:
        """Pin a chat to the top, or not any more."""
        self._keep(row, "pinned", not row.pinned)

    def mute(self, row: ChatRow) -> None:
        """Mute a chat, or not any more."""
        self._keep(row, "muted", not row.muted)

    def archive(self, row: ChatRow) -> None:
        """Put a chat away, or back."""
        self._keep(row, "archived", not row.archived)

    async def refresh(self) -> None:
        """Read the chats."""
        now, words, session = now_ms(), self.session.words, self.session
        rows = [chat_row(chat, session.name(chat.phone), now, words) for chat in await session.messenger.chats()]
        self.unsent = len(await session.client.outbox())
        wanted = [row for row in rows if row.standing is Standing.ACCEPTED]
        self.chats = [row for row in wanted if not row.archived]
        self.archived = [row for row in wanted if row.archived]
        self.requests = [row for row in rows if row.standing is Standing.REQUESTED]
        self.blocked = [row for row in rows if row.standing is Standing.BLOCKED]
        self.loaded = True
        self.changed()

    def _keep(self, row: ChatRow, what: str, value: bool) -> None:
        async def keep() -> None:
            await self.session.messenger.keep(row.key, what, value)
            self.look()

        self.session.run(keep())

    def _happened(self, event: Event) -> None:
        del event
        self._dirty.set()

    async def _keep_up(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            await self.refresh()
            await asyncio.sleep(GATHER_S)
