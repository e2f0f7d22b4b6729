"""Search for messages: it looks while the user types, and shows the answer to the newest question only."""

import asyncio
from dataclasses import dataclass
from typing import Final

from onebar import Message
from onebar.chats import SearchHit
from onebar_app.text.bidi import without_steering
from onebar_app.text.layout import Marks
from onebar_app.view_models.chat_list import ChatList, ChatRow, said
from onebar_app.view_models.formats import initials, short_time
from onebar_app.view_models.observable import Observable
from onebar_app.view_models.session import Session, now_ms

PAUSE_S: Final = 0.15
"""A question is asked when typing rests for this time."""

BEFORE_CHARS: Final = 20
"""How much of a long message is shown before the word that was found: enough to know the sentence."""


@dataclass(frozen=True, slots=True)
class FoundRow:
    """A message that was found."""

    key: int
    message: Message
    name: str
    initials: str
    text: str
    spans: Marks
    """Where in `text` the words stand."""
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
        self.messages = [self._row(hit) for hit in found]
        self.answered = True
        self.changed()

    def _row(self, hit: SearchHit) -> FoundRow:
        message, words = hit.message, self._session.words
        text, spans = excerpt(message.text, hit.spans) if message.text else (said(message, words), ())
        return FoundRow(
            message.message_no,
            message,
            self._session.name(message.chat),
            initials(self._session.messenger.name(message.chat)),
            text,
            spans,
            short_time(message.sent_at_ms, now_ms(), words),
        )


def excerpt(text: str, spans: Marks) -> tuple[str, Marks]:
    """Return a text in one line, from shortly before its first span, and where the spans are in it."""
    line, places = "", []
    for char in text:
        places.append(len(line))
        if not char.isspace():
            line += without_steering(char)
        elif line and not line.endswith(" "):
            line += " "
    places.append(len(line))
    found = [(places[begin], places[end]) for begin, end in spans]
    first = min((begin for begin, _ in found), default=0)
    cut = first - BEFORE_CHARS if first >= 2 * BEFORE_CHARS else 0
    by = 1 - cut if cut else 0
    return ("…" + line[cut:] if cut else line).rstrip(), tuple((begin + by, end + by) for begin, end in found)
