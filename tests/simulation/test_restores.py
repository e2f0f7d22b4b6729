"""Old copies, lost devices, damage: what the delivery rules say about the awkward cases (docs/protocol.md §7)."""

import pytest

from onebar.events import DeviceRemoved, DeviceReplaced, MessageUnreadable, RateLimited, SafetyNumberChanged
from onebar.models import MessageState
from onebar_mockserver.limits import ServerLimits
from tests.simulation.backend import SWEEP_EVERY_S
from tests.simulation.faults import DAY_S, Kind
from tests.simulation.scenarios import (
    SETTLE_S,
    all_came_in_order,
    befall,
    calm_world,
    came,
    cut_often,
    make_peace,
    pass_time,
    restore,
    said,
    say,
    states,
    talk,
)

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("queued", [False, True])
@pytest.mark.parametrize("ahead", [0, 1, 5, 20])
@pytest.mark.parametrize("seed", range(3))
def test_r20_a_phone_restored_from_a_backup_goes_on_as_a_new_device(seed: int, ahead: int, queued: bool) -> None:
    world = calm_world(seed)
    alice, bob = world.phones
    talk(world, 10, 0.2)
    if queued:
        say(world, 0, 1, "queued in the backup")
        pass_time(world, 0.001)
    image, in_backup = alice.image(), {message.text for message in said(alice, bob)}
    pass_time(world, 20)
    for _ in range(ahead):
        say(world, 0, 1, "after the backup")
    pass_time(world, 20)
    seen = came(bob, alice)
    restore(world, alice, image)
    pass_time(world, 20)
    again, welcome = say(world, 0, 1, "here again"), say(world, 1, 0, "welcome back")
    pass_time(world, SETTLE_S)
    assert came(bob, alice) == [*seen, again]
    assert in_backup <= set(seen)
    assert came(alice, bob)[-1] == welcome
    assert states(alice, bob)[-1] is MessageState.DELIVERED
    replaced = alice.app.told.count(DeviceReplaced.__name__)
    assert replaced == 1 or (ahead == replaced == 0), "with nothing ahead, the copy may be as good as the original"
    make_peace(world)


@pytest.mark.parametrize("cuts", [0, 15])
@pytest.mark.parametrize("seed", range(6))
def test_r21_a_server_restored_from_a_backup_loses_no_message(seed: int, cuts: int) -> None:
    world = calm_world(seed)
    cut_often(world, 10, cuts)
    talk(world, 10, 0.2)
    image = world.server.image()
    talk(world, 5 * seed, world.dice.choice([0.01, 0.3]))
    world.server.restore(image)
    talk(world, 5, 0.2)
    pass_time(world, SETTLE_S)
    assert all_came_in_order(world)
    make_peace(world)


@pytest.mark.parametrize("cuts", [0, 15])
@pytest.mark.parametrize("seed", range(6))
def test_r11_a_new_account_key_gets_nothing_sealed_before_and_all_after(seed: int, cuts: int) -> None:
    world = calm_world(seed)
    cut_often(world, 75, cuts)
    talk(world, 5, 0.2)
    pass_time(world, 60)
    befall(world, Kind.REINSTALL, 2, in_s=0.001)
    pass_time(world, 5)
    later = []
    for _ in range(20):
        later.append(say(world, 0, 1, "to the new device"))
        pass_time(world, world.dice.choice([0.01, 0.5]))
    pass_time(world, SETTLE_S)
    alice, new = world.phones
    assert new.name == "phone 2+"
    after = [message for message in said(alice, new) if message.text in later]
    delivered = [message.text for message in after if message.state is MessageState.DELIVERED]
    assert came(new, alice) == delivered == later[-len(delivered) :]
    assert len(delivered) >= 10, "few are sealed before the change is known"
    assert {message.reason for message in after if message.state is not MessageState.DELIVERED} <= {"key_changed"}
    assert [told for told in alice.app.told if told != RateLimited.__name__] == [SafetyNumberChanged.__name__]
    make_peace(world)


@pytest.mark.parametrize("seed", range(6))
def test_r5_mail_for_a_device_that_is_replaced_ends_visibly(seed: int) -> None:
    world = calm_world(seed)
    alice, bob = world.phones
    talk(world, 5, 0.2)
    pass_time(world, 20)
    image = bob.image()
    forgotten = say(world, 0, 1, "read and forgotten")
    pass_time(world, 20)
    restore(world, bob, image)
    for _ in range(5):
        say(world, 0, 1)
        pass_time(world, world.dice.choice([0.01, 0.2]))
    pass_time(world, SWEEP_EVERY_S + SETTLE_S)
    delivered = [message.text for message in said(alice, bob) if message.state is MessageState.DELIVERED]
    assert came(bob, alice) == [text for text in delivered if text != forgotten]
    assert set(states(alice, bob)) <= {MessageState.DELIVERED, MessageState.UNDELIVERABLE}
    make_peace(world)


