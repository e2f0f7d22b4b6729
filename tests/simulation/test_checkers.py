"""No checker that cannot fail: each is shown what it forbids, and objects."""

from collections.abc import Callable
from typing import Final

import pytest

from onebar.core.frames import Accepted, Ack, Deliver, Hello, Note, Void, encode_message
from onebar.core.questions import Bundle
from onebar.core.turn import Transmit
from onebar_mockserver.ports import Judged
from tests.simulation import profiles, verdict
from tests.simulation.chat_mistakes import CHAT_MISTAKES
from tests.simulation.checkers import SENTENCES, ViolationError
from tests.simulation.envelopes import initial, sealed, submit, wire_of
from tests.simulation.faults import SERVER, Fault, Kind
from tests.simulation.scenarios import calm_world, pass_time, say, talk
from tests.simulation.world import World

FAR: Final = 1_000_000
"""A number that nobody has reached."""

Forbidden = Callable[[World], None]


def talked() -> World:
    """Make a world in which two have talked, and in which nothing is left to do."""
    world = calm_world(4, reads=1.0)  # with this seed it is also listened to whether it stays quiet
    profiles.say(world, 0, "Alice")
    talk(world, 5, 0.5)
    pass_time(world, 10)
    for phone in world.phones:
        while phone.app.consume():
            pass
    return world


# --- what a phone or the server says --------------------------------------------------------------


def an_unknown_number_is_submitted(world: World) -> None:
    world.checks.phone_says(world.phones[0], encode_message([submit(FAR, bytes(60))]))


def an_unknown_connection_number_is_said(world: World) -> None:
    device = world.phones[0].engine.device
    hello = Hello(device.account, device.device, FAR, 0, device.epoch, 0, 0)
    world.checks.phone_says(world.phones[0], encode_message([hello]))


def an_uncommitted_cursor_is_acknowledged(world: World) -> None:
    device = world.phones[0].engine.device
    world.checks.phone_says(world.phones[0], encode_message([Ack(device.epoch, device.cursor + 1)]))


def an_uncommitted_verdict_is_told(world: World) -> None:
    world.checks.server_says(world.server, wire_of(world.phones[0]), [Accepted(FAR)])


def a_rejection_is_kept_back(world: World) -> None:
    device = world.phones[0].engine.device.device
    world.server.engine.verdicts[device, world.server.floor(device) + 1] = "mailbox_full"
    world.server.engine.connection.execute("UPDATE positions SET mark = floor + 1 WHERE device = ?", (device,))
    world.checks.server_says(world.server, wire_of(world.phones[0]), [Accepted(world.server.floor(device) + 1)])


def an_older_message_leaves_after_a_newer_one(world: World) -> None:
    world.checks._keys(99, submit(1, sealed(b"1", b"a")), (1, 7))
    world.checks._keys(99, submit(2, sealed(b"2", b"b")), (1, 6))


def an_unknown_envelope_is_delivered(world: World) -> None:
    world.checks.server_says(world.server, wire_of(world.phones[0]), [Deliver(0, FAR, 1, 1, 1, 0, 0, b"")])


def a_number_has_other_bytes(world: World) -> None:
    world.checks._keys(99, submit(1, sealed(b"1", b"a")))
    world.checks._keys(99, submit(1, sealed(b"1", b"b", b"others")))


def a_key_and_nonce_seal_two_things(world: World) -> None:
    world.checks._keys(99, submit(1, sealed(b"1", b"a")))
    world.checks._keys(99, submit(2, sealed(b"1", b"b")))


def an_ephemeral_key_has_two_headers(world: World) -> None:
    world.checks._key(99, 1, initial(b"e", 1) + sealed(b"1", b"a"), anew=True)
    world.checks._key(99, 1, initial(b"e", 2) + sealed(b"2", b"b"), anew=True)


def a_one_time_prekey_is_used_twice(world: World) -> None:
    world.checks._key(98, 1, initial(b"e", 1) + sealed(b"1", b"a"), anew=False)
    world.checks._key(99, 1, initial(b"f", 1) + sealed(b"2", b"b"), anew=False)


