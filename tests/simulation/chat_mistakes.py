"""What the checkers of chats must object to (test_checkers.py)."""

from tests.simulation.world import World


def what_was_shown_is_unread_again(world: World) -> None:
    text = min(world.phones[0].app.seen.surely)
    world.phones[0].database.connection.execute("UPDATE message SET unread = 1 WHERE text = ?", (text,))


def what_was_not_shown_is_read(world: World) -> None:
    for known in (world.phones[0].app.seen.surely, world.phones[0].app.seen.perhaps):
        known.clear()
