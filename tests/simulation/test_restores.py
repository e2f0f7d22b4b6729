"""Old copies, lost devices, damage: what the delivery rules say about the awkward cases (docs/protocol.md §7)."""

import pytest

from onebar.core.frames import Deliver, decode_server, encode_message
from onebar.events import DeviceRemoved, DeviceReplaced, MessageUnreadable
from onebar.models import MessageState
from onebar_mockserver.limits import ServerLimits
from tests.simulation.test_conversations import SETTLE_S, check, states_of, talk
from tests.simulation.world import Phone, World


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("ahead", [0, 1, 5, 20])
def test_r20_a_phone_restored_from_a_backup_goes_on_as_a_new_device(seed: int, ahead: int) -> None:
    world = World(seed)
    alice, bob = world.phones
    talk(world, 10, 0.2)
    queued = world.random.random() < 0.5
    if queued:
        alice.send(bob.number, "queued in the backup")
        world.run_for(0.001)
    image, in_backup = alice.image(), [text for _, text in alice.sent]
    world.run_for(20)
    for number in range(ahead):
        alice.send(bob.number, f"after the backup {number}")
    world.run_for(20)
    seen = bob.received_from(alice)
    alice.restore(image)
    world.run_for(20)
    alice.send(bob.number, "here again")
    bob.send(alice.number, "welcome back")
    world.run_for(SETTLE_S)
    assert bob.received_from(alice) == [*seen, "here again"]
    assert set(in_backup) <= set(seen)
    assert alice.received_from(bob)[-1] == "welcome back"
    assert states_of(alice, bob)[-1] is MessageState.DELIVERED
    replaced = [type(event) for event in alice.events()].count(DeviceReplaced)
    assert replaced == 1 or (ahead == replaced == 0), "with nothing ahead, the copy may be as good as the original"


@pytest.mark.parametrize("seed", range(20))
def test_r21_a_server_restored_from_a_backup_loses_no_message(seed: int) -> None:
    world = World(seed)
    world.cut_rate = world.random.choice([0.0, 0.05])
    talk(world, 10, 0.2)
    image = world.server.image()
    talk(world, world.random.randrange(30), world.random.choice([0.01, 0.3]))
    world.server.restore(image)
    talk(world, 5, 0.2)
    world.calm()
    world.run_for(SETTLE_S)
    check(world)


@pytest.mark.parametrize("seed", range(20))
def test_r4_a_new_device_of_the_recipient_gets_everything_sent_since_it_appeared(seed: int) -> None:
    world = World(seed)
    world.cut_rate = world.random.choice([0.0, 0.05])
    alice, bob = world.phones
    talk(world, 5, 0.2)
    world.run_for(60)
    before = bob.received_from(alice)
    become_someone_new(bob)
    world.run_for(5)
    for number in range(20):
        alice.send(bob.number, f"to the new device {number}")
        world.run_for(world.random.choice([0.01, 0.5]))
    world.calm()
    world.run_for(SETTLE_S)
    assert bob.received_from(alice) == before + [f"to the new device {number}" for number in range(20)]


def become_someone_new(phone: Phone) -> None:
    """The app is installed anew on another device of the same person; history stays, for comparing."""
    keys = "status = 'new', identity_seed = randomblob(32), box_secret = randomblob(32)"
    phone.database.connection.execute(f"UPDATE device SET {keys}")
    phone.crash()
    phone.register()


@pytest.mark.parametrize("seed", range(10))
def test_r5_mail_for_a_device_that_is_replaced_ends_visibly(seed: int) -> None:
    world = World(seed)
    alice, bob = world.phones
    talk(world, 5, 0.2)
    world.run_for(20)
    image = bob.image()
    alice.send(bob.number, "read and forgotten")
    world.run_for(20)
    bob.restore(image)
    bob.wires.clear()
    for number in range(5):
        alice.send(bob.number, f"{number}")
        world.run_for(world.random.choice([0.01, 0.2]))
    world.run_for(SETTLE_S)
    page = [message for message in alice.store.history(bob.number, 100) if message.outgoing]
    delivered = [message.text for message in page if message.state is MessageState.DELIVERED]
    assert bob.received_from(alice) == [text for text in delivered if text != "read and forgotten"]
    assert all(message.state in {MessageState.DELIVERED, MessageState.UNDELIVERABLE} for message in page)