def a_one_time_prekey_is_handed_out_twice(world: World) -> None:
    world.checks.handed_out(Bundle(b"signed", b"one-time"))
    world.checks.handed_out(Bundle(b"signed", b"one-time"))


def a_place_in_a_chain_is_used_again_with_another_salt(world: World) -> None:
    world.checks._key(99, 1, sealed(b"1", b"a"), anew=False)
    world.checks._key(99, 1, sealed(b"1", b"b", b"others"), anew=False)


def a_device_speaks_that_is_not_listed(world: World) -> None:
    world.server.engine.connection.execute("UPDATE devices SET certificate = x''")
    world.checks._keys(world.phones[0].engine.device.device, submit(FAR, sealed(b"1", b"a")))


def an_initial_header_is_dropped(world: World) -> None:
    to = world.phones[1].engine.device.device
    world.checks._key(99, to, initial(b"e", 1) + sealed(b"1", b"a"), anew=False)
    world.checks._key(99, to, sealed(b"1", b"b", b"others")[:34] + b"\1" + sealed(b"", b"")[35:], anew=False)


def the_window_is_passed(world: World) -> None:
    say(world, 0, 1)
    pass_time(world, 20)
    world.window = 1
    number = world.phones[0].engine.device.out_no
    world.checks.phone_says(world.phones[0], encode_message([submit(number, bytes(60))]))


def the_credit_is_passed(world: World) -> None:
    bob = world.phones[1]
    bob.weather.blackout(world.clock.now_s, 5)
    say(world, 0, 1)
    say(world, 0, 1)
    pass_time(world, 1)
    world.checks._unacked[wire_of(bob).number] = {FAR: FAR}
    row = world.server.engine.connection.execute(
        "SELECT seq, peer_device, out_no FROM entries WHERE device = ?", (bob.engine.device.device,)
    ).fetchone()
    world.checks.server_says(world.server, wire_of(bob), [Deliver(0, row[0], 1, row[1], row[2], 0, 0, b"")])


# --- what the app sees ----------------------------------------------------------------------------


def a_text_comes_twice(world: World) -> None:
    bob = world.phones[1]
    text = bob.app.heard[0]
    bob.app.heard.append(text)
    world.heard(bob, world.numbers[0], text)


def a_text_comes_to_a_stranger(world: World) -> None:
    alice, bob = world.phones
    world.heard(alice, world.numbers[0], bob.app.heard[0])


def a_text_was_meant_for_another_account_key(world: World) -> None:
    database(world, 0, "UPDATE message SET audience = x'00'")
    alice, bob = world.phones
    bob.app.heard = bob.app.heard[:1]
    world.heard(bob, alice.number, bob.app.heard[0])


def a_copy_comes_of_what_nobody_said(world: World) -> None:
    world.copied(world.phones[1], world.numbers[0], "invented")


def a_text_is_read_that_was_not_shown(world: World) -> None:
    world.shown.clear()
    world.checks.verdict_is_shown(world.phones[0], 1, "MessageRead", "")


def a_text_stands_in_another_chat(world: World) -> None:
    bob = world.phones[1]
    world.heard(bob, world.numbers[1], bob.app.heard[0])


def words_come_that_nobody_said(world: World) -> None:
    world.heard(world.phones[1], world.numbers[0], "invented")


def a_state_goes_back(world: World) -> None:
    app = world.phones[0].app
    world.checks.states_go_forward(app, FAR, "MessageDelivered", "", "text")
    world.checks.states_go_forward(app, FAR, "MessageSent", "", "text")


def a_final_state_changes(world: World) -> None:
    app = world.phones[0].app
    world.checks.states_go_forward(app, FAR, "MessageFailed", "expired", "text")
    world.checks.states_go_forward(app, FAR, "MessageFailed", "rejected", "text")


def a_verdict_is_shown_that_was_not_given(world: World) -> None:
    alice = world.phones[0]
    message_no, out_no = alice.database.connection.execute(
        "SELECT message_no, out_no FROM message WHERE account = 0"
    ).fetchone()
    world.server.engine.verdicts[alice.engine.device.device, out_no] = "too_big"
    world.checks.verdict_is_shown(alice, message_no, "MessageSent", "")


