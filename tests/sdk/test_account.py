"""The account: its profile, its PIN, its block list, its end."""

import asyncio
import time
from pathlib import Path

import pyotp
import pytest

from onebar import Client, InputError, MessageFailedError, NotRegisteredError, WaitTimeoutError, account
from onebar.chats import Profile
from onebar.crypto import pins
from onebar.errors import PinError, RefusedError
from onebar.events import DeviceRemoved, ProfileChanged
from onebar.models import DEVICE_NAME_MAX, Protection
from onebar_mockserver import MockServer, router
from onebar_mockserver.limits import PIN_TRIES
from tests.sdk.clients import ALICE, BOB, HASTY, PATIENCE_S, next_of, pair, registered
from tests.sdk.media.made import loaded, saved, scene


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pins, "PIN_MEMORY_BYTES", 8 * 1024 * pins.PIN_PASSES)  # a PIN costs nothing here


async def test_a_number_is_protected_by_a_pin(tmp_path: Path, server: MockServer) -> None:
    async with registered(tmp_path / "old.db", ALICE, server) as old:
        await old.account.set_pin("2718", PATIENCE_S)
        async with Client.open(tmp_path / "new.db", server=server.url, config=HASTY) as new:
            asked = 0

            async def code() -> str:
                nonlocal asked
                asked += 1
                return server.sms(ALICE)

            with pytest.raises(PinError, match="protected by a PIN") as caught:
                await new.register(ALICE, code=code)
            assert (caught.value.reason, caught.value.tries_left) == ("pin_required", PIN_TRIES)
            assert caught.value.lapses_at_ms > 0
            with pytest.raises(PinError) as caught:
                await new.register(ALICE, code=code, pin="1414")
            assert (caught.value.reason, caught.value.tries_left) == ("wrong_pin", PIN_TRIES - 1)
            assert old.registered
            await new.register(ALICE, code=code, pin="2718")
            assert asked == 3, "the SMS that came first serves until the end"
            assert new.registered
            await next_of(old.events(), DeviceRemoved)
            await new.account.remove_pin(PATIENCE_S)
        await old.register(ALICE, code=lambda: server.sms(ALICE))


async def test_a_number_is_protected_by_an_authenticator_app(tmp_path: Path, server: MockServer) -> None:
    async with registered(tmp_path / "old.db", ALICE, server) as old:
        totp = old.account.new_totp()
        app = pyotp.parse_uri(totp.uri)
        assert isinstance(app, pyotp.TOTP)
        assert (app.name, app.issuer, str(totp.secret) in repr(totp)) == (ALICE, "Onebar", False)
        now_s = int(time.time())
        before = app.at(now_s)
        await old.account.set_totp(totp, before, PATIENCE_S)
        with pytest.raises(InputError, match="six digits"):
            await old.account.set_totp(totp, "12345")
        async with Client.open(tmp_path / "new.db", server=server.url, config=HASTY) as new:
            with pytest.raises(PinError) as caught:
                await new.register(ALICE, code=lambda: server.sms(ALICE))
            assert caught.value.reason == "totp_required"
            with pytest.raises(PinError) as caught:
                await new.register(ALICE, code=lambda: server.sms(ALICE), totp=before)
            assert (caught.value.reason, caught.value.tries_left) == ("wrong_totp", PIN_TRIES - 1)
            await new.register(ALICE, code=lambda: server.sms(ALICE), totp=app.at(now_s + app.interval))
            await new.account.remove_totp(PATIENCE_S)


async def test_what_protects_the_number_is_told_and_remembered(tmp_path: Path, server: MockServer) -> None:
    async with registered(tmp_path / "alice.db", ALICE, server) as alice:
        assert await alice.account.last_protection() is None
        assert await alice.account.protection(PATIENCE_S) == Protection(pin=False, totp=False)
        await alice.account.set_pin("2718", PATIENCE_S)
        assert await alice.account.last_protection() == Protection(pin=True, totp=False)
        assert await alice.account.protection(PATIENCE_S) == Protection(pin=True, totp=False)
    await server.stop()
    async with Client.open(tmp_path / "alice.db", server=server.url, config=HASTY) as alice:
        assert await alice.account.last_protection() == Protection(pin=True, totp=False)
        with pytest.raises(WaitTimeoutError):
            await alice.account.protection(timeout_s=0)


