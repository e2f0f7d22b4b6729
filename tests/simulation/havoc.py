"""How each timed fault is done to a world; those that wait for a commit, a message or a dial are done there."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from onebar.core import outbox
from onebar.core.content import Again, Content, Copy, Text
from onebar.core.records import Status
from onebar.core.turn import NetworkChanged, Poked
from onebar_mockserver.limits import MAILBOX_BYTES_MAX
from tests.simulation.faults import AT_COMMIT, AT_DIAL, AT_MESSAGE, AT_WORK, SERVER, Fault, Kind

if TYPE_CHECKING:
    from tests.simulation.party import Party
    from tests.simulation.phone import Phone
    from tests.simulation.world import World

UP_S: Final = 10.0
"""How long the network is there between two cuts when it flaps."""

SMALL_MAILBOX_BYTES: Final = 600
"""A mailbox in which two or three short texts have room."""


def plan(world: "World", faults: tuple[Fault, ...]) -> None:
    """Let these faults happen at their times."""
    for fault in faults:
        if fault.kind in AT_COMMIT | AT_MESSAGE | AT_DIAL | AT_WORK:
            _party(world, fault).waiting.append(fault)
        else:
            world.clock.at(fault.at_s, partial(_happen, world, fault))


def _party(world: "World", fault: Fault) -> "Party":
    return world.server if fault.party == SERVER else world.phones[fault.party - 1]


def _happen(world: "World", fault: Fault) -> None:
    party = _party(world, fault)
    world.fired(fault, party)
    if fault.party == SERVER:
        _TO_SERVER[fault.kind](world, fault)
    else:
        _TO_PHONE[fault.kind](world.phones[fault.party - 1], fault)


# The server


def _restore_server(world: "World", fault: Fault) -> None:
    image = world.server.image()
    world.clock.after(fault.amount, lambda: world.server.restore(image))


def _fill_server_disk(world: "World", fault: Fault) -> None:
    server = world.server
    pages = server.engine.connection.execute("PRAGMA page_count").fetchone()[0]
    server.engine.connection.execute(f"PRAGMA max_page_count = {pages}")
    world.clock.after(fault.amount, server.free_disk)


def _slow_down(world: "World", fault: Fault) -> None:
    world.server.slow_until_s = world.clock.now_s + fault.amount


def _go_away(world: "World", fault: Fault) -> None:
    world.server.go_away(round(fault.amount * 1000))
    world.clock.after(fault.amount, world.server.crash)


def _lower_limits(world: "World", fault: Fault) -> None:
    world.server.change_limits(window=1 + round(fault.amount * 3))


def _shrink_mailboxes(world: "World", fault: Fault) -> None:
    usual = world.server.limits.mailbox_bytes_max
    world.server.change_limits(mailbox_bytes_max=SMALL_MAILBOX_BYTES)
    world.clock.after(fault.amount, lambda: world.server.change_limits(mailbox_bytes_max=max(usual, MAILBOX_BYTES_MAX)))


_TO_SERVER: Final[dict[Kind, Callable[["World", Fault], None]]] = {
    Kind.RESTORE: _restore_server,
    Kind.DISK_FULL: _fill_server_disk,
    Kind.SLOW_SERVER: _slow_down,
    Kind.GO_AWAY: _go_away,
    Kind.LOWER_LIMITS: _lower_limits,
    Kind.SMALL_MAILBOXES: _shrink_mailboxes,
}


# A phone


def _restore(phone: "Phone", fault: Fault) -> None:
    image = phone.image()
    phone.world.clock.after(fault.amount, lambda: phone.world.restore(phone, image))


def _clone(phone: "Phone", fault: Fault) -> None:
    if phone.engine.device.status is Status.NEW:
        return  # a copy of an empty database is a new phone, and nobody would register it
    image = phone.image()
    phone.world.clock.after(fault.amount, lambda: phone.world.clone(phone, image))


def _reinstall(phone: "Phone", _fault: Fault) -> None:
    phone.world.reinstall(phone)


def _fill_disk(phone: "Phone", fault: Fault) -> None:
    execute = phone.database.connection.execute
    pages = execute("PRAGMA page_count").fetchone()[0]
    execute(f"PRAGMA max_page_count = {pages}")
    phone.world.clock.after(fault.amount, phone.free_disk)


def _step_clock(phone: "Phone", fault: Fault) -> None:
    phone.clock_error_ms += round(fault.amount * 1000)


def _suspend(phone: "Phone", fault: Fault) -> None:
    for wire in list(phone.wires.values()):
        wire.half_open(phone_hears=False, server_hears=True)
    phone.sleep(fault.amount, monotonic_stops=round(fault.at_s) % 2 == 0)


def _night(phone: "Phone", fault: Fault) -> None:
    for other in [*phone.world.phones, *phone.world.retired]:
        _suspend(other, fault)


def _hint(phone: "Phone", _fault: Fault) -> None:
    if phone.awake:
        phone.hear(NetworkChanged())


def _hand_over(phone: "Phone", fault: Fault) -> None:
    for wire in list(phone.wires.values()):
        wire.half_open(phone_hears=False, server_hears=False)
    if fault.amount < 0.5:
        _hint(phone, fault)


def _black_out(phone: "Phone", fault: Fault) -> None:
    phone.weather.blackout(phone.world.clock.now_s, fault.amount)


def _flap(phone: "Phone", fault: Fault) -> None:
    phone.world.watch_progress(phone, fault.amount)
    for turn in range(int(fault.amount / UP_S)):
        phone.world.clock.after(turn * UP_S, lambda: _cut_all(phone))


def _cut_all(phone: "Phone") -> None:
    for wire in list(phone.wires.values()):
        wire.cut("the network flaps", lose=True)


def _forge_request(phone: "Phone", _fault: Fault) -> None:
    """Ask another phone for envelopes that may never have been meant for this one."""
    _forge(phone, Again(tuple(sorted(phone.world.dice.sample(range(1, 30), 8)))))


def _forge_copy(phone: "Phone", fault: Fault) -> None:
    """Put words into another phone's mouth."""
    number = 1 + round(fault.amount * 1e9)
    _forge(phone, Copy(Text(number, number, 0, "I owe you"), max(1, phone.engine.device.account)))


def _forge(phone: "Phone", what: Content) -> None:
    state = phone.engine._state
    if not (phone.awake and state.confirmed and state.device.out_no - state.device.floor < state.window):
        return
    peers = [
        peer
        for other in phone.world.phones
        if other is not phone
        and (peer := state.store.contacts.device(*other.address)) is not None
        and not state.store.sessions.get(*other.address).sessions.need_bundle(state.server_ms)
    ]
    if peers:
        with phone.database.transaction():
            outbox.seal_control(state, peers[:1], what)
            state.store.save_device(state.device)
        phone.hear(Poked())


_TO_PHONE: Final[dict[Kind, Callable[["Phone", Fault], None]]] = {
    Kind.RESTORE: _restore,
    Kind.CLONE: _clone,
    Kind.REINSTALL: _reinstall,
    Kind.DISK_FULL: _fill_disk,
    Kind.CLOCK_STEP: _step_clock,
    Kind.SUSPEND: _suspend,
    Kind.NIGHT: _night,
    Kind.HINT: _hint,
    Kind.HANDOVER: _hand_over,
    Kind.BLACKOUT: _black_out,
    Kind.FLAPPING: _flap,
    Kind.FORGED_REQUEST: _forge_request,
    Kind.FORGED_COPY: _forge_copy,
}
