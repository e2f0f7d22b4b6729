"""The turn: bounded, fair, all or nothing, and nothing leaves before the commit."""

import pytest

from onebar.core import inbox
from onebar.core.content import Content
from onebar.core.dialing import LINKS_MAX
from onebar.core.engine import INDEX_MESSAGES, INPUTS_MAX, Engine
from onebar.core.frames import Accepted, Ack, Deliver, GoAway, Ping, Pong, Response, encode_message
from onebar.core.link_states import LinkState
from onebar.core.questions import FindBundle
from onebar.core.records import Peer
from onebar.core.state import DeviceState
from onebar.core.turn import LinkConnected, LinkLost, MessageArrived, NetworkChanged, Poked, Send, Transmit
from onebar.errors import CommitError, InputError, NotRegisteredError, StoreError
from onebar.models import MessageState
from tests.sdk.core.scripted import MY_PHONE, PEER_PHONE, Scripted, commits_fail, text


def test_a_new_database_gets_keys_that_stay() -> None:
    phone = Scripted()
    assert phone.engine.public_keys().valid
    assert phone.crash().engine.public_keys() == phone.engine.public_keys()


def test_a_device_without_an_account_does_not_dial_and_cannot_send() -> None:
    phone = Scripted()
    turn = phone.give(Send(PEER_PHONE, "hello"), Poked())
    assert not turn.outputs
    assert turn.timer_s is None
    assert [type(result) for result in turn.results] == [NotRegisteredError, type(None)]


def test_a_message_to_oneself_is_refused_before_it_is_stored() -> None:
    phone = Scripted()
    phone.open()
    (result,) = phone.give(Send(MY_PHONE, "hello")).results
    assert isinstance(result, InputError)
    assert not phone.store.chats()


def test_send_is_committed_and_told_before_anything_leaves() -> None:
    phone = Scripted()
    phone.register()
    message_no = phone.send("hello")
    assert phone.message(message_no).state is MessageState.QUEUED
    assert [type(event).__name__ for event in phone.events()] == ["MessageQueued"]
    assert phone.turn.news


def test_the_same_key_is_the_same_message() -> None:
    phone = Scripted()
    phone.open()
    assert phone.send("once", key="k") == phone.send("twice", key="k")
    assert len(phone.store.history(PEER_PHONE, 10)) == 1


@pytest.mark.parametrize("after", [False, True])
def test_a_failed_commit_releases_nothing_closes_the_links_and_goes_on(after: bool) -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.meet_peer(link_no)
    with commits_fail(phone.store, after=after):
        turn = phone.give(Send(PEER_PHONE, "second", "key"))
    assert [type(result) for result in turn.results] == [int if after else CommitError], "the disk knows"
    assert phone.hangs == [link_no]
    assert not [output for output in turn.outputs if isinstance(output, Transmit)]
    assert turn.timer_s is not None
    phone.wait(60)
    assert phone.hello().floor == 0
    assert phone.send("second", key="key") == 2, "the app repeats the call: one message, whatever the commit did"
    assert len(phone.store.history(PEER_PHONE, 10)) == 2


def test_a_database_that_cannot_be_opened_again_ends_the_engine_loudly(monkeypatch: pytest.MonkeyPatch) -> None:
    phone = Scripted()
    phone.open()

    def broken() -> None:
        raise StoreError("gone")

    monkeypatch.setattr(phone.store, "reopen", broken)
    with commits_fail(phone.store, after=False), pytest.raises(StoreError, match="gone"):
        phone.give(Send(PEER_PHONE, "hello"))


def test_a_turn_takes_no_more_than_its_share_and_says_so() -> None:
    phone = Scripted()
    link_no = phone.open()
    sends = [Send(PEER_PHONE, f"{number}") for number in range(INPUTS_MAX + 10)]
    turn = phone.give(*sends, MessageArrived(link_no, encode_message([Pong(1)])))
    assert turn.more
    assert len(turn.results) == INPUTS_MAX - 1, "one place went to the link"
    turn = phone.give()
    assert len(turn.results) == 11
    assert not turn.more
    assert len(phone.store.outbox_messages()) == INPUTS_MAX + 10


def test_a_link_that_floods_does_not_starve_the_app() -> None:
    phone = Scripted()
    link_no = phone.open()
    flood = encode_message([Pong(1)] * 1000)
    turn = phone.give(MessageArrived(link_no, flood), Send(PEER_PHONE, "now"))
    assert turn.results == [1]
    assert turn.more


