"""Search answers the newest question."""

from onebar import Client
from onebar_app.view_models.chat_list import ChatList
from onebar_app.view_models.search import Search
from onebar_app.view_models.session import Session
from tests.app.view_models.conftest import BOB
from tests.app.view_models.waiting import until


async def test_messages_and_chats_are_found(session: Session, bob: Client) -> None:
    await session.messenger.rename(BOB, "Bob Cheesemonger")
    await session.client.chat(BOB).send("A long way to the " + "very " * 20 + "good cheese")
    chats = ChatList(session)
    await until(chats, lambda: chats.chats)
    search = Search(session, chats)
    search.type("chee")
    search.type("chees")
    await until(search, lambda: search.answered)
    assert [row.key for row in search.chats] == [BOB]
    assert search.messages[0].text.startswith("…")
    assert "cheese" in search.messages[0].text
    assert "cheese" not in repr(search.messages[0])
    search.type("")
    await until(search, lambda: search.answered)
    assert (search.chats, search.messages) == ([], [])
