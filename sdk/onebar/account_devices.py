"""The devices of one account: how a further one joins, with the approval of the first, and how one is removed.

The new device shows its keys as a text (a QR code, or pasted), the first device answers with another text. Both go by
way of the user, not of the server: so no server can add a device, or sit between two. Each text ends with a checksum,
which finds what was cut short or mistyped; what makes them genuine is the user who carries them, and the signatures.
"""

import asyncio
import base64
import binascii
import hashlib
from typing import Annotated, Final, TypeVar

from msgspec import Meta

from onebar.core.records import Device, Status
from onebar.core.trust import known_list
from onebar.core.turn import AddDevice, Registered, RemoveDevice
from onebar.crypto import certificates
from onebar.crypto.certificates import CertificateError, DeviceList, check_list, list_from_bytes
from onebar.crypto.keys import PeerKeys
from onebar.crypto.values import Key, Number, Signature, Value, pack, unpack
from onebar.drivers.home import Home
from onebar.errors import InputError, NotRegisteredError, RegistrationError, WaitTimeoutError
from onebar.models import AccountDevice, check_phone
from onebar.store import SqliteStore

REQUEST_PREFIX: Final = "onebar-device:"
"""Before what a new device shows, so that a user who mixes the texts up is told."""

APPROVAL_PREFIX: Final = "onebar-approval:"
"""Before what the first device answers."""

CHECKSUM_BYTES: Final = 4
"""Length of the checksum, the front of a SHA-256: a mistake slips through once in four thousand million times."""

_VERSION: Final = 1  # of both texts

_ASK_ANEW: Final = "copy it again, whole, or let the other device show it anew"


class _Request(Value, frozen=True):
    """What a new device shows: its public keys."""

    identity_key: Key
    box_key: Key
    key_signature: Signature


class _Approval(Value, frozen=True):
    """What the first device answers: whose device the new one is, and the proof."""

    phone: Annotated[str, Meta(max_length=16)]
    account: Number
    device: Number
    devices: bytes
    """The account's signed device list."""


_Text = TypeVar("_Text", bound=Value)


def request_text(keys: PeerKeys) -> str:
    """Return what a new device shows: 192 characters that hold no secret."""
    return _written(REQUEST_PREFIX, _Request(keys.identity_key, keys.box_key, keys.key_signature))


def read_request(text: str) -> PeerKeys:
    """Return the keys of the new device.

    Raises:
        InputError: It is no such text, or it is damaged.
    """
    request = _read(REQUEST_PREFIX, text, _Request, "device's request")
    keys = PeerKeys(request.identity_key, request.box_key, request.key_signature)
    if not keys.valid:
        raise InputError(f"this is no device's request: its keys do not belong together; {_ASK_ANEW}")
    return keys


def read_approval(text: str, own: PeerKeys) -> Registered:
    """Return what the first device has approved, once it is verified.

    Args:
        text: The approval.
        own: The keys of this device.

    Raises:
        InputError: It is no such text, damaged, not signed by the account, or for another device.
    """
    approval = _read(APPROVAL_PREFIX, text, _Approval, "approval")
    devices = list_from_bytes(approval.devices)
    try:
        check_list(devices, approval.account)
    except CertificateError as error:
        raise InputError(f"this approval was changed on its way ({error}): ask the first device anew") from error
    listed = devices.certificate(approval.device)
    if listed is None or listed.keys != own:
        raise InputError("this approval is for another device: let the first device approve this one's request")
    return Registered(approval.account, approval.device, check_phone(approval.phone), approval.devices)


async def approve(home: Home[SqliteStore], request: str, timeout_s: float | None) -> str:
    """Make the device of this request one of the account; see `Client.approve_device`."""
    keys, engine = read_request(request), home.holder_engine()
    if keys == engine.public_keys():
        raise InputError("this is the request of this very device: show the new device's one here")
    if engine.device.status not in {Status.REGISTERED, Status.REPLACING}:
        raise NotRegisteredError("this device has no account: call `Client.register` first")
    if not engine.device.account_seed:
        raise InputError("only the account's first device can add and remove devices: approve it there")
    try:
        async with asyncio.timeout(timeout_s):
            await published(home, engine.public_keys())  # before, the server knows nobody who may add devices
            if _number_of(await home.read(_own_list), keys) is None:
                await home.submit(AddDevice(keys))
            return await published(home, keys)
    except TimeoutError as error:
        raise WaitTimeoutError(
            f"the server did not take the new device within {timeout_s} s; approve the same request again"
        ) from error


