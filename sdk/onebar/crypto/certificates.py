"""Which devices an account has, said by the account and not by the server.

The account key signs a certificate for each device and a list of all of them. The list has a counter, so that a server
which shows an old one (with a device that was removed, or without a new one) is found out by whoever has seen a newer.

A certificate binds keys to an account, and says nothing about who has the secrets: an account can certify keys that are
another's. It gains nothing, since an envelope is bound to its recipient's account and does not open under another.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Annotated, Final

from msgspec import Meta
from msgspec.structs import replace
from nacl.bindings import crypto_sign, crypto_sign_BYTES, crypto_sign_seed_keypair

from onebar.crypto.keys import PeerKeys, verify
from onebar.crypto.values import Key, Moment, Number, Signature, Value, pack, unpack
from onebar.errors import OnebarError

CERTIFICATE_CONTEXT: Final = b"onebar device certificate 1\0"
"""Before a certificate that is signed, so that no signature over anything else can vouch for a device."""

LIST_CONTEXT: Final = b"onebar device list 1\0"
"""Before a device list that is signed, so that no signature over anything else can stand for one."""

DEVICES_MAX: Final = 16
"""Devices of an account: a message is sealed for each of them, and a list of 16 is verified in a millisecond."""

VERSION: Final = 1
"""First byte of a certificate or a list that is written down; another layout gets another number."""


class CertificateError(OnebarError):
    """A certificate or a device list is not what the account signed, or not of this account."""


class AccountKeyChangedError(CertificateError):
    """The list is signed with another account key than before, `account_key`: the safety number has changed."""

    def __init__(self, account_key: bytes) -> None:
        super().__init__(account_key)
        self.account_key = account_key

    def __str__(self) -> str:
        """Say it in a sentence."""
        return "the device list is signed with another account key than before: the safety number has changed"


class RollbackError(CertificateError):
    """The list is older than one that was seen before, or another one of the same number."""


class DeviceCertificate(Value, frozen=True):
    """That these keys are a device of this account."""

    account_key: Key
    """Ed25519; it signs."""
    account: Number
    device: Number
    identity_key: Key
    box_key: Key
    key_signature: Signature
    """The identity key's over the box key, as in `PeerKeys`."""
    created_ms: Moment
    signature: Signature

    @property
    def keys(self) -> PeerKeys:
        """The device's keys."""
        return PeerKeys(self.identity_key, self.box_key, self.key_signature)


class DeviceList(Value, frozen=True):
    """All devices of an account at a moment, the lowest number first."""

    account_key: Key
    account: Number
    counter: Number
    """1 more than that of the list before."""
    issued_ms: Moment
    """Not earlier than that of the list before."""
    certificates: Annotated[tuple[DeviceCertificate, ...], Meta(max_length=DEVICES_MAX)]
    signature: Signature

    def certificate(self, device: int) -> DeviceCertificate | None:
        """Return the certificate of a device, None if it is not (or no longer) one."""
        return next((one for one in self.certificates if one.device == device), None)


@dataclass(frozen=True, slots=True)
class AccountKey:
    """The key that says which devices an account has."""

    seed: bytes = field(repr=False)
    """Ed25519 seed, 32 bytes."""

    @property
    def public(self) -> bytes:
        """Ed25519, 32 bytes: what safety numbers are made of."""
        return crypto_sign_seed_keypair(self.seed)[0]

    def certify(self, account: int, device: int, keys: PeerKeys, created_ms: int) -> DeviceCertificate:
        """Return the certificate of a device; `keys` were checked by the caller (`PeerKeys.valid`)."""
        unsigned = DeviceCertificate(
            self.public, account, device, keys.identity_key, keys.box_key, keys.key_signature, created_ms, b""
        )
        return replace(unsigned, signature=self._sign(_certificate_to_sign(unsigned)))

    def sign_list(
        self,
        account: int,
        certificates: tuple[DeviceCertificate, ...],
        issued_ms: int,
        previous: DeviceList | None = None,
    ) -> DeviceList:
        """Return the account's new device list.

        Args:
            account: Whose.
            certificates: Of all its devices, at most `DEVICES_MAX`, in any order.
            issued_ms: Now; raised to the moment of the list before if a clock went back.
            previous: The list before, if there is one.

        Raises:
            CertificateError: Too many devices, one twice, or one of another account.
        """
        ordered = tuple(sorted(certificates, key=lambda one: one.device))
        counter = previous.counter + 1 if previous else 1
        issued_ms = max(issued_ms, previous.issued_ms) if previous else issued_ms
        unsigned = DeviceList(self.public, account, counter, issued_ms, ordered, b"")
        signed = replace(unsigned, signature=self._sign(_list_to_sign(unsigned)))
        check_list(signed, account)
        return signed

    def _sign(self, message: bytes) -> bytes:
        return crypto_sign(message, crypto_sign_seed_keypair(self.seed)[1])[:crypto_sign_BYTES]