async def test_a_server_that_is_too_old_to_say_what_protects_the_number(
    tmp_path: Path, server: MockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(router._KINDS, "protection")
    async with registered(tmp_path / "alice.db", ALICE, server) as alice:
        assert await alice.account.protection(PATIENCE_S) is None
        await alice.account.set_pin("2718", PATIENCE_S)
        assert await alice.account.last_protection() is None


async def test_devices_have_names(tmp_path: Path, server: MockServer) -> None:
    async with Client.open(tmp_path / "alice.db", server=server.url, config=HASTY) as alice:
        await alice.register(ALICE, code=lambda: server.sms(ALICE), device_name=" phone ")
        (device,) = await alice.devices()
        assert (device.name, device.this) == ("phone", True)
        await alice.account.name_device(device.number, "the old phone", PATIENCE_S)
        assert await alice.account.device_names(PATIENCE_S) == {device.number: "the old phone"}
        with pytest.raises(RefusedError, match="bad_request"):
            await alice.account.name_device(device.number + 1, "somebody else's", PATIENCE_S)
        for name in ("x" * (DEVICE_NAME_MAX + 1), "two\nlines"):
            with pytest.raises(InputError):
                await alice.account.name_device(device.number, name)
    await server.stop()
    async with Client.open(tmp_path / "alice.db", server=server.url, config=HASTY) as alice:
        (device,) = await alice.devices()
        assert device.name == "the old phone", "without a network, too"


async def test_what_needs_an_account_or_a_server(tmp_path: Path, server: MockServer) -> None:
    async with Client.open(tmp_path / "alice.db", server=server.url, config=HASTY) as alice:
        for call in (alice.account.set_pin("2718"), alice.account.remove_pin(), alice.account.delete()):
            with pytest.raises(NotRegisteredError):
                await call
        await alice.register(ALICE, code=lambda: server.sms(ALICE))
        with pytest.raises(InputError):
            await alice.account.set_pin("secret")
        await server.stop()
        with pytest.raises(WaitTimeoutError):
            await alice.account.remove_pin(timeout_s=0)


async def test_a_deleted_account_is_gone_for_its_devices_and_contacts(tmp_path: Path, server: MockServer) -> None:
    async with pair(tmp_path, server) as (alice, bob):
        await (await bob.chat(ALICE).send("are you there?")).delivered(PATIENCE_S)
        await alice.account.delete(PATIENCE_S)
        event = await next_of(alice.events(), DeviceRemoved)
        assert isinstance(event, DeviceRemoved)
        assert event.reason == "account_gone"
        assert not alice.registered
        assert [message.text for message in await alice.chat(BOB).history()] == ["are you there?"]
        reasons = []
        for _ in range(2):
            with pytest.raises(MessageFailedError) as caught:
                await (await bob.chat(ALICE).send("and now?")).sent(PATIENCE_S)
            reasons.append(caught.value.reason)
        assert reasons == ["account_gone", "no_account"]
        await alice.register(ALICE, code=lambda: server.sms(ALICE))
        await (await bob.chat(ALICE).send("welcome back")).delivered(PATIENCE_S)
        await (await alice.chat(BOB).send("I am another account")).delivered(PATIENCE_S)


async def test_the_block_list_is_the_accounts(tmp_path: Path, server: MockServer) -> None:
    async with registered(tmp_path / "old.db", ALICE, server) as old:
        await old.chat(BOB).block()
        async with asyncio.timeout(PATIENCE_S):
            assert await old.account.blocked() == [BOB]
        async with registered(tmp_path / "new.db", ALICE, server) as new:
            assert await new.account.blocked(PATIENCE_S) == [BOB]
            with pytest.raises(InputError, match="blocked"):
                await new.chat(BOB).send("no")
            await new.chat(BOB).unblock()
            assert await new.account.blocked(PATIENCE_S) == []


async def test_a_profile_goes_to_whom_one_writes_to_and_is_kept_by_both(tmp_path: Path, server: MockServer) -> None:
    async with pair(tmp_path, server) as (alice, bob):
        picture = saved(scene(500, 400), "JPEG")
        await alice.account.set_profile(name=" Alice ", about="at the lake", photo=picture)
        assert await bob.chat(ALICE).profile() is None
        await alice.chat(BOB).send("hi")
        events = bob.events()
        changed = await next_of(events, ProfileChanged)
        assert isinstance(changed, ProfileChanged)
        assert changed.chat == ALICE
        own, known = await alice.account.profile(), await bob.chat(ALICE).profile()
        assert known == own
        assert (own.name, own.about, loaded(own.photo).size) == ("Alice", "at the lake", (256, 256))
        assert [chat.name for chat in await bob.chats()] == ["Alice"]
        await alice.account.set_profile(name="", photo=b"")
        await next_of(events, ProfileChanged)
        assert await bob.chat(ALICE).profile() == Profile("", "at the lake")
        assert await bob.account.profile() == Profile()
    async with Client.open(tmp_path / "alice.db", server=server.url) as alice:
        assert await alice.account.profile() == Profile("", "at the lake")


async def test_a_photo_that_would_do_harm_is_never_given_to_an_app(
    tmp_path: Path, server: MockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = saved(scene(2000, 8), "PNG")
    monkeypatch.setattr(account, "_small", lambda _: bomb)  # another program than ours
    async with pair(tmp_path, server) as (alice, bob):
        await alice.account.set_profile(name="Alice", photo=b"any")
        await alice.chat(BOB).send("hi")
        await next_of(bob.events(), ProfileChanged)
        assert await bob.chat(ALICE).profile() == Profile("Alice")


@pytest.mark.parametrize("name", ["x" * 65, "two\nlines", "\ud800", 5])
async def test_a_name_that_cannot_be_told_is_refused(tmp_path: Path, server: MockServer, name: str) -> None:
    async with registered(tmp_path / "alice.db", ALICE, server) as alice:
        with pytest.raises(InputError):
            await alice.account.set_profile(name=name)
        assert await alice.account.profile() == Profile()
