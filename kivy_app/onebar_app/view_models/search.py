"""Search for messages: it looks while the user types, and shows the answer to the newest question only."""

import asyncio
from dataclasses import dataclass
from typing import Final

from onebar import Message
from onebar_app.view_models.chat_list import ChatList, ChatRow, said
from onebar_app.view_models.formats import initials, short_time
from onebar_app.view_models.observable import Observable
from onebar_app.view_models.session import Session, now_ms

PAUSE_S: Final = 0.15
"""A question is asked when typing rests for this time."""


@dataclass(frozen=True, slots=True)
class FoundRow:
    """A message that was found."""

    key: int
    message: Message
    name: str
    initials: str
    text: str
    time: str

    def __repr__(self) -> str:
        """Show which message, never what it says."""
        return f"<FoundRow {self.key}>"


class Search(Observable):
    """What was found."""

    def __init__(self, session: Session, chats: ChatList, phone: str | None = None) -> None:
        super().__init__()
        self._session = session
        self._chats = chats
        self._phone = phone
        self.query = ""
        self.chats: list[ChatRow] = []
        self.messages: list[FoundRow] = []
        self.answered = True

    def type(self, query: str) -> None:
        """Ask something else."""
        self.query, self.answered = query.strip(), False
        self._session.run(self._ask(self.query))

    async def _ask(self, query: str) -> None:
        await asyncio.sleep(PAUSE_S)
        if query != self.query:
            return  # something else was typed meanwhile
        found = await self._session.messenger.search(query, self._phone) if query else []
        if query != self.query:
            return
        self.chats = self._chats.matching(query) if query and self._phone is None else []
        self.messages = [self._row(message) for message in found]
        self.answered = True
        self.changed()

    def _row(self, message: Message) -> FoundRow:
        words, name = self._session.words, self._session.messenger.name(message.chat)
        return FoundRow(
            message.message_no,
            message,
            self._session.name(message.chat),
            initials(name),
            _around(message, self.query, said(message, words)),
            short_time(message.sent_at_ms, now_ms(), words),
        )


def _around(message: Message, query: str, text: str) -> str:
    """Return the part of a long text in which a word was found."""
    del message
    word = query.split()[0].casefold() if query.split() else ""
    at = text.casefold().find(word)
    return text if at < 40 else "…" + text[at - 20 :]
