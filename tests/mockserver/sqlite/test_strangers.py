"""A stranger's share of a mailbox (R25)."""

import pytest

from onebar.core.frames import FLAG_SILENT, FLAG_TOP_UP, Deliver
from onebar_mockserver.limits import (
    ENTRY_OVERHEAD_BYTES,
    MAILBOX_BYTES_MAX,
    STRANGER_BYTES_MAX,
    STRANGER_FREE_BYTES,
)
from onebar_mockserver.links import Link
from onebar_mockserver.ports import FLAG_COUNTED, Kind, Registered
from onebar_mockserver.sqlite import database, verdicts
from onebar_mockserver.sqlite.batch import Batch
from tests.mockserver.rawclient import submit
from tests.mockserver.sqlite.setting import Setting, family, row_of

BODY = bytes(16_000)
FULL = STRANGER_BYTES_MAX // (len(BODY) + ENTRY_OVERHEAD_BYTES)


class Post:
    """Three accounts; each call of `send` is a Submit from one to another, in a transaction of its own."""

    def __init__(self) -> None:
        self.setting = Setting()
        self.people = [self.setting.register(f"+4915112345{number}", number) for number in (670, 671, 672)]
        self.out_nos = [0, 0, 0]

    def device(self, who: int) -> Registered:
        return self.people[who]

    def send(self, sender: int, reader: int, body: bytes = BODY, flags: int = 0) -> str:
        """Return the reason of a rejection, or nothing."""
        self.out_nos[sender] += 1
        to = self.people[reader]
        frame = submit(self.out_nos[sender], (to.account, [(to.device, body)]), floor=self.out_nos[sender], flags=flags)
        verdict = self.setting.judge(self.people[sender].device, frame)
        return verdict.notes[-1].reason if verdict.notes else ""


@pytest.fixture
def post() -> Post:
    return Post()


def fill(post: Post) -> None:
    assert [post.send(0, 1) for _ in range(FULL)] == [""] * FULL
    assert post.send(0, 1) == "mailbox_full"


def test_a_stranger_fills_its_share_and_no_more(post: Post) -> None:
    fill(post)
    assert STRANGER_BYTES_MAX - post.setting.row(post.device(1).device).position.mailbox_bytes < len(BODY)
    assert post.send(0, 1, b"") == "", "what still fits is taken"


def test_others_still_have_room(post: Post) -> None:
    fill(post)
    assert post.send(2, 1) == ""
    assert post.send(0, 2) == "", "and the share is one of each mailbox"


def test_who_was_written_to_is_no_stranger(post: Post) -> None:
    fill(post)
    assert post.send(1, 0, b"hello") == ""
    count = (MAILBOX_BYTES_MAX - STRANGER_BYTES_MAX) // (len(BODY) + ENTRY_OVERHEAD_BYTES) // 8
    assert [post.send(0, 1) for _ in range(count)] == [""] * count


@pytest.mark.parametrize(("flags", "reason"), [(FLAG_SILENT, "mailbox_full"), (FLAG_TOP_UP, "")])
def test_silent_content_makes_no_acquaintance(post: Post, flags: int, reason: str) -> None:
    fill(post)
    assert post.send(1, 0, b"again", flags) == ""
    assert post.send(0, 1) == reason


def test_an_acknowledged_message_gives_its_room_back(post: Post) -> None:
    fill(post)
    uncounted = STRANGER_FREE_BYTES // (len(BODY) + ENTRY_OVERHEAD_BYTES)
    post.setting.attach(post.device(1).device)
    post.setting.ack(post.device(1).device, uncounted + 1)
    assert post.send(0, 1) == ""
    assert post.send(0, 1) == "mailbox_full"
    post.setting.ack(post.device(1).device, FULL + 1)
    assert post.setting.connection.execute("SELECT * FROM shares").fetchall() == []


def test_what_expires_gives_its_room_back(post: Post) -> None:
    fill(post)
    post.setting.now_ms += post.setting.limits.retention_s * 1000 + 1
    post.setting.sweep()
    assert post.setting.connection.execute("SELECT * FROM shares").fetchall() == []
    fill(post)


def test_a_full_mailbox_is_not_read_to_find_a_strangers_share(post: Post) -> None:
    fill(post)
    steps: list[int] = []
    post.setting.connection.set_progress_handler(lambda: steps.append(1), 100)
    assert post.send(0, 1) == "mailbox_full"
    post.setting.connection.set_progress_handler(None, 0)
    assert len(steps) <= 5, "500 of SQLite's instructions, and not some for each envelope that waits"


def test_the_readers_see_nothing_of_the_count(post: Post) -> None:
    fill(post)
    counted = post.setting.mail(post.device(1).device)[-1]
    assert counted.flags == FLAG_COUNTED
    frame = Link(1, 1, 1, 1).deliver(counted)
    assert isinstance(frame, Deliver)
    assert frame.flags == 0


def test_a_rejected_message_leaves_no_trace(post: Post) -> None:
    fill(post)
    assert len(post.setting.mail(post.device(1).device)) == FULL
    found = post.setting.connection.execute("SELECT account, peer FROM written_to").fetchall()
    assert found == [(post.device(0).account, post.device(1).account)]


def test_an_account_is_no_stranger_to_itself(post: Post) -> None:
    second = family(post.setting, post.device(0), 670)
    to = (second.account, [(second.device, BODY)])
    for out_no in range(1, FULL + 10):
        assert post.setting.judge(post.device(0).device, submit(out_no, to)).notes == ()
    assert post.setting.connection.execute("SELECT * FROM written_to").fetchall() == []


def test_the_share_counts_within_one_transaction_too(post: Post) -> None:
    to = post.device(1)

    def work(batch: Batch) -> int:
        sender = row_of(batch, post.device(0).device)
        for out_no in range(1, FULL + 10):
            verdicts.judge(batch, sender, submit(out_no, (to.account, [(to.device, BODY)])))
        return len(batch.appended)

    assert post.setting.run(work) == FULL


def test_what_waits_from_before_this_version_counts_as_written(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", database.MIGRATIONS[:2])
        setting = Setting()
        one, two = Registered(1, 1), Registered(2, 2)
        for phone in (one, two):
            insert = "INSERT INTO devices (account, identity_key, box_key, key_signature) VALUES (?, x'', x'', x'')"
            setting.connection.execute("INSERT INTO accounts (phone) VALUES (?)", (f"+49151123456{phone.account}",))
            setting.connection.execute(insert, (phone.account,))
        insert = "INSERT INTO entries VALUES (?, 1, ?, ?, ?, 1, 0, 0, x'90')"
        setting.connection.execute(insert, (one.device, Kind.ENVELOPE, two.account, two.device))
        setting.connection.execute(insert, (two.device, Kind.TICK, one.account, one.device))
    database._migrate(setting.connection)
    found = setting.connection.execute("SELECT account, peer FROM written_to").fetchall()
    assert found == [(two.account, one.account)]
