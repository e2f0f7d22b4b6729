"""What protects the number is shown as the server has it, and without a network as it was last."""

import asyncio
import base64

import pyotp
import pytest

from onebar import Client, WaitTimeoutError
from onebar.account import Account
from onebar.crypto import pins
from onebar.models import Protection
from onebar_app.view_models.session import Session
from onebar_app.view_models.two_step import TwoStep
from onebar_mockserver import router
from tests.app.view_models.waiting import until


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pins, "PIN_MEMORY_BYTES", 8 * 1024 * pins.PIN_PASSES)  # a PIN costs nothing here


async def test_nothing_is_there_to_be_removed_before_something_is_set(session: Session) -> None:
    model = TwoStep(session)
    assert (model.may_have_pin, model.may_have_totp) == (False, False), "nothing flickers before the answer"
    await model.look()
    assert (model.may_have_pin, model.may_have_totp) == (False, False)
    await model.set_pin("2468")
    assert (model.may_have_pin, model.may_have_totp) == (True, False)
    totp = model.new_totp()
    shown = pyotp.TOTP(base64.b32encode(totp.secret).decode()).now()
    await model.set_totp(totp, f" {shown[:3]} {shown[3:]} ")
    await model.remove_pin()
    assert (model.may_have_pin, model.may_have_totp) == (False, True)
    await model.remove_totp()
    assert model.known == Protection(pin=False, totp=False)


async def test_without_a_network_what_was_known_last_is_shown(
    session: Session, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await TwoStep(session).look()
    await alice.account.set_pin("2468")
    asked = asyncio.Event()

    async def unreachable(_: Account) -> None:
        await asked.wait()
        raise WaitTimeoutError("the server did not answer")

    monkeypatch.setattr(Account, "protection", unreachable)
    model = TwoStep(session)
    looking = asyncio.create_task(model.look())
    await until(model, lambda: model.known == Protection(pin=True, totp=False))
    asked.set()
    await looking
    assert model.known == Protection(pin=True, totp=False)


async def test_who_never_hears_what_is_set_may_remove_both(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(router._KINDS, "protection")
    model = TwoStep(session)
    await model.look()
    assert (model.known, model.may_have_pin, model.may_have_totp) == (None, True, True)
    await model.set_pin("2468")
    assert (model.known, model.may_have_pin, model.may_have_totp) == (None, True, True)
