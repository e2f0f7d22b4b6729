"""Deleting an account: nothing stays but its numbers, and why its devices are refused."""

import pytest

from onebar.core.frames import decode_as
from onebar.core.questions import (
    PIN_BYTES,
    AccountInfo,
    Block,
    DeleteAccount,
    FindAccount,
    FindBundle,
    FindDevice,
    FindPhone,
    NameDevice,
    Publish,
    Report,
    SetPin,
)
from onebar_mockserver.ports import Answer, Kind, Refusal, Registered
from onebar_mockserver.sqlite import codes
from tests.mockserver.signer import Signer
from tests.mockserver.sqlite.setting import CODE_KEY, Setting, family, keys, said

ALICE, BOB = "+4915112345678", "+4915112345679"


@pytest.fixture
def bob(setting: Setting) -> Registered:
    return setting.register(BOB, 9)


@pytest.fixture
def alice(setting: Setting, bob: Registered) -> Registered:
    """Somebody who has left all that one can leave, and has mail in both directions."""
    alice = setting.register(ALICE, 1)
    second = family(setting, alice, 1, 2)
    setting.publish(alice, Publish(signed=b"bundle", bundle_ms=1, one_time=((1, b"one"),)))
    setting.ask(alice, SetPin(b"p" * PIN_BYTES))
    setting.ask(alice, Block("+491", blocked=True))
    setting.judge(bob.device, said(1, alice, second))
    setting.judge(alice.device, said(1, bob))
    setting.ack(bob.device, 1)
    setting.ask(bob, Report(alice.account, alice.device, 1))
    setting.run(lambda batch: codes.issue(batch.connection, CODE_KEY, ALICE, b"seed", setting.now_ms))
    return alice


def test_nothing_stays_but_numbers_and_keys(setting: Setting, alice: Registered) -> None:
    query = "SELECT device FROM devices WHERE account = ? ORDER BY 1"
    devices = tuple(row[0] for row in setting.connection.execute(query, (alice.account,)))
    assert len(devices) == 2
    assert setting.ask(alice, DeleteAccount()) == Answer(removed=devices, why="account_gone")
    setting.sweep()
    execute = setting.connection.execute
    tables = [
        row[0] for row in execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    ]
    for table in set(tables) - {"accounts", "devices", "positions"}:
        columns = [row[1] for row in execute(f"PRAGMA table_info({table})")]
        for column, value in (("account", alice.account), ("device", alice.device), ("phone", ALICE)):
            if column in columns:
                assert not execute(f"SELECT 1 FROM {table} WHERE {column} = ?", (value,)).fetchall(), (table, column)
    assert execute("SELECT phone FROM accounts WHERE account = ?", (alice.account,)).fetchone() == (
        f"gone {alice.account}",
    )
    assert execute("SELECT count(*) FROM devices WHERE certificate <> x''").fetchone() == (0,)


STAYS = {
    ("accounts", "account"),
    ("devices", "account"),
    ("devices", "device"),
    ("positions", "device"),
    ("blocks", "phone"),
}
"""Columns that may name a deleted account or its devices (R22), or its number because somebody else blocked it."""


def test_no_table_names_it_once_others_have_fetched_what_it_sent(setting: Setting) -> None:
    """Every column of every table is looked at; numbers follow the time, so none means anything else."""
    setting.now_ms = 1_790_000_000_000
    bob, carol, alice = setting.register(BOB, 9), setting.register("+4915112345670", 8), setting.register(ALICE, 1)
    second = family(setting, alice, 1, 2)
    setting.ask(alice, SetPin(b"p" * PIN_BYTES))
    setting.ask(alice, Block("+4915112345670", blocked=True))
    setting.ask(alice, NameDevice(second.device, "the laptop"))
    setting.judge(bob.device, said(1, alice, second))
    setting.judge(carol.device, said(1, alice, second))  # it is withheld
    setting.judge(alice.device, said(1, bob, second))
    setting.judge(second.device, said(1, bob, alice))
    setting.ack(bob.device, 2)
    setting.ask(bob, Report(alice.account, alice.device, 1))
    for device in (alice, second):
        setting.ack(device.device, len(setting.mail(device.device)))
    setting.ask(alice, Report(bob.account, bob.device, 1))
    setting.judge(alice.device, said(2, carol))
    setting.judge(bob.device, said(2, alice, second))
    setting.ask(bob, Block(ALICE, blocked=True))
    setting.ask(alice, DeleteAccount())
    setting.sweep()
    assert [entry.body for entry in setting.mail(carol.device) if entry.kind == Kind.UNDELIVERED] == [
        b"account_gone"
    ] * 2
    for device in (bob, carol):
        setting.ack(device.device, setting.mail(device.device)[-1].seq)
    setting.sweep()
    named = mentions(setting, {alice.account, alice.device, second.device}, ALICE)
    assert named <= STAYS, named - STAYS
    assert mentions(setting, set(), "laptop") == set()
    rows = setting.connection.execute("SELECT account, reporter, times FROM reports").fetchall()
    assert rows == [(bob.account, 0, 1)], "that bob was reported stays"


def mentions(setting: Setting, numbers: set[int], phone: str) -> set[tuple[str, str]]:
    """Return (table, column) in which one of the numbers stands, or a text that has the phone number in it."""
    execute = setting.connection.execute
    tables = execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'").fetchall()
    return {
        (table, column)
        for (table,) in tables
        for _, column, *_ in execute(f"PRAGMA table_info({table})").fetchall()
        for (value,) in execute(f"SELECT {column} FROM {table}").fetchall()
        if value in numbers or (isinstance(value, str) and phone in value)
    }


def test_its_devices_and_its_contacts_are_told(setting: Setting, alice: Registered, bob: Registered) -> None:
    setting.ask(alice, DeleteAccount())
    assert setting.attach(alice.device) == Refusal("account_gone", 0)
    setting.sweep()
    reasons = [entry.body for entry in setting.mail(bob.device) if entry.out_no == 1]
    assert reasons == [b"account_gone", b"account_gone"], "of the message that waited for two devices"
    for question in (
        FindPhone(ALICE),
        FindAccount(alice.account),
        FindDevice(alice.account, alice.device),
        FindBundle(alice.account, alice.device),
    ):
        assert setting.ask(bob, question).error == "no_account"
    assert setting.judge(bob.device, said(2, alice)).notes[-1].reason == "account_gone"
    assert setting.ask(alice, SetPin(b"")).error == "device_removed", "its own link is late"


def test_the_number_is_free_and_a_new_account_is_another_one(setting: Setting, alice: Registered) -> None:
    setting.ask(alice, DeleteAccount())
    new = setting.register(ALICE, 3)
    assert new.account > alice.account
    assert new.device > alice.device
    assert new.removed == ()
    setting.publish(new, Publish(devices=Signer(new.account).sign({new.device: keys(3)})))
    assert decode_as(AccountInfo, setting.ask(new, FindPhone(ALICE)).result).account == new.account
