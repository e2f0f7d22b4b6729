"""A further device joins with the first one's approval, and nobody else's; a removed one gets nothing more."""

from pathlib import Path

import pytest

from onebar import Client, InputError, NotRegisteredError, OnebarError, RegistrationError, account_devices
from onebar.account_devices import APPROVAL_PREFIX, REQUEST_PREFIX, read_approval, read_request, request_text
from onebar.core.turn import Registered
from onebar.crypto.certificates import DEVICES_MAX, AccountKey, to_bytes
from onebar.crypto.keys import DeviceKeys, PeerKeys
from onebar.errors import WaitTimeoutError
from onebar.events import DeviceRemoved
from onebar_mockserver import MockServer
from onebar_mockserver.limits import ServerLimits
from tests.sdk.clients import ALICE, BOB, HASTY, NOWHERE, PATIENCE_S, next_of, pair, registered, texts

NEW = DeviceKeys(b"\1" * 32, b"\2" * 32).public()
OTHER = DeviceKeys(b"\3" * 32, b"\4" * 32).public()


# The two texts


def test_a_request_is_read_as_it_was_written() -> None:
    text = request_text(NEW)
    assert text.startswith(REQUEST_PREFIX)
    assert read_request(text) == NEW
    assert read_request(f"  {text[:70]}\n {text[70:]}\n") == NEW  # as a mail breaks it


def test_every_damaged_request_is_noticed() -> None:
    text = request_text(NEW)
    for place in range(len(text)):
        changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        with pytest.raises(InputError, match="copy it again"):
            read_request(changed)
        with pytest.raises(InputError, match="copy it again"):
            read_request(text[:place])
    for stray in ("", "hello", f"{text}é", APPROVAL_PREFIX + text[len(REQUEST_PREFIX) :]):
        with pytest.raises(InputError, match="copy it again"):
            read_request(stray)


def test_keys_that_do_not_belong_together_are_no_request() -> None:
    mixed = PeerKeys(NEW.identity_key, OTHER.box_key, NEW.key_signature)
    with pytest.raises(InputError, match="do not belong together"):
        read_request(request_text(mixed))


def test_an_approval_is_for_one_device_and_signed() -> None:
    def approval(packed: bytes, device: int = 8, account: int = 7) -> str:
        return account_devices._written(APPROVAL_PREFIX, account_devices._Approval(ALICE, account, device, packed))

    key = AccountKey(b"\5" * 32)
    listed = key.sign_list(7, (key.certify(7, 8, NEW, 1000), key.certify(7, 9, OTHER, 1000)), 1000)
    packed = to_bytes(listed)
    assert read_approval(approval(packed), NEW) == Registered(7, 8, ALICE, packed)
    with pytest.raises(InputError, match="another device"):
        read_approval(approval(packed, device=9), NEW)
    with pytest.raises(InputError, match="another device"):
        read_approval(approval(packed, device=10), NEW)
    with pytest.raises(InputError, match="ask the first device anew"):
        read_approval(approval(packed, account=6), NEW)
    forged = bytearray(packed)
    forged[-1] ^= 1
    with pytest.raises(InputError, match="ask the first device anew"):
        read_approval(approval(bytes(forged)), NEW)


# Against a backend


async def joined(alice: Client, tablet: Client) -> None:
    await tablet.join(await alice.approve_device(await tablet.device_request(), timeout_s=PATIENCE_S))


async def test_a_tablet_joins_and_both_devices_get_everything(tmp_path: Path, server: MockServer) -> None:
    async with (
        pair(tmp_path, server) as (alice, bob),
        Client.open(tmp_path / "tablet.db", server=server.url, config=HASTY) as tablet,
    ):
        await joined(alice, tablet)
        assert tablet.registered
        assert tablet.phone == ALICE
        devices = await alice.devices()
        assert [device.this for device in devices] == [True, False]
        assert [device.number for device in await tablet.devices()] == [device.number for device in devices]
        hello = await tablet.chat(BOB).send("from the tablet")
        await hello.delivered(timeout_s=PATIENCE_S)
        assert await texts(bob.events(), 1) == ["from the tablet"]
        answer = await bob.chat(ALICE).send("to both")
        await answer.delivered(timeout_s=PATIENCE_S)
        assert await texts(alice.events(), 1) == ["to both"]
        assert await texts(tablet.events(), 1) == ["to both"]
        numbers = [await client.chat(BOB).safety_number() for client in (alice, tablet)]
        assert numbers[0] == numbers[1]
        assert numbers[0].digits == (await bob.chat(ALICE).safety_number()).digits


async def test_approving_and_joining_again_is_safe(tmp_path: Path, server: MockServer) -> None:
    path = tmp_path / "tablet.db"
    async with registered(tmp_path / "alice.db", ALICE, server) as alice:
        async with Client.open(path, server=server.url, config=HASTY) as tablet:
            request = await tablet.device_request()
            approval = await alice.approve_device(request, timeout_s=PATIENCE_S)
            assert await alice.approve_device(request, timeout_s=PATIENCE_S) == approval
        async with Client.open(path, server=server.url, config=HASTY) as tablet:
            assert await tablet.device_request() == request
            await tablet.join(approval)
            await tablet.join(approval)
        async with Client.open(path, server=server.url, config=HASTY) as tablet:
            await tablet.join(approval)
            assert tablet.phone == ALICE
        assert len(await alice.devices()) == 2


