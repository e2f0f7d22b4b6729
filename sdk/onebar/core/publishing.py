"""What others may know of this device and its account: the device list, the signed bundle, one-time prekeys (§5).

The server says in each Welcome what it holds of it; what is missing there is published again.
"""

from typing import Final

import msgspec

from onebar.core import trust
from onebar.core.directory import ask, result
from onebar.core.frames import Response, Stock
from onebar.core.questions import AddDevice, Added, FindAccount, Publish
from onebar.core.state import DeviceState
from onebar.crypto import certificates
from onebar.crypto.certificates import AccountKey, DeviceCertificate, DeviceList
from onebar.crypto.keys import PeerKeys
from onebar.crypto.prekeys import (
    LastResortKemPrekey,
    OneTimeKemPrekey,
    OneTimePrekey,
    SignedPrekey,
    make_bundle,
    one_time_kem_public,
    one_time_public,
    refill,
    rotation_due,
)
from onebar.crypto.values import KEY_BYTES
from onebar.errors import RemoteProtocolError

KEM_SHARE: Final = 4
"""One ML-KEM prekey is kept for so many of X25519: they are 37 times as long, and when none is left the last resort
protects as well against everybody who has not broken into the phone within its week."""

KEM_PER_PUBLISH: Final = 4
"""ML-KEM prekeys in one Publish: 5 kB, two seconds at 20 kbit/s, and only while nothing else waits."""

ONE_TIME_PER_PUBLISH: Final = 100
"""X25519 prekeys in one Publish: 3.8 kB."""

STOCK_S: Final = 86_400.0
"""How often a device that stays connected asks how many of its prekeys are left."""

AGAIN: Final = frozenset({"old_list", "bad_list"})
"""Errors after which our account's device list has to be fetched before another one is signed."""


def advance(state: DeviceState) -> None:
    """Publish what the server lacks, one step at a time; it answers each with what it has then."""
    link, now_s = next(state.open_links(), None), state.now.monotonic_s
    if state.stock is not None and now_s - state.stock_at_s > STOCK_S:
        state.stock_at_s = now_s
        ask(state, Publish())  # others may have fetched most of our prekeys meanwhile
    if not state.publish_due or state.stock is None or link is None:
        return
    if any(isinstance(one, Publish) for one in link.requests.values()):
        return
    for wish, refusal in state.adding.items():
        if not refusal:
            ask(state, wish)
    step = _next_step(state, state.stock)
    if step is not None:
        ask(state, step)


def published(state: DeviceState, question: Publish, response: Response) -> None:
    """Learn what the server has now.

    Raises:
        RemoteProtocolError: It makes no sense.
    """
    if response.error in AGAIN:
        _fetch_own_list(state)
        state.postpone(question)
        return
    stock = result(response, Stock)
    if stock is None:
        raise RemoteProtocolError("the server does not know this device while it is connected")
    state.stock, state.stock_at_s, state.publish_due = stock, state.now.monotonic_s, True
    state.news |= bool(question.devices)  # whoever has approved a device waits for it
    state.store.prekeys.published([number for number, _ in (*question.one_time, *question.one_time_kem)])


def add_device(state: DeviceState, wish: AddDevice) -> None:
    """Make a device one of our account, as the user approved: a number from the server first, then a certificate."""
    state.adding[wish], state.publish_due = "", True


def added(state: DeviceState, wish: AddDevice, response: Response) -> None:
    """Certify the device that has its number now.

    Raises:
        RemoteProtocolError: The answer makes no sense.
    """
    if wish not in state.adding:
        return
    if response.error:
        state.adding[wish] = response.error
        state.news = True
        return
    found = result(response, Added)
    del state.adding[wish]
    if found is None:
        return
    keys = PeerKeys(wish.identity_key, wish.box_key, wish.key_signature)
    own = _own_list(state)
    if own is not None and state.device.account_seed and own.certificate(found.device) is None and keys.valid:
        account_key = AccountKey(state.device.account_seed)
        one = account_key.certify(state.device.account, found.device, keys, state.server_ms)
        _sign(state, (*own.certificates, one), own)


def remove_device(state: DeviceState, device: int) -> bool:
    """Sign a device list without one of our devices; return whether it was one."""
    own = _own_list(state)
    if own is None or not state.device.account_seed or own.certificate(device) is None:
        return False
    _sign(state, tuple(one for one in own.certificates if one.device != device), own)
    return True


