"""How a link begins: the flight, the Welcome, and what if one side is an old copy (docs/protocol.md §3, R20, R21)."""

import base64
from typing import Final

import msgspec

from onebar.core import orders, outbox, pace, push, trust
from onebar.core.frames import FRAMES_MAX, ClientFrame, Hello, Refused, Welcome, encode_message
from onebar.core.link import Link
from onebar.core.link_states import LinkTrigger
from onebar.core.records import Peer, Status
from onebar.core.state import DeviceState
from onebar.core.turn import Dial, Registered, Replace, ReplaceFailed, ReplaceRefused
from onebar.crypto.certificates import list_from_bytes
from onebar.crypto.keys import SEED_BYTES, DeviceKeys, flight_to_sign, replacement_to_sign
from onebar.errors import RemoteProtocolError
from onebar.events import DeviceRemoved, DeviceReplaced, MessageFailed
from onebar.models import MessageState

FLIGHT_HEADER: Final = "Onebar-Flight"
"""Name of the header of the upgrade request that carries the flight."""

FLIGHT_HEADER_BYTES_MAX: Final = 8_000
"""Longest header line (R7): servers and middleboxes cut at 8,192."""

TIME_MS_MAX: Final = 253_402_300_800_000
"""No server's clock is beyond the year 9999; anything later would only overflow sums of times."""

EPOCH_STEP_MAX: Final = 2**32
"""How far an epoch may jump: a hostile server must not use up the numbers that an honest one needs to go on."""

OUTBOX_S_MAX: Final = 10 * 365 * 86_400
"""The longest horizon that a server can announce: ten years, for the same reason."""

_FLIGHT_BYTES_MAX: Final = (FLIGHT_HEADER_BYTES_MAX - len(FLIGHT_HEADER) - 4) * 3 // 4
_SIGNATURE_BYTES: Final = 64
_TERMINAL: Final = frozenset({"device_removed", "account_gone"})  # R18


def encode_header(flight: bytes) -> str:
    """Return the header's value: base64url without padding."""
    return base64.urlsafe_b64encode(flight).rstrip(b"=").decode()


def dial(state: DeviceState) -> Link:
    """Begin a new link; its number is committed with this turn, before a byte leaves (R15)."""
    device = state.device
    state.change(connection_no=device.connection_no + 1)
    unopened, cursor = state.store.inbox.unopened(0), device.cursor
    if len(unopened) > FRAMES_MAX:  # acknowledge no more than can be named
        unopened, cursor = unopened[:FRAMES_MAX], unopened[FRAMES_MAX - 1]
    hello = Hello(
        account=device.account,
        device=device.device,
        connection_no=state.device.connection_no,
        time_ms=max(0, state.now.wall_ms),
        epoch=device.epoch,
        cursor=cursor,
        floor=device.floor,
        unopened=unopened,
    )
    submits, message = _first_flight(state, hello)
    flight = state.keys.sign(flight_to_sign(state.config.host, message)) + message
    link = Link(hello.connection_no, flight, hello.epoch, cursor, hello.floor, hello.floor, state.now.monotonic_s)
    for out_no, size in submits:
        link.carry(out_no, size)
    link.acked = hello.cursor
    state.links[link.link_no] = link
    state.outputs.append(Dial(link.link_no, b"" if state.bare else flight, state.path.again_s))
    return link


def _first_flight(state: DeviceState, hello: Hello) -> tuple[list[tuple[int, int]], bytes]:
    """Return the Hello with the longest prefix of the outbox that fits (R7), and what it carries."""
    frames: list[ClientFrame] = [hello]
    carried: list[tuple[int, int]] = []
    last, room = pace.sendable(state), _FLIGHT_BYTES_MAX - _SIGNATURE_BYTES - len(encode_message(frames))
    for envelope in state.store.outbox.outstanding(hello.floor, state.window):
        frame = outbox.submission(envelope, hello.floor)
        room -= len(msgspec.msgpack.encode(frame)) + 2  # the array's header may grow by two bytes
        if room < 0 or envelope.out_no > last:
            break
        frames.append(frame)
        carried.append((envelope.out_no, len(envelope.sealed)))
    return carried, encode_message(frames)