async def join(home: Home[SqliteStore], approval: str) -> None:
    """Make this a device of the account that approved it; see `Client.join`."""
    engine = home.holder_engine()
    device = engine.device
    answer = read_approval(approval, engine.public_keys())
    if device.status is not Status.NEW and device.phone != answer.phone:
        raise InputError("this database belongs to another number: open another one for this number")
    if device.status in {Status.REGISTERED, Status.REPLACING}:
        if (device.account, device.device) == (answer.account, answer.device):
            return  # as before a crash
        raise InputError("this device belongs to an account already: open another database for a further device")
    await home.submit(answer)


async def published(home: Home[SqliteStore], keys: PeerKeys) -> str:
    """Wait until the server has a device list with these keys; return the approval for their device.

    Raises:
        RegistrationError: The server will not have the device.
        OnebarError: Another process has the database open.
    """
    while True:
        news = home.news()
        engine, devices = home.holder_engine(), await home.read(_own_list)
        number = _number_of(devices, keys)
        if devices is not None and number is not None and engine.published_list >= devices.counter:
            return _approval_text(engine.device, number, devices)
        if reason := engine.refusal(keys):
            raise RegistrationError(reason, "the server will not have this device; remove one that is not used")
        await news.wait()


async def listed(home: Home[SqliteStore]) -> list[AccountDevice]:
    """Return the devices of the account; see `Client.devices`."""

    def find(store: SqliteStore) -> list[AccountDevice]:
        device, devices = store.load_device(), _own_list(store)
        if device is None or devices is None:
            return []
        names = store.contacts.device_names()
        return [
            AccountDevice(one.device, one.device == device.device, one.created_ms, names.get(one.device, ""))
            for one in devices.certificates
        ]

    return await home.read(find)


async def remove(home: Home[SqliteStore], number: int) -> None:
    """Take a device out of the account; see `Client.remove_device`."""

    def is_gone(store: SqliteStore) -> bool:
        device = store.load_device()
        peer = None if device is None else store.contacts.device(device.account, number)
        return peer is not None and peer.removed

    home.holder_engine()
    if not await home.read(is_gone):
        await home.submit(RemoveDevice(number))


def _approval_text(device: Device, number: int, devices: DeviceList) -> str:
    approval = _Approval(device.phone, device.account, number, certificates.to_bytes(devices))
    return _written(APPROVAL_PREFIX, approval)


def _number_of(devices: DeviceList | None, keys: PeerKeys) -> int | None:
    listed = () if devices is None else devices.certificates
    return next((one.device for one in listed if one.keys == keys), None)


def _own_list(store: SqliteStore) -> DeviceList | None:
    device = store.load_device()
    return None if device is None else known_list(store.contacts.contact(device.account))


def _written(prefix: str, value: Value) -> str:
    data = pack(_VERSION, value)
    return prefix + base64.urlsafe_b64encode(data + _checksum(prefix, data)).rstrip(b"=").decode("ascii")


def _read(prefix: str, text: str, kind: type[_Text], name: str) -> _Text:
    stripped = "".join(text.split()) if isinstance(text, str) else ""  # a mail may have broken it into lines
    if not stripped.startswith(prefix):
        raise InputError(f"this is no {name}: it begins with {prefix}; {_ASK_ANEW}")
    body = stripped[len(prefix) :]
    try:
        content = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        content = b""
    data = content[:-CHECKSUM_BYTES]
    if not data or content[-CHECKSUM_BYTES:] != _checksum(prefix, data):
        raise InputError(f"this {name} of {len(stripped)} characters is damaged: {_ASK_ANEW}")
    try:
        return unpack(_VERSION, data, kind)
    except InputError as error:
        raise InputError(f"this {name} is from another version: update the app that is older") from error


def _checksum(prefix: str, data: bytes) -> bytes:
    return hashlib.sha256(prefix.encode() + data).digest()[:CHECKSUM_BYTES]