def test_r18_a_removed_device_ends_its_outbox_and_stops_dialing() -> None:
    world = World(3)
    alice, bob = world.phones
    talk(world, 2, 0.2)
    world.run_for(10)
    other = World(4).phones[0].engine.public_keys()
    world.server.register(alice.number, other)
    alice.send(bob.number, "too late")
    world.run_for(60)
    assert states_of(alice, bob)[-1] is MessageState.UNDELIVERABLE
    assert [event.reason for event in alice.events() if isinstance(event, DeviceRemoved)] == ["device_removed"]
    turns = world.turns
    world.run_for(3600)
    assert world.turns - turns < 400, "bob probes his link; alice does nothing"


@pytest.mark.parametrize("damaged", [1, 3])
def test_r11_a_damaged_envelope_is_asked_for_again_and_fills_its_place(damaged: int) -> None:
    world = World(5)
    alice, bob = world.phones
    world.run_for(5)
    left = [damaged]

    def tamper(data: bytes) -> bytes:
        frames = decode_server(data)
        for number, frame in enumerate(frames):
            if isinstance(frame, Deliver) and not frame.flags and left[0]:
                left[0] -= 1
                broken = bytes([*frame.ciphertext[:-1], frame.ciphertext[-1] ^ 1])
                values = (frame.prev_seq, frame.seq, frame.account, frame.device, frame.out_no, frame.sent_at_ms)
                frames[number] = Deliver(*values, frame.flags, broken)
        return encode_message(frames)  # type: ignore[arg-type]

    world.tamper = tamper
    for number in range(6):
        alice.send(bob.number, f"{number}")
        world.run_for(0.5)
    world.run_for(SETTLE_S)
    assert left == [0]
    check(world)


def test_r11_what_never_opens_is_shown_as_unreadable_and_blocks_nothing() -> None:
    world = World(6)
    alice, bob = world.phones
    world.run_for(5)
    alice.send(bob.number, "hello")
    world.run_for(5)
    bob.database.connection.execute("UPDATE peer_device SET box_key = randomblob(32)")
    bob.crash()
    alice.send(bob.number, "cannot be opened")
    world.run_for(1000)
    page = bob.store.history(alice.number, 100)
    assert next(message.state for message in page) is MessageState.RECEIVED
    unreadable = [message for message in page if message.state is MessageState.UNREADABLE]
    assert 1 <= len(unreadable) <= 4
    assert any(isinstance(event, MessageUnreadable) for event in bob.events())
    assert states_of(alice, bob)[-1] is MessageState.SENT, "no tick for what was not opened (R12)"
    quarantined = bob.database.connection.execute("SELECT count(*) FROM quarantine WHERE shown IS NULL").fetchone()
    assert quarantined == (0,)


def test_r5_what_waits_longer_than_the_horizon_expires_visibly() -> None:
    world = World(7, limits=ServerLimits(outbox_s=3600))
    alice, bob = world.phones
    world.run_for(5)
    world.cut_rate = 1.0
    for number in range(20):
        alice.send(bob.number, f"{number}")
    world.run_for(5000)
    world.calm()
    world.run_for(SETTLE_S)
    states = states_of(alice, bob)
    assert set(states) <= {MessageState.EXPIRED, MessageState.DELIVERED}
    assert MessageState.EXPIRED in states
    delivered = [f"{n}" for n, state in enumerate(states) if state is MessageState.DELIVERED]
    assert bob.received_from(alice) == delivered


def test_r17_after_go_away_the_phones_come_back_within_the_slot() -> None:
    world = World(8)
    talk(world, 3, 0.2)
    world.run_for(5)
    links = [max(phone.engine.links) for phone in world.phones]
    world.server.go_away(2000)
    world.run_for(3)
    assert [max(phone.engine.links) for phone in world.phones] == [number + 1 for number in links]
    talk(world, 3, 0.2)
    world.run_for(20)
    check(world)