def test_r18_a_removed_device_ends_its_outbox_and_stops_dialing() -> None:
    world = calm_world(3, keep_all=True)
    alice, bob = world.phones
    talk(world, 2, 0.2)
    pass_time(world, 10)
    world.server.register(alice.number, calm_world(4).phones[0].engine.public_keys())
    say(world, 0, 1, "too late")
    pass_time(world, 60)
    assert states(alice, bob)[-1] is MessageState.UNDELIVERABLE
    reasons = [event.reason for event in alice.store.next_events("another", 1_000) if isinstance(event, DeviceRemoved)]
    assert reasons == ["device_removed"]
    dials, lines = alice.dials, len(world.trace.lines(alice.name))
    pass_time(world, 3600)
    assert alice.dials == dials
    assert len(world.trace.lines(alice.name)) == lines, "alice has nothing left to do"


@pytest.mark.parametrize("damaged", [1, 3])
def test_r11_a_damaged_envelope_is_asked_for_again_and_fills_its_place(damaged: int) -> None:
    world = calm_world(5)
    for number in range(damaged):
        befall(world, Kind.POISON, 2, in_s=0.5 * number)
        say(world, 0, 1, "damaged on its way")
    for _ in range(6):
        say(world, 0, 1)
        pass_time(world, 0.5)
    pass_time(world, SETTLE_S)
    assert world.fired_kinds[Kind.POISON] == damaged
    assert all_came_in_order(world)
    make_peace(world)


def test_r11_what_never_opens_is_shown_as_unreadable_and_blocks_nothing() -> None:
    world = calm_world(6)
    alice, bob = world.phones
    say(world, 0, 1)
    pass_time(world, 5)
    bob.database.connection.execute("UPDATE peer_device SET box_key = randomblob(32)")
    bob.database.connection.execute("DELETE FROM session")
    bob.crash()
    say(world, 0, 1, "cannot be opened")
    pass_time(world, 1000)
    page = bob.store.history(alice.number, 100)
    assert next(message.state for message in page) is MessageState.RECEIVED
    assert 1 <= [message.state for message in page].count(MessageState.UNREADABLE) <= 4
    assert any(isinstance(event, MessageUnreadable) for event in bob.store.next_events("another", 1_000))
    assert states(alice, bob)[-1] is MessageState.SENT, "no tick for what was not opened (R12)"
    waiting = bob.database.connection.execute("SELECT count(*) FROM quarantine WHERE shown IS NULL").fetchone()
    assert waiting == (0,)


def test_r5_what_waits_longer_than_the_horizon_expires_visibly() -> None:
    world = calm_world(7, limits=ServerLimits(outbox_s=3600))
    alice, bob = world.phones
    talk(world, 1, 0.2)
    pass_time(world, 5)
    alice.weather.blackout(world.clock.now_s, 5000)
    for _ in range(20):
        say(world, 0, 1)
    pass_time(world, 5000 + SETTLE_S)
    assert set(states(alice, bob)) == {MessageState.EXPIRED, MessageState.DELIVERED}
    delivered = [message.text for message in said(alice, bob) if message.state is MessageState.DELIVERED]
    assert came(bob, alice) == delivered
    make_peace(world)


@pytest.mark.parametrize("monotonic_stops", [True, False])
def test_r5_what_is_said_after_a_sleep_of_months_has_not_waited_for_months(monotonic_stops: bool) -> None:
    world = calm_world(7)
    alice, bob = world.phones
    talk(world, 1, 0.2)
    pass_time(world, 5)
    for phone in world.phones:
        phone.sleep(100 * DAY_S, monotonic_stops=monotonic_stops)
    text = say(world, 0, 1, "good morning")
    pass_time(world, 100 * DAY_S + SETTLE_S)
    assert came(bob, alice)[-1] == text
    assert states(alice, bob)[-1] is MessageState.DELIVERED
    make_peace(world)


def test_r17_after_go_away_the_phones_come_back_within_the_slot() -> None:
    world = calm_world(8)
    talk(world, 3, 0.2)
    pass_time(world, 5)
    world.server.go_away(2000)
    pass_time(world, 3)
    assert [phone.dials for phone in world.phones] == [2, 2]
    talk(world, 3, 0.2)
    pass_time(world, 20)
    assert all_came_in_order(world)
    make_peace(world)
