"""What the user has set for a chat, and how a chat comes back from the archive."""

import pytest

from onebar.core.turn import SetChat
from onebar.errors import InputError
from onebar.models import Standing
from onebar.store import SqliteStore
from tests.sdk.store.conftest import BOB, BOBS_PHONE, EVE, EVES_PHONE, receive, send

STRANGER = "+4900000000"


def test_each_setting_stays_until_it_is_set_again(store: SqliteStore) -> None:
    send(store)
    assert store.settings.put(SetChat(BOBS_PHONE, draft="on my", muted_until_ms=5000, pinned=True))
    assert not store.settings.put(SetChat(BOBS_PHONE, pinned=True))
    assert store.settings.put(SetChat(BOBS_PHONE, draft=""))
    chat = store.chat(BOBS_PHONE)
    assert chat
    assert (chat.draft, chat.pinned, chat.archived) == ("", True, False)
    assert chat.muted_until
    assert chat.muted_until.timestamp() == 5
    assert store.settings.put(SetChat(BOBS_PHONE, muted_until_ms=0))
    chat = store.chat(BOBS_PHONE)
    assert chat
    assert chat.muted_until is None


def test_only_a_draft_begins_a_chat_and_an_empty_one_does_not(store: SqliteStore) -> None:
    with pytest.raises(InputError, match="no chat"):
        store.settings.put(SetChat(STRANGER, muted_until_ms=1))
    assert not store.settings.put(SetChat(STRANGER, draft=""))
    assert store.chats() == []
    assert store.settings.put(SetChat(STRANGER, draft="hello"))
    [chat] = store.chats()
    assert (chat.phone, chat.draft, chat.last, chat.standing) == (STRANGER, "hello", None, Standing.ACCEPTED)


def test_sending_the_draft_forgets_it_and_sending_something_else_does_not(store: SqliteStore) -> None:
    store.settings.put(SetChat(BOBS_PHONE, draft="on my way"))
    send(store, "ok")
    assert [chat.draft for chat in store.chats()] == ["on my way"]
    send(store, "on my way")
    assert [chat.draft for chat in store.chats()] == [""]


def test_pinned_chats_stand_first_and_archived_ones_elsewhere(store: SqliteStore) -> None:
    send(store, phone=BOBS_PHONE)
    send(store, phone=EVES_PHONE)
    store.settings.put(SetChat(BOBS_PHONE, pinned=True))
    assert [chat.phone for chat in store.chats()] == [BOBS_PHONE, EVES_PHONE]
    store.settings.put(SetChat(EVES_PHONE, archived=True))
    assert [chat.phone for chat in store.chats()] == [BOBS_PHONE]
    assert [chat.phone for chat in store.chats(archived=True)] == [EVES_PHONE]


@pytest.mark.parametrize(("muted_until_ms", "back"), [(0, True), (999, True), (1000, True), (1001, False)])
def test_a_message_brings_its_chat_back_unless_it_is_muted_now(
    store: SqliteStore, muted_until_ms: int, back: bool
) -> None:
    receive(store, EVE)
    receive(store, BOB)
    for phone in (BOBS_PHONE, EVES_PHONE):
        store.settings.put(SetChat(phone, archived=True, muted_until_ms=muted_until_ms))
    number = receive(store, BOB, 1, 2, 2)
    assert store.settings.bring_back(number or 0, 1000) == (BOBS_PHONE if back else "")
    assert store.settings.bring_back(number or 0, 1000) == ""
    assert [chat.phone for chat in store.chats()] == ([BOBS_PHONE] if back else [])


def test_what_is_unread_is_counted_for_each_chat(store: SqliteStore) -> None:
    receive(store, BOB)
    receive(store, BOB, 1, 2, 2)
    receive(store, EVE)
    assert [store.settings.unread(phone) for phone in (BOBS_PHONE, EVES_PHONE, STRANGER)] == [2, 1, 0]
