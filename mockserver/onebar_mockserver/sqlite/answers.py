"""What is asked on a link: who somebody is, prekeys to write to them, what a device publishes (docs/protocol.md §5).

Every function runs inside the caller's transaction.
"""

import sqlite3

from onebar.core import frames
from onebar.core.questions import (
    AccountInfo,
    AddDevice,
    Added,
    Block,
    Blocks,
    Bundle,
    DeleteAccount,
    DeviceNames,
    FindAccount,
    FindBlocks,
    FindBundle,
    FindDevice,
    FindDeviceNames,
    FindPhone,
    FindProtection,
    NameDevice,
    Order,
    Publish,
    RegisterPush,
    Report,
    SetPin,
    SetTotp,
)
from onebar_mockserver.limits import SEEN_EVERY_S
from onebar_mockserver.ports import Answer, Asked, QuestionError
from onebar_mockserver.sqlite import blocks, device_lists, pins, prekeys, push_tokens, reports
from onebar_mockserver.sqlite.deletion import delete_account
from onebar_mockserver.sqlite.prekeys import ONE_TIME, ONE_TIME_KEM


def answer(connection: sqlite3.Connection, asked: Asked, now_ms: int) -> Answer:
    """Answer one question. A question that is refused has changed nothing of what others see."""
    question = asked.question
    connection.execute(
        "UPDATE positions SET seen_ms = ?1 WHERE device = ?2 AND NOT ?1 - seen_ms BETWEEN 0 AND ?3",
        (now_ms, asked.device, SEEN_EVERY_S * 1000 - 1),
    )
    try:
        if not isinstance(question, FindPhone | FindAccount | FindDevice):  # those tell what anybody may know
            _check_asker(connection, asked)
        if isinstance(question, Publish):
            return _publish(connection, asked, question)
        if isinstance(question, Order):
            return _about_account(connection, asked, question, now_ms)
        if isinstance(question, RegisterPush):
            push_tokens.register(connection, asked.device, question, now_ms)
            return Answer()
        return Answer(frames.encode(_result(connection, asked, question, now_ms)))
    except QuestionError as error:
        return Answer(error=error.name)


def _result(
    connection: sqlite3.Connection,
    asked: Asked,
    question: FindPhone | FindAccount | FindDevice | FindBundle | AddDevice,
    now_ms: int,
) -> AccountInfo | Bundle | Added:
    if isinstance(question, FindPhone):
        return _account(connection, "phone", question.phone)
    if isinstance(question, FindAccount):
        return _account(connection, "account", question.account)
    if isinstance(question, FindDevice):
        return _device(connection, question)
    if isinstance(question, FindBundle):
        return _bundle(connection, question)
    return Added(device_lists.reserve(connection, asked.account, asked.device, question, now_ms))


def _account(connection: sqlite3.Connection, column: str, key: int | str) -> AccountInfo:
    found = connection.execute(
        f"SELECT account, phone FROM accounts WHERE {column} = ? AND phone LIKE '+%'", (key,)
    ).fetchone()
    if found is None:
        raise QuestionError("no_account")
    account, phone = found
    return AccountInfo(account, phone, device_lists.signed(connection, account))


def _device(connection: sqlite3.Connection, question: FindDevice) -> AccountInfo:
    """Find any device that was ever in use, and so may have sent something: its last certificate stays for ever."""
    found = connection.execute(
        "SELECT phone, certificate, removed FROM devices JOIN accounts USING (account)"
        " WHERE device = ? AND account = ? AND pending_since_ms = 0 AND removed < 2",
        (question.device, question.account),
    ).fetchone()
    if found is None:
        raise QuestionError("no_account")
    phone, certificate, removed = found
    devices = device_lists.signed(connection, question.account)
    return AccountInfo(question.account, phone, devices, certificate, bool(removed))


def _bundle(connection: sqlite3.Connection, question: FindBundle) -> Bundle:
    found = connection.execute(
        "SELECT 1 FROM devices WHERE device = ? AND account = ? AND removed = 0 AND pending_since_ms = 0",
        (question.device, question.account),
    ).fetchone()
    if found is None:
        raise QuestionError("no_account")
    return prekeys.take(connection, question.device)


def _about_account(
    connection: sqlite3.Connection,
    asked: Asked,
    question: Order,
    now_ms: int,
) -> Answer:
    _check_asker(connection, asked)
    match question:
        case SetPin():
            pins.set_pin(connection, asked.account, question.pin)
        case SetTotp():
            pins.set_totp(connection, asked.account, question.secret, question.code, now_ms)
        case Block():
            blocks.block(connection, asked.account, question.phone, blocked=question.blocked)
        case FindBlocks():
            return Answer(frames.encode(Blocks(blocks.blocked(connection, asked.account))))
        case NameDevice():
            device_lists.rename(connection, asked.account, question.device, question.name)
        case FindDeviceNames():
            return Answer(frames.encode(DeviceNames(device_lists.names(connection, asked.account))))
        case FindProtection():
            return Answer(frames.encode(pins.protection(connection, asked.account)))
        case Report():
            reports.report(connection, asked.account, question, now_ms)
        case DeleteAccount():
            return Answer(removed=delete_account(connection, asked.account), why="account_gone")
    return Answer()


def _publish(connection: sqlite3.Connection, asked: Asked, what: Publish) -> Answer:
    """Store what a device publishes, all or nothing: everything is checked before anything is written."""
    account, device = asked.account, asked.device
    devices = device_lists.check(connection, account, device, what.devices) if what.devices else None
    stocks = [
        (kind, prekeys.fresh(connection, device, kind, offered, anew=what.anew))
        for kind, offered in ((ONE_TIME, what.one_time), (ONE_TIME_KEM, what.one_time_kem))
    ]
    removed = () if devices is None else device_lists.store(connection, devices)
    if what.signed:
        prekeys.store_bundle(connection, device, what.bundle_ms, what.signed, anew=what.anew)
    if what.anew:
        prekeys.withdraw(connection, device)
    for kind, fresh in stocks:
        prekeys.add(connection, device, kind, fresh)
    return Answer(frames.encode(prekeys.stock(connection, account, device)), removed=removed)


def _check_asker(connection: sqlite3.Connection, asked: Asked) -> None:
    """Refuse whoever was removed since its link was welcomed: what it leaves or takes here is not its own any more."""
    found = connection.execute(
        "SELECT 1 FROM devices WHERE device = ? AND account = ? AND removed = 0", (asked.device, asked.account)
    ).fetchone()
    if found is None:
        raise QuestionError("device_removed")