async def test_an_approval_survives_a_crash_of_the_first_device(tmp_path: Path, server: MockServer) -> None:
    async with Client.open(tmp_path / "tablet.db", server=server.url, config=HASTY) as tablet:
        request = await tablet.device_request()
        async with registered(tmp_path / "alice.db", ALICE, server) as alice:
            server.faults.refuse(10_000)
            server.drop_links()
            with pytest.raises(WaitTimeoutError, match="approve the same request again"):
                await alice.approve_device(request, timeout_s=0.2)
            server.faults.clear()
        async with Client.open(tmp_path / "alice.db", server=server.url, config=HASTY) as alice:
            await tablet.join(await alice.approve_device(request, timeout_s=PATIENCE_S))
            assert len(await alice.devices()) == 2


async def test_a_removed_tablet_is_out(tmp_path: Path, server: MockServer) -> None:
    async with (
        pair(tmp_path, server) as (alice, bob),
        Client.open(tmp_path / "tablet.db", server=server.url, config=HASTY) as tablet,
    ):
        await joined(alice, tablet)
        await (await tablet.chat(BOB).send("hi")).delivered(timeout_s=PATIENCE_S)
        number = (await alice.devices())[1].number
        with pytest.raises(InputError, match="first device"):
            await tablet.remove_device(number)
        await alice.remove_device(number)
        await alice.remove_device(number)  # as after a crash
        assert [device.this for device in await alice.devices()] == [True]
        await next_of(tablet.events(), DeviceRemoved)
        assert not tablet.registered
        await (await bob.chat(ALICE).send("for one device")).delivered(timeout_s=PATIENCE_S)
        assert await texts(alice.events(), 1) == ["for one device"]
        assert not [one for one in await tablet.chat(BOB).history() if one.text == "for one device"]
        await joined(alice, tablet)  # with new keys
        assert tablet.registered
        assert len(await alice.devices()) == 2


async def test_what_is_refused_says_why(tmp_path: Path, server: MockServer) -> None:
    async with (
        registered(tmp_path / "alice.db", ALICE, server) as alice,
        registered(tmp_path / "bob.db", BOB, server) as bob,
        Client.open(tmp_path / "tablet.db", server=server.url, config=HASTY) as tablet,
        Client.open(tmp_path / "other.db", server=server.url, config=HASTY) as other,
    ):
        with pytest.raises(InputError, match="this very device"):
            await alice.approve_device(await alice.device_request())
        with pytest.raises(NotRegisteredError):
            await tablet.approve_device(await other.device_request())
        with pytest.raises(InputError, match="no other device"):
            await alice.remove_device(999)
        approval = await alice.approve_device(await tablet.device_request(), timeout_s=PATIENCE_S)
        with pytest.raises(InputError, match="another device"):
            await other.join(approval)
        with pytest.raises(InputError, match="another device"):
            await bob.join(approval)
        await tablet.join(approval)
        with pytest.raises(InputError, match="approve it there"):
            await tablet.approve_device(await other.device_request())
        with pytest.raises(InputError, match="another number"):
            await tablet.register(BOB, code="123456")


async def test_the_server_has_the_last_word(tmp_path: Path) -> None:
    async with (
        MockServer(limits=ServerLimits(rates={})) as server,
        registered(tmp_path / "alice.db", ALICE, server) as alice,
    ):
        one_too_many = [
            request_text(DeviceKeys(bytes((number,)) * 32, bytes((number + 1,)) * 32).public())
            for number in range(50, 50 + 2 * DEVICES_MAX, 2)
        ]
        for request in one_too_many[:-1]:
            await alice.approve_device(request, timeout_s=PATIENCE_S)
        with pytest.raises(RegistrationError) as caught:
            await alice.approve_device(one_too_many[-1], timeout_s=PATIENCE_S)
        assert caught.value.reason == "too_many_devices"
        assert len(await alice.devices()) == DEVICES_MAX


async def test_a_guest_leaves_devices_to_the_holder(tmp_path: Path, server: MockServer) -> None:
    async with (
        registered(tmp_path / "alice.db", ALICE, server) as alice,
        Client.open(tmp_path / "alice.db", server=server.url) as guest,
    ):
        uses = (guest.device_request, lambda: guest.remove_device(1), lambda: guest.join(""))
        for use in (*uses, lambda: guest.approve_device(request_text(NEW))):
            with pytest.raises(OnebarError, match="another process has this database open"):
                await use()
        assert await guest.devices() == await alice.devices()


async def test_no_devices_before_the_first_connection(tmp_path: Path) -> None:
    async with Client.open(tmp_path / "alice.db", server=NOWHERE) as alice:
        assert await alice.devices() == []