def welcomed(state: DeviceState, link: Link, frame: Welcome) -> None:
    """Judge the server's Welcome, and go on from it; or find out that this database is an old copy.

    Raises:
        RemoteProtocolError: It makes no sense.
    """
    if frame.server_time_ms > TIME_MS_MAX:
        raise RemoteProtocolError(f"the server's clock is beyond TIME_MS_MAX = {TIME_MS_MAX}: {frame.server_time_ms}")
    if frame.epoch > state.device.epoch + EPOCH_STEP_MAX:
        raise RemoteProtocolError(f"the epoch jumps by more than EPOCH_STEP_MAX = {EPOCH_STEP_MAX}: {frame.epoch}")
    if _is_old_copy(state, frame):
        become_new_device(state)
        return
    state.unknown = False
    link.trigger(LinkTrigger.WELCOMED)
    state.change(clock_offset_ms=frame.server_time_ms - state.now.wall_ms)
    state.clock = frame.server_time_ms, state.now.monotonic_s
    if frame.mark < link.floor:  # the server was restored: say again what it forgot (R21)
        state.store.outbox.reopen_from(frame.mark, state.device.out_no)
        state.change(floor=frame.mark, floor_hash=frame.mark_hash)
        link.position = frame.mark
    if frame.epoch != state.device.epoch:
        state.change(epoch=frame.epoch, cursor=frame.cursor)
        push.forgotten(state)
        state.store.inbox.told_unopened(2**63 - 1)
    else:
        state.store.inbox.told_unopened(link.cursor)
    link.received_seq = link.acked = frame.cursor
    link.flight = b""
    state.window = max(1, min(state.config.window, frame.limits.window))
    pace.announced(state, frame.limits)
    state.outbox_s = min(frame.limits.outbox_s, OUTBOX_S_MAX)
    state.confirmed = True
    state.stock, state.stock_at_s = frame.stock, state.now.monotonic_s
    state.news = True  # it may say that a device list has arrived whose answer was lost: somebody may wait for it
    state.publish_due, state.listed = True, False
    state.postponed = {question: pause for question, pause in state.postponed.items() if pause.limited}
    state.repair_at_s = state.expire_at_s = state.now.monotonic_s
    outbox.apply_verdicts(state, frame.mark, frame.notes)


def _is_old_copy(state: DeviceState, frame: Welcome) -> bool:
    device = state.device
    if frame.connection_no > device.connection_no or frame.mark > device.out_no or frame.floor > device.floor:
        return True
    if frame.epoch == device.epoch and frame.cursor > device.cursor:
        return True
    ours = device.floor_hash if frame.mark == device.floor else state.store.outbox.hash_of(frame.mark)
    return bool(frame.mark and ours) and ours != frame.mark_hash


def refused(state: DeviceState, link: Link, frame: Refused) -> None:
    """Learn why the server will not have a link."""
    state.why = f"the server refused the connection: {frame.reason}"
    if frame.reason in _TERMINAL:
        remove(state, frame.reason)
    elif frame.reason == "connection_number" and frame.connection_no > state.device.connection_no:
        become_new_device(state)
    else:
        # Perhaps a middlebox repeats the request, and its copy came first, or cuts the header: what is sent on the open
        # link instead, when the server asks for it, no box repeats or cuts (§3). It costs a round trip.
        repeated = frame.reason == "connection_number" and frame.connection_no == link.link_no
        state.bare |= repeated or frame.reason == "malformed"
        state.unknown = frame.reason == "unauthenticated"
        state.drop(link, LinkTrigger.REFUSED)