def _next_step(state: DeviceState, stock: Stock) -> Publish | None:
    own = _own_list(state)
    if stock.list_counter > (0 if own is None else own.counter):
        _fetch_own_list(state)  # another device of ours, or a lost copy of this one, signed it
        state.publish_due = False  # until it has come
        return None
    if state.device.account_seed and (own is None or own.certificate(state.device.device) is None):
        own = _certify(state, own)
    devices = b"" if own is None or own.counter <= stock.list_counter else certificates.to_bytes(own)
    signed, bundle_ms = _bundle(state, stock)
    if devices or signed:
        return Publish(devices, signed, bundle_ms)
    listed = own is not None and own.certificate(state.device.device) is not None
    if listed and not state.listed and state.repair_at_s is not None:
        state.repair_at_s = state.now.monotonic_s  # what did not open can be asked for from now on
    state.listed = listed
    one_time = _one_time(state, stock)
    state.publish_due = one_time is not None
    return None if _busy(state) else one_time


def _fetch_own_list(state: DeviceState) -> None:
    question = FindAccount(state.device.account)
    ask(state, question)
    state.postpone(question)  # whatever the answer is: a server that has lost its newest list would be asked for ever


def _busy(state: DeviceState) -> bool:
    """Whether texts wait: prekeys can go later, and the server has some or a last resort."""
    return state.device.out_no > state.device.floor or bool(state.store.outbox.drafts(1))


def _own_list(state: DeviceState) -> DeviceList | None:
    return trust.known_list(state.store.contacts.contact(state.device.account))


def _certify(state: DeviceState, before: DeviceList | None) -> DeviceList:
    """Make this device one of our account: the first, or in the place of an old copy of it."""
    device, keys = state.device, state.keys.public()
    one = AccountKey(device.account_seed).certify(device.account, device.device, keys, state.server_ms)
    others = () if before is None else tuple(other for other in before.certificates if _is_there(state, other))
    return _sign(state, (*others, one), before)


def _is_there(state: DeviceState, certificate: DeviceCertificate) -> bool:
    peer = state.store.contacts.device(certificate.account, certificate.device)
    return peer is not None and not peer.removed


def _sign(state: DeviceState, listed: tuple[DeviceCertificate, ...], before: DeviceList | None) -> DeviceList:
    device = state.device
    devices = AccountKey(device.account_seed).sign_list(device.account, listed, state.server_ms, before)
    trust.take_list(state, device.phone, devices, certificates.to_bytes(devices))
    state.publish_due = True
    return devices


def _bundle(state: DeviceState, stock: Stock) -> tuple[bytes, int]:
    """Return the signed bundle if the server needs one, made anew when its prekeys are old."""
    prekeys, now_ms = state.store.prekeys, state.server_ms
    signed, last_resort = prekeys.newest()
    if signed is None or rotation_due(signed.created_ms, now_ms) or bool(state.kem) != bool(last_resort):
        signed = SignedPrekey(prekeys.next_id(), state.entropy(KEY_BYTES), now_ms)
        prekeys.add(signed)
        last_resort = None
        if state.kem is not None:
            public, secret = state.kem.keypair(state.entropy)
            last_resort = LastResortKemPrekey(prekeys.next_id(), public, secret, now_ms)
            prekeys.add(last_resort)
    elif stock.bundle_ms >= signed.created_ms:
        return b"", 0
    bundle = make_bundle(state.keys, signed, last_resort, signed.created_ms)
    return msgspec.msgpack.encode(bundle), signed.created_ms


def _one_time(state: DeviceState, stock: Stock) -> Publish | None:
    """Return the next one-time prekeys to publish, made when a stock is low."""
    prekeys, full = state.store.prekeys, state.config.one_time_prekeys
    waiting = prekeys.unpublished(ONE_TIME_PER_PUBLISH)
    if not waiting:
        for _ in range(refill(stock.one_time, full)):
            prekeys.add(OneTimePrekey(prekeys.next_id(), state.entropy(KEY_BYTES), state.server_ms))
        for _ in range(refill(stock.one_time_kem, full // KEM_SHARE) if state.kem is not None else 0):
            public, secret = state.kem.keypair(state.entropy)  # type: ignore[union-attr]
            prekeys.add(OneTimeKemPrekey(prekeys.next_id(), public, secret, state.server_ms))
        waiting = prekeys.unpublished(ONE_TIME_PER_PUBLISH)
    short = [one for one in waiting if isinstance(one, OneTimePrekey)]
    long = [] if short else [one for one in waiting if isinstance(one, OneTimeKemPrekey)][:KEM_PER_PUBLISH]
    if not short and not long:
        return None
    return Publish(
        one_time=tuple((one.id, msgspec.msgpack.encode(one_time_public(one))) for one in short),
        one_time_kem=tuple((one.id, msgspec.msgpack.encode(one_time_kem_public(state.keys, one))) for one in long),
    )