def check_certificate(certificate: DeviceCertificate) -> None:
    """Verify a certificate, all but whether its account key is the one that is known for the account.

    Raises:
        CertificateError: The account key did not sign it, or the device's keys do not belong together.
    """
    signed = verify(certificate.account_key, certificate.signature, _certificate_to_sign(certificate))
    if not signed or not certificate.keys.valid:
        raise CertificateError(f"the certificate of device {certificate.device} is not signed by its account")


def check_list(devices: DeviceList, account: int, known: DeviceList | None = None) -> None:
    """Verify a device list, and that it does not go behind the one that is known.

    Args:
        devices: From the server.
        account: Whose it must be.
        known: The newest list of this account that was verified, None for a new contact.

    Raises:
        AccountKeyChangedError: It verifies, with another account key than `known`: for the app to decide.
        RollbackError: It is older than `known`.
        CertificateError: It does not verify.
    """
    if devices.account != account:
        raise CertificateError(f"the device list of account {devices.account} came for account {account}")
    numbers = [one.device for one in devices.certificates]
    if len(numbers) > DEVICES_MAX or numbers != sorted(set(numbers)):
        raise CertificateError(f"a device list has at most {DEVICES_MAX} devices in order, each once; not {numbers}")
    if not verify(devices.account_key, devices.signature, _list_to_sign(devices)):
        raise CertificateError(f"the device list of account {account} is not signed by its account key")
    for certificate in devices.certificates:
        if (certificate.account_key, certificate.account) != (devices.account_key, account):
            raise CertificateError(f"the certificate of device {certificate.device} is of another account or key")
        check_certificate(certificate)
    if known is None or devices == known:
        return
    if devices.account_key != known.account_key:
        raise AccountKeyChangedError(devices.account_key)
    if devices.counter <= known.counter or devices.issued_ms < known.issued_ms:
        raise RollbackError(f"device list {devices.counter} is older than list {known.counter}, which was seen before")


def to_bytes(value: DeviceCertificate | DeviceList) -> bytes:
    """Return a certificate or a list as it travels and is kept."""
    return pack(VERSION, value)


def list_from_bytes(data: bytes) -> DeviceList:
    """Return a list that `to_bytes` wrote, not verified yet. Raises `InputError` if it is none."""
    return unpack(VERSION, data, DeviceList)


def certificate_from_bytes(data: bytes) -> DeviceCertificate:
    """Return a certificate that `to_bytes` wrote, not verified yet. Raises `InputError` if it is none."""
    return unpack(VERSION, data, DeviceCertificate)


def _certificate_to_sign(one: DeviceCertificate) -> bytes:
    """Return what a certificate's signature covers; all parts have a fixed length."""
    numbers = one.account.to_bytes(8, "big") + one.device.to_bytes(8, "big") + one.created_ms.to_bytes(6, "big")
    return CERTIFICATE_CONTEXT + one.account_key + numbers + one.identity_key + one.box_key


def _list_to_sign(devices: DeviceList) -> bytes:
    """Return what a list's signature covers; the devices, at last, take 40 bytes each."""
    numbers = devices.account.to_bytes(8, "big") + devices.counter.to_bytes(8, "big")
    entries = (
        one.device.to_bytes(8, "big") + hashlib.sha256(_certificate_to_sign(one)).digest()
        for one in devices.certificates
    )
    issued = devices.issued_ms.to_bytes(6, "big")
    return LIST_CONTEXT + devices.account_key + numbers + issued + b"".join(entries)