def become_new_device(state: DeviceState) -> None:
    """This database is an old copy, so it must never speak as its old device again (R20)."""
    if not state.device.account_seed:  # the new device needs a certificate that only another one of ours can sign
        remove(state, "old_copy")
        return
    state.drop_all()
    state.confirmed = False
    state.replace_at_s = state.now.monotonic_s
    state.failures = 0
    state.change(
        status=Status.REPLACING,
        next_identity_seed=state.entropy(SEED_BYTES),
        next_box_secret=state.entropy(SEED_BYTES),
    )


def ask_replacement(state: DeviceState) -> None:
    """Ask the server for a new device id, with the old keys as proof."""
    device = state.device
    new = DeviceKeys(device.next_identity_seed, device.next_box_secret).public()
    proof = state.keys.sign(replacement_to_sign(device.account, device.device, new))
    request = Replace(device.account, device.device, new.identity_key, new.box_key, new.key_signature, proof)
    state.outputs.append(request)
    state.replace_at_s = float("inf")  # until the driver answers


def not_replaced(state: DeviceState, answer: ReplaceRefused | ReplaceFailed) -> None:
    """This device is gone for good (R18); or there was no answer: ask again after a pause."""
    if isinstance(answer, ReplaceRefused):
        remove(state, answer.reason)
        return
    state.failures += 1
    state.replace_at_s = state.now.monotonic_s + state.pause_s()


def registered(state: DeviceState, answer: Registered) -> None:
    """Begin as a device of an account: the first, or a new one for an old copy."""
    device = state.device
    replacing = device.status is Status.REPLACING
    if device.status is Status.REGISTERED and not state.unknown:
        return  # a repeated answer
    forgotten, state.unknown = state.unknown, False
    state.drop_all()
    state.confirmed = False
    state.stock, state.listed = None, False
    if replacing:
        old = Peer(device.account, device.device, state.keys.public(), removed=True)
        state.store.contacts.put_device(old)  # its lost copy may have published a list that this one never saw
        state.store.contacts.remove_device(device.account, device.device)
    elif not answer.devices:  # a code puts all devices before out of use (§2): no list may name them any more
        for peer in state.store.contacts.devices(answer.account):
            state.store.contacts.remove_device(peer.account, peer.device)
    state.store.sessions.clear()
    state.store.prekeys.clear()
    state.change(
        status=Status.REGISTERED,
        phone=answer.phone or device.phone,
        account=answer.account,
        device=answer.device,
        account_seed=b"" if answer.devices else device.account_seed,
        identity_seed=device.next_identity_seed if replacing else device.identity_seed,
        box_secret=device.next_box_secret if replacing else device.box_secret,
        next_identity_seed=b"",
        next_box_secret=b"",
        connection_no=0,
        epoch=0,
        cursor=0,
        floor=0,
        floor_hash=b"",
        out_no=0,
    )
    push.forgotten(state)
    if forgotten:  # what it accepted may be lost with its memory
        state.store.outbox.reopen_from(0, device.out_no)
    if answer.devices:
        trust.take_list(state, answer.phone, list_from_bytes(answer.devices), answer.devices)
    state.store.outbox.unseal()
    state.store.inbox.told_unopened(2**63 - 1)
    state.failures, state.dial_at_s = 0, state.now.monotonic_s
    if replacing or forgotten:
        state.tell(DeviceReplaced)


def remove(state: DeviceState, reason: str) -> None:
    """The account no longer knows this device (R18): end what waits, and be ready to register anew, with new keys."""
    state.drop_all()
    state.confirmed = False
    state.stock, state.listed = None, False
    for message_no in state.store.outbox.fail_all(reason):
        state.tell(MessageFailed, message_no, f"{MessageState.UNDELIVERABLE} {reason}")
    state.change(
        status=Status.REMOVED,
        account_seed=state.device.account_seed or state.entropy(SEED_BYTES),
        identity_seed=state.entropy(SEED_BYTES),
        box_secret=state.entropy(SEED_BYTES),
        next_identity_seed=b"",
        next_box_secret=b"",
    )
    orders.end_all(state, reason)
    state.tell(DeviceRemoved, detail=reason)
