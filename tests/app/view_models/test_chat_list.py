"""The list of chats follows what happens."""

from dataclasses import replace

from onebar import Client, Message, MessageState
from onebar.chats import ChatSummary
from onebar.models import Standing
from onebar_app.view_models.chat_list import ChatList, chat_row, tick_of
from onebar_app.view_models.session import Session
from onebar_app.words import Words
from tests.app.view_models.conftest import ALICE, BOB
from tests.app.view_models.waiting import until

SENT = Message(1, BOB, True, MessageState.SENT, "one\ntwo", 1_790_000_000_000)
CHAT = ChatSummary(BOB, 9, 3, Standing.ACCEPTED, SENT, "Bob Marsh")


def test_a_row_says_what_was_said_last_in_one_line() -> None:
    row = chat_row(CHAT, "Bob Marsh", SENT.sent_at_ms, Words("en"))
    assert (row.preview, row.tick, row.read, row.unread, row.initials) == ("one two", "check", False, 3, "BM")


def test_a_draft_comes_before_what_was_said() -> None:
    row = chat_row(replace(CHAT, draft="and "), "Bob Marsh", SENT.sent_at_ms, Words("en"))
    assert (row.preview, row.draft, row.tick) == ("and", True, "")


def test_ticks_say_how_far_it_is() -> None:
    ticks = {state: tick_of(replace(SENT, state=state)) for state in MessageState}
    assert ticks[MessageState.QUEUED] == "clock"
    assert ticks[MessageState.DELIVERED] == ticks[MessageState.READ] == "check-check"
    assert ticks[MessageState.EXPIRED] == "circle-alert"


async def test_a_stranger_is_a_request_until_accepted(session: Session, bob: Client) -> None:
    chats = ChatList(session)
    await bob.chat(ALICE).send("Hello?")
    await until(chats, lambda: chats.requests)
    assert not chats.chats
    await session.client.chat(BOB).accept()
    chats.look()
    await until(chats, lambda: chats.chats)
    assert chats.unread == 1
    row = chats.chats[0]
    chats.mute(row)
    await until(chats, lambda: chats.chats[0].muted)
    assert chats.unread == 0
    chats.archive(row)
    await until(chats, lambda: chats.archived)
    assert [found.key for found in chats.matching("202 555")] == [BOB]
    chats.pin(chats.archived[0])
    await until(chats, lambda: chats.archived[0].pinned)
