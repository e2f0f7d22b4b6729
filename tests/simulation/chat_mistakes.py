"""What the checkers of chats must object to (test_checkers.py)."""

from collections.abc import Callable
from typing import Final

from onebar.core.content import Profile
from onebar.core.profiles import OWN
from tests.simulation.world import World


def what_was_shown_is_unread_again(world: World) -> None:
    text = min(world.phones[0].app.seen.surely)
    world.phones[0].database.connection.execute("UPDATE message SET unread = 1 WHERE text = ?", (text,))


def what_was_not_shown_is_read(world: World) -> None:
    for known in (world.phones[0].app.seen.surely, world.phones[0].app.seen.perhaps):
        known.clear()


def a_name_is_known_that_nobody_said(world: World) -> None:
    alice, bob = world.phones
    bob.store.profiles.put(alice.engine.device.account, Profile(1, "Mallory"))


def an_older_profile_is_kept(world: World) -> None:
    alice, bob = world.phones
    known = alice.store.profiles.get(OWN)
    assert known is not None
    bob.store.profiles.put(alice.engine.device.account, Profile(known.counter - 1, known.name))


def a_reader_waits_for_what_was_given_up(world: World) -> None:
    alice, bob = world.phones[0].database.connection, world.phones[1].database.connection
    bob.execute("UPDATE message SET chat_no = chat_no + 1 WHERE account > 0 AND chat_no > 1")
    bob.execute("UPDATE message SET missing_before = 1 WHERE account > 0 AND chat_no = 3")
    alice.execute("UPDATE message SET chat_no = chat_no + 1 WHERE account = 0 AND chat_no > 1")
    alice.execute(
        "INSERT INTO message (chat_id, account, device, chat_no, message_id, state, reason, text, sent_at_ms)"
        " SELECT chat_id, 0, 0, 2, 1, 'undeliverable', 'cancelled', '', 0 FROM chat"
    )


CHAT_MISTAKES: Final[list[tuple[str, Callable[[World], None]]]] = [
    ("unread-is-true", what_was_shown_is_unread_again),
    ("unread-is-true", what_was_not_shown_is_read),
    ("gaps-are-closed", a_reader_waits_for_what_was_given_up),
    ("profiles-are-true", a_name_is_known_that_nobody_said),
    ("profiles-are-told", an_older_profile_is_kept),
]
"""What is objected to when a run is judged."""
