"""What others may know of a device: told first, told again when the server has lost it, and never in a storm."""

import msgspec
import pytest

from onebar.core.engine import Engine
from onebar.core.frames import Request, Response, Stock, decode_as, decode_recipients, encode
from onebar.core.publishing import KEM_PER_PUBLISH, KEM_SHARE, ONE_TIME_PER_PUBLISH, STOCK_S
from onebar.core.questions import AccountInfo, Added, FindAccount, Publish
from onebar.core.questions import AddDevice as Wish
from onebar.core.records import Status
from onebar.core.turn import AddDevice, Registered, RemoveDevice
from onebar.crypto import certificates
from onebar.crypto.certificates import AccountKey, DeviceList
from onebar.crypto.keys import PeerKeys
from onebar.crypto.prekeys import SIGNED_PREKEY_ROTATION_MS, SignedBundle
from onebar.errors import InputError, NotRegisteredError, OnebarError
from onebar.events import DeviceRemoved, DevicesChanged
from onebar.models import MessageState
from tests.sdk.core.publisher import Publisher, ToyKem
from tests.sdk.core.scripted import ME, MY_PHONE, PEER, WALL_MS, PeerDevice, device_list

LATER_MS = WALL_MS + 10_000_000
WEEK_S = SIGNED_PREKEY_ROTATION_MS / 1000
TABLET = PeerDevice(12, ME[0])


def devices(published: DeviceList) -> list[int]:
    return [one.device for one in published.certificates]


def own_info(phone: Publisher, *listed: PeerDevice, counter: int, itself: bool = True) -> AccountInfo:
    """Our account's list, as another device of ours that has the account key might have signed it."""
    key = AccountKey(phone.engine.device.account_seed)
    signed = [key.certify(ME[0], one.device, one.keys.public(), WALL_MS) for one in listed]
    signed += [key.certify(*ME, phone.engine.public_keys(), WALL_MS)] if itself else []
    made = key.sign_list(ME[0], tuple(signed), LATER_MS)
    for _ in range(counter - 1):
        made = key.sign_list(ME[0], tuple(signed), LATER_MS, made)
    return AccountInfo(ME[0], MY_PHONE, certificates.to_bytes(made))


def with_tablet() -> tuple[Publisher, int]:
    """A phone that has added a second device."""
    phone = Publisher()
    link_no = phone.open()
    phone.give(AddDevice(TABLET.keys.public()))
    (request,) = phone.requests("add_device")
    phone.say(link_no, Response(request.no, "", msgspec.Raw(encode(Added(12)))))
    return phone, link_no


def test_the_list_and_the_bundle_come_first_and_alone() -> None:
    phone = Publisher(10)
    phone.open()
    first, second = phone.published
    assert first.devices
    assert first.signed
    assert not first.one_time
    assert devices(phone.own_list) == [ME[1]]
    assert phone.own_list.counter == 1
    assert len(second.one_time) == 10
    assert not second.signed


def test_nothing_is_sealed_before_the_server_has_list_and_bundle() -> None:
    phone = Publisher()
    phone.silent.add(Publish)
    link_no = phone.open()
    phone.send("hello")
    phone.wait(1)
    assert not phone.frames
    phone.silent.clear()
    phone.refusal = ""
    link_no = phone.reconnect(link_no)
    assert [frame.method for frame in phone.frames if isinstance(frame, Request)] == ["phone"]
    phone.answer(link_no)
    assert len(phone.submits()) == 1


@pytest.mark.parametrize(("after_s", "bundles"), [(WEEK_S - 120, 1), (WEEK_S, 2)])
def test_the_signed_prekey_is_replaced_after_a_week_and_the_old_one_still_opens(after_s: float, bundles: int) -> None:
    phone = Publisher(kem=ToyKem())
    phone.reconnect(phone.open(), after_s)
    signed = [msgspec.msgpack.decode(one.signed, type=SignedBundle) for one in phone.published if one.signed]
    assert len(signed) == bundles
    assert len({one.signed_prekey for one in signed}) == bundles
    for one in signed:
        assert phone.store.prekeys.signed(one.signed_prekey_id) is not None
        assert one.last_resort is not None
        assert phone.store.prekeys.kem(one.last_resort.id) is not None


def test_one_time_prekeys_wait_until_no_text_does() -> None:
    phone = Publisher(10)
    dial = phone.register()
    phone.send("hello")
    phone.welcome(dial.link_no)
    phone.answer(dial.link_no)
    assert len(phone.submits()) == 1
    phone.wait(1)
    assert [len(one.one_time) for one in phone.published] == [0]
    phone.accept(dial.link_no, 1)
    assert [len(one.one_time) for one in phone.published] == [0, 10]


