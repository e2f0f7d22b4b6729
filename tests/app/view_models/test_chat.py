"""One chat, without a window: pages, sending, drafts, files."""

from pathlib import Path

import pytest

from onebar import Client, InputError, MessageState
from onebar.models import Standing
from onebar_app.view_models import chat as chat_module
from onebar_app.view_models.chat import PAGE, Chat, can_be_resent, why_not
from onebar_app.view_models.rows import FileRow, NoticeRow, UnreadRow
from onebar_app.view_models.session import Session
from tests.app.view_models.conftest import ALICE, BOB
from tests.app.view_models.waiting import until

SMALL = 6  # messages of a page, where many pages are tried


async def test_what_is_sent_is_there_at_once_and_gets_its_ticks(session: Session, bob: Client) -> None:
    chat = Chat(session, BOB)
    await chat.open()
    await chat.send("  on my way ")
    assert [message.text for message in chat.messages] == ["on my way"]
    await until(chat, lambda: chat.messages[0].state is MessageState.DELIVERED)
    await bob.chat(ALICE).send("good")
    await until(chat, lambda: len(chat.messages) == 2)
    assert chat.unread == 1
    await chat.seen(chat.messages[-1])
    assert chat.unread == 0
    chat.close()


async def test_pages_come_until_the_begin(session: Session, bob: Client) -> None:
    for number in range(PAGE + 5):
        await session.client.chat(BOB).send(str(number))
    chat = Chat(session, BOB)
    await chat.open()
    assert len(chat.messages) == PAGE
    await chat.older()
    await chat.older()
    assert [message.text for message in chat.messages] == [str(number) for number in range(PAGE + 5)]
    assert chat.begin_reached
    assert isinstance(chat.rows[0], NoticeRow)
    chat.close()


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_module, "PAGE", SMALL)
    monkeypatch.setattr(chat_module, "KEPT_MAX", 5 * SMALL)


@pytest.mark.usefixtures("small_pages")
async def test_pages_far_away_are_dropped_and_read_again(session: Session, bob: Client) -> None:
    for number in range(8 * SMALL):
        await session.client.chat(BOB).send(str(number))
    chat = Chat(session, BOB)
    await chat.open()

    def numbers() -> list[int]:
        return [int(message.text) for message in chat.messages]

    while not chat.begin_reached:
        await chat.older()
        assert len(chat.messages) <= 5 * SMALL
        assert numbers() == list(range(numbers()[0], numbers()[0] + len(chat.messages)))  # none is missing between two
    assert numbers()[0] == 0
    assert not chat.end_reached
    await (await bob.chat(ALICE).send("meanwhile")).delivered(20)
    await until(chat, lambda: chat.unread == 1)
    assert numbers()[0] == 0  # what comes in far below does not move what is looked at
    while not chat.end_reached:
        await chat.newer()
        assert len(chat.messages) <= 5 * SMALL
    assert chat.messages[-1].text == "meanwhile"
    assert not chat.begin_reached
    chat.close()


@pytest.mark.usefixtures("small_pages")
async def test_sending_and_jumping_go_to_the_end(session: Session, bob: Client) -> None:
    for number in range(3 * SMALL):
        await session.client.chat(BOB).send(str(number))
    (first,) = (await session.client.chat(BOB).history(limit=3 * SMALL))[:1]
    chat = Chat(session, BOB)
    await chat.open(around=first)
    assert chat.messages[0].text == "0"
    assert chat.begin_reached
    assert not chat.end_reached
    await chat.newest()
    assert chat.end_reached
    assert chat.messages[-1].text == str(3 * SMALL - 1)
    await chat.open(around=first)
    await chat.send("last")
    assert [message.text for message in chat.messages[-2:]] == [str(3 * SMALL - 1), "last"]
    chat.close()


async def test_what_is_new_is_divided_until_something_is_sent(session: Session, bob: Client) -> None:
    await (await bob.chat(ALICE).send("one")).delivered(20)
    chat = Chat(session, BOB)
    await chat.open()
    assert chat.standing == Standing.REQUESTED
    assert any(isinstance(row, UnreadRow) for row in chat.rows)
    await chat.send("answer")
    assert str(chat.standing) == Standing.ACCEPTED
    assert not any(isinstance(row, UnreadRow) for row in chat.rows)
    chat.close()


async def test_a_draft_is_kept_when_the_chat_is_left(session: Session, bob: Client) -> None:
    chat = Chat(session, BOB)
    await chat.open()
    chat.type("half a sen")
    chat.close()
    await session.close()
    summary = await session.client.chat(BOB).summary()
    assert summary is not None
    assert summary.draft == "half a sen"


async def test_a_text_that_is_too_long_says_so(session: Session, bob: Client) -> None:
    chat = Chat(session, BOB)
    await chat.open()
    with pytest.raises(InputError) as wrong:
        await chat.send("x" * 5000)
    assert why_not(wrong.value).startswith("The text has 5000 bytes")
    await chat.send("   ")
    assert chat.messages == []
    chat.close()


async def test_a_file_has_its_row(session: Session, bob: Client, tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("cheese")
    chat = Chat(session, BOB)
    await chat.open()
    await chat.send_path(path)
    assert isinstance(chat.rows[-1], FileRow)
    await until(chat, lambda: chat.messages[0].state is MessageState.DELIVERED)
    assert not can_be_resent(chat.messages[0])
    chat.close()


async def test_blocked_is_blocked(session: Session, bob: Client) -> None:
    await (await bob.chat(ALICE).send("buy this")).delivered(20)
    chat = Chat(session, BOB)
    await chat.open()
    await chat.report_and_block()
    assert chat.standing == Standing.BLOCKED
    await chat.accept()
    assert str(chat.standing) == Standing.ACCEPTED
    chat.close()
