"""Number, code, PIN; and what is said when one is wrong."""

from pathlib import Path

import pyotp

from onebar import Client
from onebar_app.view_models.registration import Registration, Step
from onebar_app.words import Words
from onebar_mockserver import MockServer
from tests.app.view_models.conftest import ALICE

EN = Words("en")


async def test_a_number_a_code_and_in(onebar_server: MockServer, tmp_path: Path) -> None:
    async with Client.open(tmp_path / "new.db", server=onebar_server.url) as client:
        model = Registration(client, EN)
        await model.give_number("12")
        assert model.error == EN("reg_bad_number")
        await model.give_number("+1 (202) 555-0101")
        assert (model.step, model.phone, model.error) == (Step.CODE, ALICE, "")
        assert model.resend_in_s() > 50
        await model.resend()
        await model.give_code("12")
        assert model.error == EN("reg_code_length", count=6)
        wrong = "000000" if onebar_server.sms(ALICE) != "000000" else "111111"
        await model.give_code(wrong)
        assert (model.step, model.error) == (Step.CODE, EN("reg_wrong_code"))
        await model.give_code(onebar_server.sms(ALICE))
        assert (model.step, model.busy, client.registered) == (Step.DONE, False, True)


async def test_a_protected_number_wants_its_pin(onebar_server: MockServer, tmp_path: Path) -> None:
    async with Client.open(tmp_path / "old.db", server=onebar_server.url) as client:
        await client.register(ALICE, code=lambda: onebar_server.sms(ALICE))
        await client.account.set_pin("2468")
    async with Client.open(tmp_path / "new.db", server=onebar_server.url) as client:
        model = Registration(client, EN)
        await model.give_number(ALICE)
        await model.give_code(onebar_server.sms(ALICE))
        assert (model.step, model.error) == (Step.PIN, "")
        await model.give_pin("1357")
        assert model.step == Step.PIN
        assert "Not the PIN" in model.error
        await model.give_pin("2468")
        assert str(model.step) == Step.DONE
        model.back()
        assert str(model.step) == Step.NUMBER


async def test_without_a_network_what_was_typed_stays(tmp_path: Path) -> None:
    async with Client.open(tmp_path / "new.db", server="http://127.0.0.1:9") as client:
        model = Registration(client, EN)
        await model.give_number(ALICE)
        assert (model.step, model.phone, model.error) == (Step.NUMBER, ALICE, EN("reg_no_network"))


async def test_an_authenticator_is_asked_for_as_well(onebar_server: MockServer, tmp_path: Path) -> None:
    async with Client.open(tmp_path / "old.db", server=onebar_server.url) as client:
        await client.register(ALICE, code=lambda: onebar_server.sms(ALICE))
        totp = client.account.new_totp()
        authenticator = pyotp.parse_uri(totp.uri)
        assert isinstance(authenticator, pyotp.TOTP)
        await client.account.set_totp(totp, authenticator.now())
    async with Client.open(tmp_path / "new.db", server=onebar_server.url) as client:
        model = Registration(client, EN)
        await model.give_number(ALICE)
        await model.give_code(onebar_server.sms(ALICE))
        assert (model.step, model.error) == (Step.TOTP, "")
        await model.give_totp("000000")
        assert model.error == EN("reg_wrong_totp")
        assert str(model.step) == Step.TOTP