@pytest.mark.parametrize(("left", "made"), [(30, 0), (29, 71), (0, 100)])
def test_a_stock_is_filled_up_when_it_is_low(left: int, made: int) -> None:
    phone = Publisher(100)
    link_no = phone.open()
    assert phone.stock.one_time == 100
    phone.published.clear()
    phone.stock = Stock(phone.stock.list_counter, phone.stock.bundle_ms, left)
    phone.reconnect(link_no)
    assert sum(len(one.one_time) for one in phone.published) == made
    ids = [number for one in phone.published for number, _ in one.one_time]
    assert len(set(ids)) == len(ids)


def test_long_prekeys_go_a_few_at_a_time_after_the_short_ones() -> None:
    phone = Publisher(ONE_TIME_PER_PUBLISH, ToyKem())
    phone.open()
    _, *rest = phone.published
    full = ONE_TIME_PER_PUBLISH // KEM_SHARE
    assert [len(one.one_time) for one in rest] == [ONE_TIME_PER_PUBLISH] + [0] * (len(rest) - 1)
    pieces = [len(one.one_time_kem) for one in rest[1:]]
    assert sum(pieces) == full
    assert pieces == [KEM_PER_PUBLISH] * (full // KEM_PER_PUBLISH) + [full % KEM_PER_PUBLISH]


def test_what_a_restored_server_has_lost_is_told_again_as_it_was() -> None:
    phone = Publisher()
    link_no = phone.open()
    (before,) = phone.published
    phone.stock = Stock()
    phone.reconnect(link_no)
    assert phone.published == [before, before]


def test_a_server_that_has_it_all_is_told_nothing() -> None:
    phone = Publisher(10)
    link_no = phone.open()
    phone.published.clear()
    phone.reconnect(link_no)
    assert not phone.published


def test_a_device_that_stays_connected_asks_once_a_day_what_is_left() -> None:
    phone = Publisher()
    phone.open()
    phone.published.clear()
    phone.wait(STOCK_S)
    assert not phone.published
    phone.silent.add(Publish)
    phone.wait(1)
    assert not phone.engine.links or [decode_as(Publish, one.params) for one in phone.requests("publish")] == [
        Publish()
    ]


def test_a_newer_list_of_our_own_is_fetched_before_another_is_signed() -> None:
    phone = Publisher()
    link_no = phone.open()
    phone.published.clear()
    phone.stock = Stock(7, phone.stock.bundle_ms)
    link_no = phone.reconnect(link_no)
    (request,) = phone.requests("account")
    assert decode_as(FindAccount, request.params) == FindAccount(ME[0])
    assert not phone.published
    phone.answer_no(link_no, request.no, own_info(phone, TABLET, counter=7))
    assert not phone.published, "it has this device already"
    phone.peers[12] = TABLET
    phone.send("hello")
    phone.answer(link_no)
    (submit,) = phone.submits()
    assert [device for one in decode_recipients(submit.recipients) for device, _ in one.envelopes] == [PEER[1], 12]


def test_a_device_that_a_newer_list_leaves_out_goes_on_after_that_list() -> None:
    phone = Publisher()
    link_no = phone.open()
    phone.stock = Stock(7, phone.stock.bundle_ms)
    link_no = phone.reconnect(link_no)
    (request,) = phone.requests("account")
    phone.answer_no(link_no, request.no, own_info(phone, TABLET, counter=7, itself=False))
    assert (phone.own_list.counter, devices(phone.own_list)) == (8, [11, 12])


def test_an_approved_device_gets_its_number_and_then_its_certificate() -> None:
    phone, _ = with_tablet()
    assert (phone.own_list.counter, devices(phone.own_list)) == (2, [11, 12])
    certificate = phone.own_list.certificate(12)
    assert certificate is not None
    assert certificate.keys == TABLET.keys.public()
    assert phone.engine.published_list == 2
    assert [event.chat for event in phone.events() if isinstance(event, DevicesChanged)] == [MY_PHONE]


def test_a_wish_that_found_no_link_is_asked_on_the_next_one() -> None:
    phone = Publisher()
    link_no = phone.open()
    phone.give(AddDevice(TABLET.keys.public()))
    link_no = phone.reconnect(link_no)
    (request,) = phone.requests("add_device")
    assert decode_as(Wish, request.params).identity_key == TABLET.keys.public().identity_key
    phone.say(link_no, Response(request.no, "", msgspec.Raw(encode(Added(12)))))
    assert devices(phone.own_list) == [11, 12]


def test_a_refusal_of_the_server_is_told_once_and_not_repeated() -> None:
    phone = Publisher()
    link_no = phone.open()
    keys = TABLET.keys.public()
    assert phone.engine.refusal(keys) == ""
    phone.give(AddDevice(keys))
    (request,) = phone.requests("add_device")
    assert phone.say(link_no, Response(request.no, "too_many_devices")).news
    assert phone.engine.refusal(keys) == "too_many_devices"
    phone.reconnect(link_no)
    assert not phone.requests("add_device")
    phone.give(AddDevice(keys))
    assert phone.requests("add_device"), "the user has asked again"
    assert phone.engine.refusal(keys) == ""


def test_a_removed_device_leaves_the_list() -> None:
    phone, _ = with_tablet()
    assert phone.give(RemoveDevice(12)).results == [None]
    assert (phone.own_list.counter, devices(phone.own_list)) == (3, [11])
    gone = phone.store.contacts.device(ME[0], 12)
    assert gone is not None
    assert gone.removed


@pytest.mark.parametrize("device", [ME[1], 99, PEER[1]])
def test_only_another_device_of_the_account_can_be_removed(device: int) -> None:
    phone, _ = with_tablet()
    (error,) = phone.give(RemoveDevice(device)).results
    assert isinstance(error, InputError)
    assert phone.own_list.counter == 2


def test_keys_that_do_not_belong_together_are_not_added() -> None:
    phone = Publisher()
    phone.open()
    keys = TABLET.keys.public()
    (error,) = phone.give(AddDevice(PeerKeys(keys.identity_key, b"\x09" + bytes(31), keys.key_signature))).results
    assert isinstance(error, InputError)
    assert not phone.requests("add_device")


def companion() -> Publisher:
    """A second device, that another one has added."""
    phone = Publisher()
    first = PeerDevice(10, ME[0])
    own = first.account_key.certify(*ME, phone.engine.public_keys(), WALL_MS)
    listed = first.account_key.sign_list(
        ME[0], (*device_list(first, account=ME[0]).certificates, own), WALL_MS, device_list(first, account=ME[0])
    )
    phone.stock, phone.devices = Stock(listed.counter), certificates.to_bytes(listed)
    phone.give(Registered(*ME, MY_PHONE, certificates.to_bytes(listed)))
    return phone


@pytest.mark.parametrize("call", [AddDevice(TABLET.keys.public()), RemoveDevice(10)], ids=["add", "remove"])
def test_only_the_first_device_adds_and_removes_and_only_once_it_is_registered(call: AddDevice | RemoveDevice) -> None:
    (error,) = companion().give(call).results
    assert isinstance(error, InputError)
    (error,) = Publisher().give(call).results
    assert isinstance(error, NotRegisteredError)


def test_a_further_device_publishes_its_bundle_and_no_list() -> None:
    phone = companion()
    phone.welcome(phone.dials[0].link_no)
    (published,) = phone.published
    assert published.signed
    assert not published.devices


def test_a_further_device_that_turns_out_to_be_an_old_copy_is_removed() -> None:
    phone = companion()
    message_no = phone.give(phone.to("+12025550109", "hello")).results[0]
    assert isinstance(message_no, int)
    link_no = max(phone.engine.links)
    phone.welcome(link_no, mark=5, mark_hash=b"h" * 16)
    assert phone.engine.device.status is Status.REMOVED
    assert [event.reason for event in phone.events() if isinstance(event, DeviceRemoved)] == ["old_copy"]
    assert phone.message(message_no).state is MessageState.UNDELIVERABLE
    phone.wait(600)
    assert not phone.dials


@pytest.mark.parametrize("error", ["internal", "device_removed", "rate_limited", "old_list", "bad_list"])
def test_a_server_that_will_not_take_it_is_not_asked_at_the_speed_of_the_link(error: str) -> None:
    phone = Publisher()
    phone.refusal = error
    link_no = phone.open()
    for _ in range(600):
        phone.wait(0.1)
        for dial in phone.dials:
            phone.welcome(dial.link_no)
    assert link_no
    assert 2 <= len(phone.published) <= 20
    phone.refusal = ""
    for _ in range(400):
        phone.wait(0.1)
        for dial in phone.dials:
            phone.welcome(dial.link_no)
    assert phone.stock.list_counter == 1


def test_a_call_that_fails_changes_nothing_that_is_kept() -> None:
    phone, _ = with_tablet()
    before = phone.engine.device
    assert isinstance(phone.give(RemoveDevice(99)).results[0], OnebarError)
    assert phone.engine.device == before
    again = Engine(phone.store, phone.dice.randbytes, phone.config)
    assert again.device == before
