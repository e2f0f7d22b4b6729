"""Files in the database: wrapped, moved, and ended with their messages."""

import pytest

from onebar.core.records import Envelope
from onebar.errors import DecryptionError
from onebar.models import TransferState
from onebar.store import SqliteStore
from tests.sdk.core.courier import TOTAL, a_file

PEER = "+12025550102"


def send(store: SqliteStore, number: int = 1, *, uploaded: bool = False) -> int:
    with store.transaction():
        return store.outbox.add(PEER, "look", None, number, 0, None, (a_file(number=number), uploaded))


def test_what_a_file_is_and_its_key_are_wrapped_for_their_place(store: SqliteStore) -> None:
    first, second = send(store), send(store, 2)
    connection = store._database.connection
    (about,) = connection.execute("SELECT about FROM attachment WHERE message_no = ?", (first,)).fetchone()
    assert b"k" * 32 not in about
    assert b"a name" not in about
    assert store.attachments.file(first) == a_file()
    with store.transaction():
        connection.execute("UPDATE attachment SET about = ? WHERE message_no = ?", (about, second))
    with pytest.raises(DecryptionError):
        store.attachments.file(second)
    with pytest.raises(LookupError):
        store.attachments.file(99)


def test_a_draft_waits_for_its_upload_and_lets_others_pass(store: SqliteStore) -> None:
    file_no = send(store)
    with store.transaction():
        text_no = store.outbox.add(PEER, "quick", None, 9, 0)
    assert [draft.message_no for draft in store.outbox.drafts(9)] == [text_no]
    assert [moving.message_no for moving in store.attachments.active(9)] == [file_no]
    with store.transaction():
        store.attachments.put_state(file_no, TransferState.DONE)
    assert [draft.message_no for draft in store.outbox.drafts(9)] == [file_no, text_no]
    assert store.outbox.drafts(9)[0].attached
    with store.transaction():
        store.attachments.want(file_no, 2)
    assert [draft.message_no for draft in store.outbox.drafts(9)] == [text_no]
    assert [moving.wanted for moving in store.attachments.active(9)] == [2]
    with store.transaction():
        store.attachments.grant(file_no, 2)
        store.attachments.use(file_no, 1)
    moving = store.attachments.moving(file_no)
    assert moving
    assert (moving.granted, moving.used, moving.wanted) == (2, 1, 0)


def test_an_upload_ends_with_its_message_and_the_server_is_told_of_what_it_knows(store: SqliteStore) -> None:
    unknown, begun = send(store), send(store, 2)
    with store.transaction():
        store.attachments.begin(begun, 1)
        assert store.outbox.fail_chat(PEER, "no_account") == [unknown, begun]
    assert [(moving.message_no, moving.notice) for moving in store.attachments.active(9)] == [(begun, "ended")]
    message = store.message(unknown)
    assert message
    assert message.attachment
    assert (message.attachment.state, message.attachment.reason) == (TransferState.FAILED, "no_account")


def test_an_app_sees_what_it_is_and_how_long_it_takes(store: SqliteStore) -> None:
    message_no = send(store)
    with store.transaction():
        store.attachments.move(message_no, 1000, 500)
    (message,) = store.outbox_messages()
    attachment = message.attachment
    assert attachment
    assert (attachment.name, attachment.file_bytes, attachment.bytes_done) == ("a name", 100_000, 1000)
    assert attachment.eta_s == (TOTAL - 1000) / 500
    assert "a name" not in repr(message) + repr(attachment)
    assert store.history(PEER, 9) == [message]
    assert store.attachments.digests() == {"01" * 32}


def test_a_fresh_start_has_another_id_and_forgets_what_the_server_granted(store: SqliteStore) -> None:
    message_no = send(store, uploaded=True)
    with store.transaction():
        store.attachments.grant(message_no, 3)
        store.attachments.use(message_no, 1)
        store.attachments.restart(message_no, b"n" * 16)
    moving = store.attachments.moving(message_no)
    assert moving
    assert (moving.state, moving.done_bytes, moving.granted) == (TransferState.WAITING, 0, 1)
    assert store.attachments.file(message_no).blob == b"n" * 16


def uploaded(store: SqliteStore, number: int = 1) -> int:
    """A message whose file is complete at the server."""
    message_no = send(store, number)
    with store.transaction():
        store.attachments.begin(message_no, 1)
        store.attachments.put_state(message_no, TransferState.DONE)
    return message_no


def notice(store: SqliteStore, message_no: int) -> str:
    moving = store.attachments.moving(message_no)
    assert moving
    return moving.notice


def test_what_is_complete_leaves_the_server_if_nobody_can_have_heard_of_it(store: SqliteStore) -> None:
    cancelled, rejected, accepted = uploaded(store), uploaded(store, 2), uploaded(store, 3)
    with store.transaction():
        store.outbox.fail_draft(cancelled, "cancelled")
        for out_no, message_no in ((1, rejected), (2, accepted)):
            store.outbox.put_sealed(Envelope(out_no, 0, b"sealed"), b"", message_no, 7, [1], [], None)
            store.attachments.use(message_no, 1)
        store.outbox.reject(1, "mailbox_full")
        store.outbox.accept(2)
        store.outbox.undelivered(2, 7, 1, "expired")
    assert [notice(store, no) for no in (cancelled, rejected, accepted)] == ["ended", "ended", ""]


def test_a_file_that_another_message_brings_stays_at_the_server(store: SqliteStore) -> None:
    first = uploaded(store)
    with store.transaction():
        again = store.outbox.add(PEER, "look again", None, 9, 0, None, (a_file(), True))
        store.outbox.fail_draft(first, "cancelled")
    assert (notice(store, first), notice(store, again)) == ("", "")