def a_rejection_is_shown_that_was_not_given(world: World) -> None:
    (message_no,) = (
        world.phones[0].database.connection.execute("SELECT message_no FROM message WHERE account = 0").fetchone()
    )
    world.checks.verdict_is_shown(world.phones[0], message_no, "MessageFailed", "rejected too_big")


def a_verdict_changes(world: World) -> None:
    device = world.phones[0].engine.device.device
    number = world.server.floor(device) + 1
    world.server.engine.verdicts[device, number] = ""
    world.server.engine._note(device, submit(number, b""), Judged(True, number, (Note(number, "too_big"),)))


def nothing_gets_through(world: World) -> None:
    alice = world.phones[0]
    alice.weather.blackout(world.clock.now_s, 100)
    say(world, 0, 1)
    pass_time(world, 1)
    world.watch_progress(alice, 60)
    pass_time(world, 50)


# --- what is there in the end ---------------------------------------------------------------------


def database(world: World, person: int, change: str) -> None:
    world.phones[person].database.connection.execute(change)


def a_message_vanishes(world: World) -> None:
    app = world.phones[1].app
    text = app.heard.pop()
    app.effects = [effect for effect in app.effects if effect[1] != text]


def a_message_ends_for_no_reason(world: World) -> None:
    database(world, 0, "UPDATE message SET state = 'undeliverable' WHERE account = 0")


def a_tick_lies(world: World) -> None:
    world.opened[1].clear()


def what_was_read_is_not_shown_so(world: World) -> None:
    database(world, 0, "UPDATE message SET state = 'delivered' WHERE account = 0")


def history_has_another_order(world: World) -> None:
    connection = world.phones[1].database.connection
    first, *_, last = connection.execute("SELECT message_no, text FROM message WHERE account > 0").fetchall()
    connection.executemany(
        "UPDATE message SET text = ? WHERE message_no = ?", [(last[1], first[0]), (first[1], last[0])]
    )


def history_has_a_text_twice(world: World) -> None:
    database(world, 1, "UPDATE message SET text = (SELECT max(text) FROM message) WHERE account > 0")


def what_was_accepted_is_forgotten(world: World) -> None:
    database(world, 0, "UPDATE message SET key = NULL WHERE account = 0")


def the_ledger_has_an_effect_too_many(world: World) -> None:
    world.phones[1].app.effects.append((FAR, "once more"))


def a_gap_is_hidden(world: World) -> None:
    last = "SELECT max(message_no) FROM message WHERE state = 'received'"
    database(world, 1, f"UPDATE message SET chat_no = chat_no + 1 WHERE message_no = ({last})")


def something_waits_for_ever(world: World) -> None:
    app = world.phones[0].app
    app.pending["x"] = world.sayings[next(iter(world.sayings))]


def it_is_not_quiet(world: World) -> None:
    def speak() -> None:
        say(world, 0, 1)

    world.clock.after(30, speak)


def a_number_is_voided_for_ever_after_a_restore(world: World) -> None:
    alice = world.phones[0]
    world.fired(Fault(Kind.RESTORE, SERVER, world.clock.now_s), world.server)
    data = encode_message([Void(alice.engine.device.out_no, alice.engine.device.floor)])

    def void() -> None:
        alice._carry_out([Transmit(next(iter(alice.wires)), data)])
        world.clock.after(60, void)

    world.clock.after(5, void)


def notes_pile_up(world: World) -> None:
    device = world.phones[0].engine.device.device
    rows = [(device, number) for number in range(FAR, FAR + world.window + 1)]
    world.server.engine.connection.executemany("INSERT INTO notes (device, out_no, note) VALUES (?, ?, x'')", rows)


def it_dials_for_ever(world: World) -> None:
    world.phones[0].dials = 10_000


def a_new_device_goes_unmentioned(world: World) -> None:
    world.phones[0].first_device += 1


