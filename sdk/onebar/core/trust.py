"""Who is who: accounts say it themselves, by what they sign, and the server only passes it on (docs/protocol.md §5)."""

import logging

from onebar.core.questions import AccountInfo, FindDevice, FindPhone, Question
from onebar.core.records import Contact, Peer, Trust
from onebar.core.state import DeviceState
from onebar.crypto.certificates import (
    AccountKey,
    AccountKeyChangedError,
    CertificateError,
    DeviceList,
    RollbackError,
    certificate_from_bytes,
    check_certificate,
    check_list,
    list_from_bytes,
)
from onebar.errors import InputError, RemoteProtocolError
from onebar.events import DevicesChanged, MessageFailed, SafetyNumberChanged
from onebar.models import MessageState

_log = logging.getLogger("onebar")


def learn(state: DeviceState, question: Question, info: AccountInfo) -> None:
    """Store what an account says about itself. What is not signed as it should be is asked for again later.

    Raises:
        RemoteProtocolError: The answer is about somebody else.
    """
    expected = question.phone if isinstance(question, FindPhone) else getattr(question, "account", 0)
    if expected not in {info.phone, info.account}:
        raise RemoteProtocolError("the server answers about another account than it was asked for")
    try:
        known = _learn_list(state, info)
        if isinstance(question, FindDevice):
            known = _learn_device(state, question, info) or known
    except RollbackError as error:
        _log.warning("an old device list was not taken: %s", error)
        known = False
    except (CertificateError, InputError) as error:
        _log.warning("a device list was not taken: %s", error)
        known = False
    if not known:
        state.postpone(question)


def known_list(contact: Contact | None) -> DeviceList | None:
    """Return the newest device list of an account that was verified."""
    return list_from_bytes(contact.devices) if contact is not None and contact.devices else None


def take_list(state: DeviceState, phone: str, devices: DeviceList, packed: bytes) -> None:
    """Store a device list that was verified, and what follows from it."""
    contacts, account = state.store.contacts, devices.account
    before = contacts.contact(account) or _under_old_number(state, phone)
    state.publish_due |= account == state.device.account
    trust = before.trust if before else Trust.UNVERIFIED
    changed = before is not None and bool(before.account_key) and before.account_key != devices.account_key
    if changed:
        trust = Trust.UNVERIFIED if trust is Trust.UNVERIFIED else Trust.CHANGED
    contacts.put(Contact(account, phone, devices.account_key, packed, trust))
    listed = {one.device for one in devices.certificates}
    known = {peer.device for peer in contacts.devices(account)}
    for one in devices.certificates:
        contacts.put_device(Peer(account, one.device, one.keys, removed=False))
    for gone in known - listed:
        contacts.remove_device(account, gone)
    if changed:
        state.store.profiles.forget(account)
        state.tell(SafetyNumberChanged, detail=phone)
        for message_no in state.store.outbox.end_for_key(account, devices.account_key):
            state.tell(MessageFailed, message_no, f"{MessageState.UNDELIVERABLE} key_changed")
    elif before is not None and before.devices and known != listed:
        state.tell(DevicesChanged, detail=phone)


def _learn_list(state: DeviceState, info: AccountInfo) -> bool:
    """Take the account's device list; return whether anybody is on it. An account may be new, and have none yet."""
    contact = state.store.contacts.contact(info.account)
    if not info.devices:
        if contact is None:
            state.store.contacts.put(Contact(info.account, info.phone, b"", b""))
        return False
    devices = list_from_bytes(info.devices)
    seed = state.device.account_seed if info.account == state.device.account else b""
    if seed and devices.account_key != AccountKey(seed).public:
        raise CertificateError("a list of our own account under another account key")
    try:
        check_list(devices, info.account, known_list(contact))
    except AccountKeyChangedError:
        if info.account == state.device.account:
            raise  # our own account key is ours: whoever registered our number anew has put this device out of use
    if contact is None or contact.devices != info.devices or contact.phone != info.phone:
        take_list(state, info.phone, devices, info.devices)
    return bool(state.store.contacts.devices(info.account))  # the server may say of all that they are in use no more


def _learn_device(state: DeviceState, question: FindDevice, info: AccountInfo) -> bool:
    """Take the certificate of one device, which may be out of use by now; return whether it is known then."""
    contacts = state.store.contacts
    if contacts.device(question.account, question.device) is not None:
        return True
    contact = contacts.contact(info.account)
    if not info.certificate or contact is None:
        return False
    certificate = certificate_from_bytes(info.certificate)
    check_certificate(certificate)
    named = (certificate.account, certificate.device, certificate.account_key)
    if named != (question.account, question.device, contact.account_key):
        raise CertificateError("the certificate is of another device or account key")
    contacts.put_device(Peer(certificate.account, certificate.device, certificate.keys, removed=True))
    return True


def _under_old_number(state: DeviceState, phone: str) -> Contact | None:
    """Return the contact whose phone number this was under another account number: the server may have forgotten it."""
    account = state.store.contacts.account(phone)
    return None if account is None else state.store.contacts.contact(account)
