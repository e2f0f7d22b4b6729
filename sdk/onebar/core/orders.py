"""What a user wants of the server, and what came of it (docs/protocol.md §4).

Blocked numbers are kept in the database and told to the server when there is a network. The rest waits in memory for an
answer, as its user does. Asking twice does no harm, so whatever was lost on the way is asked again.
"""

from typing import Final

from onebar.core.directory import ask, result
from onebar.core.frames import Response
from onebar.core.questions import (
    Block,
    Blocks,
    DeleteAccount,
    DeviceNames,
    FindBlocks,
    FindDeviceNames,
    FindProtection,
    NameDevice,
    Order,
    ProtectionInfo,
    SetPin,
    SetTotp,
)
from onebar.core.records import Status
from onebar.core.state import DeviceState
from onebar.errors import NotRegisteredError

BLOCKS_AT_ONCE: Final = 8
"""Blocked numbers told at a time: beside other questions they find room on a link."""


def begin(state: DeviceState, question: Order) -> None:
    """Take an order; `DeviceState.orders` tells what became of it.

    Raises:
        NotRegisteredError: This device has no account.
    """
    if state.device.status is not Status.REGISTERED:
        raise NotRegisteredError(f"this device is {state.device.status}, not registered: call Client.register first")
    state.orders[question] = None


def advance(state: DeviceState) -> None:
    """Ask for what is wanted, on an open link."""
    if next(state.open_links(), None) is None:
        return
    if state.blocks_due:
        untold = state.store.standings.untold(BLOCKS_AT_ONCE)
        state.blocks_due = bool(untold)
        for phone, blocked in untold:
            ask(state, Block(phone, blocked))
    for question, answer in state.orders.items():
        if answer is None:
            ask(state, question)


def answered(state: DeviceState, question: Order, response: Response) -> None:
    """Note what the server has done.

    Raises:
        RemoteProtocolError: It is no answer to this.
    """
    if response.error == "internal":  # the server's fault, and it may pass
        state.postpone(question)
        return
    if isinstance(question, Block):
        state.store.standings.told(question.phone, blocked=question.blocked)
    if isinstance(question, FindBlocks) and not response.error:
        blocks = result(response, Blocks)
        state.store.standings.learn(() if blocks is None else blocks.phones)
    if isinstance(question, NameDevice) and not response.error:
        state.store.contacts.name_device(question.device, question.name)
    if isinstance(question, FindDeviceNames) and not response.error:
        named = result(response, DeviceNames)
        state.store.contacts.name_devices(() if named is None else named.names)
    if isinstance(question, FindProtection | SetPin | SetTotp) and not response.error:
        _note_protection(state, question, response)
    if question in state.orders:
        state.orders[question] = response.error
    state.news = True


def _note_protection(state: DeviceState, question: FindProtection | SetPin | SetTotp, response: Response) -> None:
    contacts = state.store.contacts
    match question:
        case SetPin():
            contacts.protect(pin=bool(question.pin))
        case SetTotp():
            contacts.protect(totp=bool(question.secret))
        case FindProtection():
            found = result(response, ProtectionInfo)
            if found is not None:
                contacts.protect(pin=found.pin, totp=found.totp)


def end_all(state: DeviceState, reason: str) -> None:
    """This device has no account any more: that is what was wanted, or nothing will come of it."""
    for question, answer in state.orders.items():
        if answer is None:
            wanted = isinstance(question, DeleteAccount) and reason == "account_gone"
            state.orders[question] = "" if wanted else reason
