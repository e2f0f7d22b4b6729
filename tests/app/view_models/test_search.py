"""Search answers the newest question."""

from onebar import Client
from onebar_app.view_models.chat_list import ChatList
from onebar_app.view_models.search import Search, excerpt
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
    row = search.messages[0]
    assert [row.text[begin:end] for begin, end in row.spans] == ["chees"]
    search.type("")
    await until(search, lambda: search.answered)
    assert (search.chats, search.messages) == ([], [])


def test_an_excerpt_is_one_line_and_knows_where_the_words_are() -> None:
    text = "  A  \u202elong\u202c\n\n" + "way " * 30 + "to the\tgood cheese, the best cheese  "
    begins = [text.index("cheese"), text.rindex("cheese")]
    shown, spans = excerpt(text, tuple((begin, begin + 6) for begin in begins))
    assert shown.startswith("…")
    assert shown.endswith("to the good cheese, the best cheese")
    assert [shown[begin:end] for begin, end in spans] == ["cheese", "cheese"]
    assert excerpt("short and good", ((0, 5),)) == ("short and good", ((0, 5),))
    assert excerpt("nothing to mark", ()) == ("nothing to mark", ())
