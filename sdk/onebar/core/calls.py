"""What the app's calls do, inside a turn."""

from onebar.core import dialing, orders, profiles, publishing, push, questions, resume, transfer_answers, transfers
from onebar.core.records import Contact, Status, Trust
from onebar.core.state import DeviceState
from onebar.core.turn import (
    AddDevice,
    AppInput,
    Attention,
    MarkRead,
    NetworkChanged,
    PlaceOrder,
    Poked,
    Registered,
    RemoveDevice,
    ReplaceFailed,
    ReplaceRefused,
    Send,
    SetChat,
    SetProfile,
    SetPush,
    SetReadReceipts,
    SetStanding,
    SetTransfer,
    SetTrust,
    TransferAnswer,
)
from onebar.errors import InputError, NotRegisteredError
from onebar.events import ChatChanged
from onebar.models import Standing


def call(state: DeviceState, item: AppInput) -> object:
    """Carry out a call; return its result.

    Raises:
        OnebarError: It cannot be done; nothing was changed.
    """
    match item:
        case Send():
            return _send(state, item)
        case SetTransfer():
            transfers.wish(state, item)
        case TransferAnswer():
            transfer_answers.answered(state, item)
        case Poked():
            state.transfers.due = True  # another process may have added one
        case Registered() | ReplaceRefused() | ReplaceFailed():
            _hear_of_registration(state, item)
        case NetworkChanged() | Attention():
            dialing.take_hint(state, item)
            transfers.take_hint(state, item)
        case _:
            _set(state, item)
    return None


def _hear_of_registration(state: DeviceState, item: Registered | ReplaceRefused | ReplaceFailed) -> None:
    if isinstance(item, Registered):
        resume.registered(state, item)
    elif state.device.status is Status.REPLACING:  # or it came too late
        resume.not_replaced(state, item)


def _set(state: DeviceState, item: AppInput) -> None:
    match item:
        case MarkRead():
            _mark_read(state, item)
        case SetProfile():
            profiles.change(state, item)
        case SetChat():
            _set_chat(state, item)
        case SetReadReceipts():
            _set_read_receipts(state, item)
        case SetTrust() | SetStanding():
            _decide(state, item)
        case SetPush():
            push.set_token(state, item)
        case PlaceOrder():
            orders.begin(state, item.question)
        case AddDevice() | RemoveDevice():
            _change_devices(_primary(state), item)


def _send(state: DeviceState, item: Send) -> int:
    device = state.device
    if device.status not in {Status.REGISTERED, Status.REPLACING}:
        raise NotRegisteredError(f"this device is {device.status}, not registered: call Client.register first")
    if item.phone == device.phone:
        raise InputError("this is your own number")
    message_id = state.drawn[id(item)] = int.from_bytes(state.entropy(8), "big") >> 1
    state.news = True
    state.transfers.due |= item.file is not None
    file = None if item.file is None else (item.file, item.forwarded)
    before = state.store.standings.get(item.phone)
    message_no = state.store.outbox.add(
        item.phone, item.text, item.key, message_id, state.server_ms, state.sure_ms, file
    )
    dialing.hurry(state)
    if before is Standing.REQUESTED:  # who answers accepts
        transfers.accepted(state)
    return message_no


def _mark_read(state: DeviceState, item: MarkRead) -> None:
    unread = state.store.settings.unread(item.phone)
    for receipt in state.store.inbox.mark_read(item.phone, item.message_no):
        if state.device.read_receipts and state.store.standings.get(item.phone) is not Standing.BLOCKED:
            state.store.outbox.add_receipt(receipt)  # of a request, it waits until that is accepted
    if state.store.settings.unread(item.phone) != unread:
        state.tell(ChatChanged, detail=item.phone)


def _set_read_receipts(state: DeviceState, item: SetReadReceipts) -> None:
    state.change(read_receipts=item.wanted)
    if not item.wanted:
        state.store.outbox.forget_receipts()


def _set_chat(state: DeviceState, item: SetChat) -> None:
    if item.phone == state.device.phone:
        raise InputError("this is your own number")
    if state.store.settings.put(item):
        state.tell(ChatChanged, detail=item.phone)


def _decide(state: DeviceState, item: SetTrust | SetStanding) -> None:
    """Note what the user thinks of somebody."""
    if isinstance(item, SetTrust):
        _set_trust(state, item)
        return
    if item.phone == state.device.phone:
        raise InputError("this is your own number")
    state.store.standings.put(item.phone, item.standing)
    if item.standing is Standing.ACCEPTED:
        profiles.accepted(state, item.phone)
        transfers.accepted(state)
    state.blocks_due = state.news = True


def _change_devices(state: DeviceState, item: AddDevice | RemoveDevice) -> None:
    if isinstance(item, AddDevice):
        publishing.add_device(state, questions.AddDevice(*_keys(item)))
    elif item.device == state.device.device or not publishing.remove_device(state, item.device):
        raise InputError(f"{item.device} is no other device of this account")


def _set_trust(state: DeviceState, item: SetTrust) -> None:
    account = state.store.contacts.account(item.phone)
    contact: Contact | None = None if account is None else state.store.contacts.contact(account)
    if contact is None or not contact.account_key or contact.phone is None:
        raise InputError("there is no safety number yet: nothing was said in this chat so far")
    if contact.account_key != item.account_key:
        raise InputError("the safety number has changed meanwhile: look at the new one")
    trust = Trust.VERIFIED if item.verified else Trust.UNVERIFIED
    state.store.contacts.put(Contact(contact.account, contact.phone, contact.account_key, contact.devices, trust))


def _primary(state: DeviceState) -> DeviceState:
    if state.device.status is not Status.REGISTERED:
        raise NotRegisteredError(f"this device is {state.device.status}, not registered: call Client.register first")
    if not state.device.account_seed:
        raise InputError("only the account's first device can add and remove devices")
    return state


def _keys(item: AddDevice) -> tuple[bytes, bytes, bytes]:
    if not item.keys.valid:
        raise InputError("this is no request of a device: its keys do not belong together")
    return item.keys.identity_key, item.keys.box_key, item.keys.key_signature