AT_ONCE: Final[list[tuple[str, Forbidden]]] = [
    ("commit-before-transmit", an_unknown_number_is_submitted),
    ("commit-before-transmit", an_unknown_connection_number_is_said),
    ("ack-after-commit", an_uncommitted_cursor_is_acknowledged),
    ("accepted-after-commit", an_uncommitted_verdict_is_told),
    ("delivered-after-commit", an_unknown_envelope_is_delivered),
    ("sealed-bytes-never-change", a_number_has_other_bytes),
    ("keys-used-once", a_key_and_nonce_seal_two_things),
    ("keys-used-once", a_place_in_a_chain_is_used_again_with_another_salt),
    ("keys-used-once", an_ephemeral_key_has_two_headers),
    ("keys-used-once", a_one_time_prekey_is_used_twice),
    ("keys-used-once", a_one_time_prekey_is_handed_out_twice),
    ("listed-before-heard", a_device_speaks_that_is_not_listed),
    ("header-until-answered", an_initial_header_is_dropped),
    ("notes-agree", a_rejection_is_kept_back),
    ("sealed-in-order", an_older_message_leaves_after_a_newer_one),
    ("limits-hold", the_window_is_passed),
    ("credit-bounded", the_credit_is_passed),
    ("nothing-twice", a_text_comes_twice),
    ("right-audience", a_text_comes_to_a_stranger),
    ("right-audience", a_text_was_meant_for_another_account_key),
    ("right-author", a_text_stands_in_another_chat),
    ("right-author", a_copy_comes_of_what_nobody_said),
    ("right-author", words_come_that_nobody_said),
    ("reads-are-true", a_text_is_read_that_was_not_shown),
    ("states-go-forward", a_state_goes_back),
    ("states-go-forward", a_final_state_changes),
    ("verdicts-agree", a_verdict_is_shown_that_was_not_given),
    ("verdicts-agree", a_rejection_is_shown_that_was_not_given),
    ("verdicts-are-final", a_verdict_changes),
    ("progress", nothing_gets_through),
]
"""What is objected to when it happens."""

IN_THE_END: Final[list[tuple[str, Forbidden]]] = [
    ("nothing-lost", a_message_vanishes),
    ("nothing-lost", a_message_ends_for_no_reason),
    ("ticks-are-true", a_tick_lies),
    ("reads-are-told", what_was_read_is_not_shown_so),
    *CHAT_MISTAKES,
    ("order-kept", history_has_another_order),
    ("nothing-twice", history_has_a_text_twice),
    ("accepted-is-stored", what_was_accepted_is_forgotten),
    ("ledger-exact", the_ledger_has_an_effect_too_many),
    ("gaps-are-seen", a_gap_is_hidden),
    ("goes-quiet", something_waits_for_ever),
    ("stays-quiet", it_is_not_quiet),
    ("stays-quiet", a_number_is_voided_for_ever_after_a_restore),
    ("storage-bounded", notes_pile_up),
    ("dials-bounded", it_dials_for_ever),
    ("restore-is-told", a_new_device_goes_unmentioned),
]
"""What is objected to when the run is judged."""


def test_each_checker_is_shown_what_it_forbids() -> None:
    assert {checker for checker, _ in [*AT_ONCE, *IN_THE_END]} == set(SENTENCES)
    assert len(set(SENTENCES.values())) == len(SENTENCES)


def test_what_is_as_it_must_be_finds_no_objection() -> None:
    world = talked()
    verdict.judge(world)
    missing = set(SENTENCES) - set(world.checks.looks)
    assert missing == {"progress", "verdicts-are-final", "header-until-answered"}, (
        "these need a fault, a repeated number, and somebody who goes on talking when he was heard and not answered"
    )


@pytest.mark.parametrize(("checker", "forbidden"), AT_ONCE)
def test_it_objects_at_once(checker: str, forbidden: Forbidden) -> None:
    world = talked()
    with pytest.raises(ViolationError) as objection:
        forbidden(world)
    assert objection.value.checker == checker


@pytest.mark.parametrize(("checker", "forbidden"), IN_THE_END)
def test_it_objects_in_the_end(checker: str, forbidden: Forbidden) -> None:
    world = talked()
    forbidden(world)
    with pytest.raises(ViolationError) as objection:
        verdict.judge(world)
    assert objection.value.checker == checker


def test_an_objection_says_what_must_hold_and_what_was_seen() -> None:
    with pytest.raises(ViolationError, match=r"^order-kept: what one device says .* history; but it was so$"):
        talked().checks.look("order-kept", False, "it was so")