def test_an_entry_that_makes_the_turn_fail_is_quarantined_and_its_neighbours_take_effect(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.meet_peer(link_no)
    real = inbox._take_effect

    def failing(state: DeviceState, peer: Peer, what: Content, frame: Deliver) -> None:
        if getattr(what, "text", "") == "text 2":
            raise ZeroDivisionError("a defect")
        real(state, peer, what, frame)

    monkeypatch.setattr(inbox, "_take_effect", failing)
    turn = phone.give(
        MessageArrived(link_no, encode_message([phone.deliver(text(number), number) for number in (1, 2, 3)])),
        Send(PEER_PHONE, "still works"),
    )
    assert phone.texts() == ["text 1", "text 3"]
    assert turn.results == [2]
    assert [frame for frame in phone.frames if isinstance(frame, Ack)] == [Ack(1, 1), Ack(1, 2, (2,)), Ack(1, 3)]


def test_a_call_that_makes_the_turn_fail_gets_the_error_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    phone = Scripted()
    phone.open()
    real = phone.store.outbox.add

    def failing(to: str, words: str, *rest: object) -> int:
        if words == "poison":
            raise ZeroDivisionError("a defect")
        return real(to, words, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(phone.store.outbox, "add", failing)
    turn = phone.give(Send(PEER_PHONE, "one"), Send(PEER_PHONE, "poison"), Send(PEER_PHONE, "two"))
    assert [type(result) for result in turn.results] == [int, ZeroDivisionError, int]
    assert [message.text for message in phone.store.outbox_messages()] == ["one", "two"]


def test_a_frame_that_makes_the_turn_fail_costs_its_link(monkeypatch: pytest.MonkeyPatch) -> None:
    phone = Scripted()
    link_no = phone.open()

    def failing(*_: object) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("onebar.core.outbox.apply_verdicts", failing)
    phone.say(link_no, Accepted(0))
    assert phone.hangs == [link_no]


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x93\x01\x02", b"\x91" * 100_000, encode_message([Response(9)])])
def test_a_server_that_talks_nonsense_costs_its_link_and_nothing_else(data: bytes) -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.send("hello")
    phone.give(MessageArrived(link_no, data))
    while phone.turn.more:
        phone.give()
    assert phone.hangs == [link_no]
    assert len(phone.store.outbox_messages()) == 1


def test_unknown_tags_are_skipped() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.give(MessageArrived(link_no, b"\x91\x92\xcc\xfa\x01"))
    assert phone.engine.links == {link_no: LinkState.OPEN}


def test_what_arrives_on_a_link_that_is_over_is_ignored() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.give(LinkLost(link_no, "cut"))
    phone.say(link_no, phone.deliver(text(1), 1))
    assert not phone.texts()


def test_a_silent_link_that_owes_an_answer_is_given_up_and_an_idle_one_only_probed() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.wait(phone.config.keepalive_s)
    assert phone.frames == [Ping(1)]
    phone.say(link_no, Pong(1))
    assert phone.turn.timer_s == pytest.approx(phone.now_s + 2 * phone.config.keepalive_s), "30 s were well"
    phone.send("hello")
    phone.wait(5)
    assert len(phone.dials) == 1
    phone.wait(phone.config.answer_timeout_s - 5)
    assert link_no in phone.hangs


def test_a_dial_that_is_never_welcomed_is_given_up_and_the_pauses_stay_below_the_cap() -> None:
    phone = Scripted()
    link_no = phone.register().link_no
    given_up = 0
    for _ in range(60):
        assert phone.turn.timer_s is not None
        pause_s = phone.turn.timer_s - phone.now_s
        assert 0 <= pause_s <= phone.config.backoff_s_max
        phone.wait(pause_s)
        given_up += len(phone.hangs)
        link_no = max([link_no, *(dial.link_no for dial in phone.dials)])
        assert link_no in phone.engine.links, "somebody is always being asked"
    assert given_up > 10


def test_a_network_hint_dials_at_once_beside_the_link_that_is_open() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.give(NetworkChanged())
    (dial,) = phone.dials
    assert phone.engine.links == {link_no: LinkState.OPEN, dial.link_no: LinkState.DIALING}
    phone.give(NetworkChanged())
    assert [another.link_no for another in phone.dials] == [dial.link_no + 1], "that dial may hang on the dead network"
    phone.give(NetworkChanged())
    assert not phone.dials, "three are enough"
    phone.welcome(dial.link_no)
    assert sorted(phone.hangs) == [link_no, dial.link_no + 1]


def test_reprs_show_no_secret() -> None:
    phone = Scripted()
    phone.open()
    shown = repr(phone.engine) + repr(phone.engine.device) + repr(Send(PEER_PHONE, "secret words"))
    assert "secret words" not in shown
    assert repr(phone.engine.device.identity_seed)[2:-1] not in shown
    assert MY_PHONE not in repr(phone.engine)


def test_engine_refuses_a_frame_with_a_hole_and_resumes_from_the_cursor() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.meet_peer(link_no)
    first, second, third = (phone.deliver(text(number), number) for number in (1, 2, 3))
    phone.say(link_no, first, third)
    assert phone.hangs == [link_no]
    phone.wait(1)
    assert (phone.hello().epoch, phone.hello().cursor) == (1, 1)
    assert isinstance(second, Deliver)
    assert isinstance(phone.engine, Engine)


def test_a_server_that_welcomes_and_hangs_up_is_dialed_less_and_less_often() -> None:
    phone = Scripted()
    phone.open()
    dials = 0
    for _ in range(600):
        for link_no in phone.engine.links:
            phone.give(LinkLost(link_no, "hung up"))
        phone.wait(0.1)
        for dial in phone.dials:
            dials += 1
            phone.welcome(dial.link_no)
    assert dials < 30


def test_a_defect_in_what_is_always_done_does_not_spin(monkeypatch: pytest.MonkeyPatch) -> None:
    phone = Scripted()
    phone.open()

    def failing(*_: object) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("onebar.core.outbox.seal_waiting", failing)
    turn = phone.give(Poked())
    assert [type(result) for result in turn.results] == [ZeroDivisionError]
    assert turn.timer_s is None or turn.timer_s >= phone.now_s + 1
    assert phone.give().results == []


def test_results_of_inputs_that_were_committed_are_kept_when_the_disk_fails_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    phone = Scripted()
    phone.open()
    real = phone.store.outbox.add

    def failing(to: str, words: str, *rest: object) -> int:
        if words == "defect":
            raise ZeroDivisionError("a defect")
        if words == "full":
            raise StoreError("the disk is full")
        return real(to, words, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(phone.store.outbox, "add", failing)
    turn = phone.give(Send(PEER_PHONE, "first"), Send(PEER_PHONE, "defect"), Send(PEER_PHONE, "full"))
    assert [type(result) for result in turn.results] == [int, ZeroDivisionError, StoreError]
    assert [message.text for message in phone.store.outbox_messages()] == ["first"]


def test_poison_is_forgotten_with_its_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.meet_peer(link_no)
    real = inbox._take_effect
    defects = [ZeroDivisionError("a defect")]

    def failing(state: DeviceState, peer: Peer, what: Content, frame: Deliver) -> None:
        if defects:
            raise defects.pop()
        real(state, peer, what, frame)

    monkeypatch.setattr(inbox, "_take_effect", failing)
    phone.say(link_no, phone.deliver(text(1), 1))
    assert phone.texts() == []
    phone.give(LinkLost(link_no, "cut"))
    phone.wait(60)
    phone.welcome(phone.dials[0].link_no, epoch=2)
    phone.say(phone.engine.device.connection_no, phone.deliver(text(2), 2))
    assert phone.texts() == ["text 2"]


def test_a_full_disk_while_a_message_is_sealed_is_not_the_messages_fault() -> None:
    phone = Scripted()
    phone.silent = {FindBundle}
    link_no = phone.open()
    message_no = phone.send("x" * 4000)
    phone.answer(link_no)
    execute = phone.database.connection.execute
    execute(f"PRAGMA max_page_count = {execute('PRAGMA page_count').fetchone()[0]}")
    phone.silent = set()
    phone.give_bundles()
    assert phone.engine.links == {}, "the database failed"
    execute("PRAGMA max_page_count = 100000")
    phone.wait(60)
    phone.welcome(phone.dials[0].link_no)
    assert phone.message(message_no).state is MessageState.QUEUED
    assert phone.submits()


def test_links_that_all_end_by_go_away_are_not_joined_by_one_too_many() -> None:
    phone = Scripted()
    links = [phone.open()]
    for _ in range(LINKS_MAX - 1):
        phone.give(NetworkChanged())
        links.append(phone.dials[0].link_no)
        phone.give(LinkConnected(links[-1]))
    for link_no in links:
        phone.say(link_no, GoAway(1000, "restart"))
    assert set(phone.engine.links.values()) == {LinkState.DRAINING}
    phone.wait(5)
    assert phone.dials
    assert phone.hangs == links[:1]
    assert len(phone.engine.links) == LINKS_MAX


def test_messages_older_than_the_index_are_taken_in_turn_by_turn_without_anybody_asking() -> None:
    phone = Scripted()
    phone.open()
    count = 2 * INDEX_MESSAGES + 1
    for number in range(count):
        phone.send(f"word {number}")
    execute = phone.database.connection.execute
    execute("INSERT INTO search (search) VALUES ('delete-all')")
    execute("UPDATE search_gap SET up_to = ?", (count,))
    phone = phone.crash()
    found: list[int] = []
    while not found or found[-1] < count:
        turn = phone.give(Poked())
        found.append(len(phone.store.search.hits("word", None, count)))
        assert (turn.timer_s == phone.now_s) == (found[-1] < count), "the next turn is due at once until all is done"
    assert found == [INDEX_MESSAGES, 2 * INDEX_MESSAGES, count]
