"""Who is who: only what an account has signed is believed, and a new key is never taken in silence."""

import msgspec
import pytest

from onebar.core.frames import Ack, Note, Ping, Pong, Request, Stock, Submit, decode_as, decode_recipients
from onebar.core.questions import AccountInfo, FindAccount, FindDevice
from onebar.core.records import Contact, Trust
from onebar.core.turn import LinkLost, SetTrust
from onebar.crypto import certificates
from onebar.crypto.certificates import DeviceList
from onebar.errors import InputError
from onebar.events import DevicesChanged, MessageFailed, SafetyNumberChanged
from onebar.models import MessageState
from tests.sdk.core.scripted import ME, MY_PHONE, PEER, PEER_PHONE, WALL_MS, PeerDevice, Scripted, device_list, text

STEP_S = 0.5
OTHER_SEED = b"b" * 32
UNPUBLISHED = AccountInfo(PEER[0], PEER_PHONE, b"")


def info(devices: DeviceList, phone: str = PEER_PHONE) -> AccountInfo:
    return AccountInfo(devices.account, phone, certificates.to_bytes(devices))


def met() -> tuple[Scripted, int]:
    """A device whose first message to the peer is sent, and opened by nobody yet."""
    phone = Scripted()
    link_no = phone.open()
    phone.meet_peer(link_no)
    phone.accept(link_no, 1)
    return phone, link_no


def hear(phone: Scripted, link_no: int, stranger: PeerDevice, answer: AccountInfo, number: int = 1) -> None:
    """Let mail of an unknown device make the phone ask, and the server answer this."""
    phone.peers[stranger.device] = stranger
    phone.say(link_no, phone.deliver(text(number), number, device=stranger.device))
    (request,) = phone.requests("device")
    assert decode_as(FindDevice, request.params) == FindDevice(stranger.account, stranger.device)
    phone.answer_no(link_no, request.no, answer)


def contact(phone: Scripted, account: int = PEER[0]) -> Contact:
    found = phone.store.contacts.contact(account)
    assert found is not None
    return found


def recipients(submit: Submit) -> list[int]:
    return [device for one in decode_recipients(submit.recipients) for device, _ in one.envelopes]


def changes(phone: Scripted) -> list[str]:
    """What the app was told of keys and devices."""
    return [type(one).__name__ for one in phone.events() if isinstance(one, SafetyNumberChanged | DevicesChanged)]


def asked_again(phone: Scripted, link_no: int) -> tuple[float, int]:
    """Let time pass on a good link until the next question; returns how long that was, and the question's number."""
    for step in range(1, 200):
        phone.wait(STEP_S)
        asked = phone.requests("account")
        pings = [frame.nonce for frame in phone.frames if isinstance(frame, Ping)]
        if pings:
            phone.say(link_no, *(Pong(nonce) for nonce in pings))
        if asked:
            return step * STEP_S, asked[0].no
    raise AssertionError("it was never asked again")


def test_at_first_contact_a_list_that_verifies_is_taken_and_nothing_has_changed() -> None:
    phone, _ = met()
    assert contact(phone).account_key == phone.peer.account_key.public
    assert contact(phone).trust is Trust.UNVERIFIED
    assert [peer.device for peer in phone.store.contacts.devices(PEER[0])] == [PEER[1]]
    assert not changes(phone)


def test_an_account_that_has_published_nothing_yet_is_asked_again_later_and_later_and_nothing_fails() -> None:
    phone = Scripted()
    link_no = phone.open()
    message_no = phone.send("hello")
    phone.answer(link_no, UNPUBLISHED)
    phone.answer(link_no, UNPUBLISHED)  # by the account's number, now that it is known
    pauses = []
    for _ in range(6):
        pause_s, no = asked_again(phone, link_no)
        pauses.append(pause_s)
        phone.answer_no(link_no, no, UNPUBLISHED)
    assert pauses == [2, 4, 8, 16, 30, 30]
    assert phone.message(message_no).state is MessageState.QUEUED
    assert not [event for event in phone.events() if isinstance(event, MessageFailed)]
    phone.answer_no(link_no, asked_again(phone, link_no)[1], phone.peer_info())
    assert [recipients(one) for one in phone.submits()] == [[PEER[1]]]


def test_an_account_of_which_no_listed_device_is_in_use_is_asked_again_later_and_later() -> None:
    phone, link_no = met()
    phone.send("to a phone that was replaced")
    phone.accept(link_no, 2, Note(2, "no_recipients"))
    message_no = phone.send("to whoever is there now")
    same = AccountInfo(PEER[0], PEER_PHONE, contact(phone).devices)
    phone.answer(link_no, same)
    pauses = []
    for _ in range(3):
        assert not phone.requests("account"), "not at once"
        pause_s, no = asked_again(phone, link_no)
        pauses.append(pause_s)
        phone.answer_no(link_no, no, same)
    assert pauses == [2, 4, 8]
    assert phone.message(message_no).state is MessageState.QUEUED


def test_a_rejection_says_nothing_of_devices_that_it_was_not_for() -> None:
    phone, link_no = met()
    phone.peers[23] = PeerDevice(23)
    hear(phone, link_no, phone.peers[23], phone.peer_info(22, 23))
    phone.say(link_no, phone.deliver(text(2), 2, device=23, change=lambda sealed: sealed[:-1] + b"?"))
    asks = phone.submits()[-1]
    assert recipients(asks) == [23], "it asks again for what did not open"
    phone.accept(link_no, asks.out_no, Note(asks.out_no, "no_recipients"))
    assert [peer.device for peer in phone.store.contacts.devices(PEER[0])] == [22]


def test_the_timer_is_set_for_the_next_question() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.send("hello")
    phone.answer(link_no, UNPUBLISHED)
    turn = phone.answer(link_no, UNPUBLISHED)
    assert turn.timer_s == phone.now_s + 2


@pytest.mark.parametrize("shown", [(1, (22,)), (2, (22,)), (2, (22, 23, 24))], ids=["older", "same", "longer"])
def test_a_list_that_goes_behind_the_known_one_is_not_taken(shown: tuple[int, tuple[int, ...]]) -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.peer_info()  # a first list, that this device has not seen
    phone.send("hello")
    phone.answer(link_no, phone.peer_info(22, 23))
    known = contact(phone)
    counter, devices = shown
    listed = [phone.peers.setdefault(number, PeerDevice(number)) for number in devices]
    hear(phone, link_no, PeerDevice(24), info(device_list(*listed, counter=counter)))
    assert contact(phone) == known
    assert [peer.device for peer in phone.store.contacts.devices(PEER[0])] == [22, 23]
    assert phone.frames == [Ack(1, 1, (1,))]
    assert not changes(phone)


def forged(peer: PeerDevice) -> dict[str, bytes]:
    """Lists that the account of a device has not signed, or not like this."""
    other, own = PeerDevice(24, account_seed=OTHER_SEED), device_list(peer, counter=9)
    of_other = other.account_key.certify(PEER[0], 24, other.keys.public(), WALL_MS)
    unsigned = msgspec.structs.replace(own, signature=bytes(64))
    added = msgspec.structs.replace(own, certificates=(*own.certificates, of_other))
    return {
        "unsigned": certificates.to_bytes(unsigned),
        "a device added": certificates.to_bytes(added),
        "a device taken away": certificates.to_bytes(msgspec.structs.replace(own, certificates=())),
        "a counter raised": certificates.to_bytes(msgspec.structs.replace(own, counter=10)),
        "of another account": certificates.to_bytes(device_list(PeerDevice(), account=9)),
        "damaged": certificates.to_bytes(own)[:-1],
        "garbage": b"garbage",
    }


@pytest.mark.parametrize("name", forged(PeerDevice()))
def test_a_forged_list_is_not_taken_at_first_contact_and_the_message_waits(name: str) -> None:
    phone = Scripted()
    link_no = phone.open()
    message_no = phone.send("hello")
    phone.answer(link_no, AccountInfo(PEER[0], PEER_PHONE, forged(phone.peer)[name]))
    assert not phone.submits()
    assert phone.store.contacts.contact(PEER[0]) is None
    assert phone.message(message_no).state is MessageState.QUEUED
    phone.wait(2)
    phone.answer(link_no)
    assert len(phone.submits()) == 1


@pytest.mark.parametrize("name", forged(PeerDevice()))
def test_a_forged_list_changes_nothing_of_a_known_account(name: str) -> None:
    phone, link_no = met()
    known = contact(phone)
    hear(phone, link_no, PeerDevice(24), AccountInfo(PEER[0], PEER_PHONE, forged(phone.peer)[name]))
    assert contact(phone) == known
    assert phone.store.contacts.device(PEER[0], 24) is None
    assert not phone.texts()
    assert not changes(phone)


def test_another_key_of_an_unverified_contact_is_told_ends_what_nobody_opened_and_gets_the_next_message() -> None:
    phone, link_no = met()
    new = PeerDevice(24, account_seed=OTHER_SEED)
    hear(phone, link_no, new, info(device_list(new)))
    assert changes(phone) == ["SafetyNumberChanged"]
    assert (phone.message(1).state, phone.message(1).reason) == (MessageState.UNDELIVERABLE, "key_changed")
    failed = [event for event in phone.events() if isinstance(event, MessageFailed)]
    assert [event.message_no for event in failed] == [1]
    assert contact(phone).trust is Trust.UNVERIFIED
    assert phone.texts() == ["text 1"]
    phone.send("next")
    assert [recipients(one) for one in phone.submits()] == [[24]]
    phone.tick(link_no, 1, 1)
    assert phone.message(1).state is MessageState.DELIVERED, "it had been opened before the key changed"


def test_what_was_opened_before_the_key_changed_stays_delivered() -> None:
    phone, link_no = met()
    phone.tick(link_no, 1, 1)
    new = PeerDevice(24, account_seed=OTHER_SEED)
    hear(phone, link_no, new, info(device_list(new)), number=2)
    assert phone.message(1).state is MessageState.DELIVERED


def verified_and_changed() -> tuple[Scripted, int, PeerDevice]:
    """A device whose contact was verified and has another key since."""
    phone, link_no = met()
    phone.give(SetTrust(PEER_PHONE, contact(phone).account_key, verified=True))
    assert contact(phone).trust is Trust.VERIFIED
    new = PeerDevice(24, account_seed=OTHER_SEED)
    hear(phone, link_no, new, info(device_list(new)))
    return phone, link_no, new


@pytest.mark.parametrize(("verified", "trust"), [(True, Trust.VERIFIED), (False, Trust.UNVERIFIED)])
def test_another_key_of_a_verified_contact_stops_sealing_until_the_user_decides(verified: bool, trust: Trust) -> None:
    phone, _, new = verified_and_changed()
    assert contact(phone).trust is Trust.CHANGED
    assert changes(phone) == ["SafetyNumberChanged"]
    message_no = phone.send("are you still you?")
    assert not phone.submits()
    phone.wait(20)
    assert not phone.submits()
    assert phone.message(message_no).state is MessageState.QUEUED
    phone.give(SetTrust(PEER_PHONE, new.account_key.public, verified=verified))
    assert [recipients(one) for one in phone.submits()] == [[24]]
    assert contact(phone).trust is trust


def test_a_decision_about_the_old_key_is_refused_and_a_second_change_needs_another_one() -> None:
    phone, link_no, new = verified_and_changed()
    turn = phone.give(SetTrust(PEER_PHONE, phone.peer.account_key.public, verified=True))
    assert isinstance(turn.results[0], InputError)
    assert contact(phone).trust is Trust.CHANGED
    third = PeerDevice(25, account_seed=b"c" * 32)
    hear(phone, link_no, third, info(device_list(third)), number=2)
    assert isinstance(phone.give(SetTrust(PEER_PHONE, new.account_key.public, verified=True)).results[0], InputError)
    assert contact(phone).trust is Trust.CHANGED
    assert changes(phone) == ["SafetyNumberChanged"] * 2


def test_a_device_more_is_told_and_a_device_that_a_list_leaves_out_gets_nothing_more() -> None:
    phone, link_no = met()
    second = PeerDevice(23)
    hear(phone, link_no, second, info(device_list(phone.peer, second, counter=2)))
    assert changes(phone) == ["DevicesChanged"]
    phone.send("to both")
    (submit,) = phone.submits()
    assert recipients(submit) == [22, 23]
    phone.accept(link_no, 2)
    third = PeerDevice(24)
    hear(phone, link_no, third, info(device_list(second, third, counter=3)), number=2)
    assert changes(phone) == ["DevicesChanged"] * 2
    left_out = phone.store.contacts.device(*PEER)
    assert left_out is not None
    assert left_out.removed
    phone.send("to those that are left")
    assert [recipients(one) for one in phone.submits()] == [[23, 24]]
    assert not [event for event in phone.events() if isinstance(event, SafetyNumberChanged)]


def test_the_same_list_again_tells_nothing() -> None:
    phone, link_no = met()
    hear(phone, link_no, PeerDevice(24), info(device_list(phone.peer)))
    assert not changes(phone)


def test_the_last_mail_of_a_removed_device_opens_by_its_certificate_and_it_gets_nothing() -> None:
    phone, link_no = met()
    hear(phone, link_no, PeerDevice(24), phone.peer_info(certificate=24, removed=True))
    assert phone.texts() == ["text 1"]
    removed = phone.store.contacts.device(PEER[0], 24)
    assert removed is not None
    assert removed.removed
    phone.send("next")
    assert [recipients(one) for one in phone.submits()] == [[PEER[1]]]


@pytest.mark.parametrize("seed", [OTHER_SEED, b"a" * 32])
def test_a_certificate_of_another_account_key_or_device_is_refused(seed: bytes) -> None:
    phone, link_no = met()
    stranger = PeerDevice(24, account_seed=seed)
    named = 24 if seed == OTHER_SEED else 25
    certificate = stranger.account_key.certify(PEER[0], named, stranger.keys.public(), WALL_MS)
    known = info(device_list(phone.peer))
    answer = AccountInfo(known.account, known.phone, known.devices, certificates.to_bytes(certificate))
    hear(phone, link_no, stranger, answer)
    assert not phone.texts()
    assert phone.store.contacts.device(PEER[0], 24) is None
    assert phone.frames == [Ack(1, 1, (1,))]


def test_our_own_list_under_another_key_is_refused() -> None:
    phone, link_no = met()
    known = contact(phone, ME[0])
    phone.give(LinkLost(link_no, "cut"))
    phone.stock = Stock(7, phone.stock.bundle_ms)
    phone.wait(60)
    link_no = phone.dials[0].link_no
    phone.welcome(link_no, mark=1, mark_hash=phone.engine.device.floor_hash)
    (request,) = phone.requests("account")
    assert decode_as(FindAccount, request.params) == FindAccount(ME[0])
    thief = PeerDevice(12, ME[0], account_seed=OTHER_SEED)
    phone.answer_no(link_no, request.no, info(device_list(thief, counter=7, account=ME[0]), MY_PHONE))
    assert contact(phone, ME[0]) == known
    assert phone.store.contacts.device(ME[0], 12) is None
    assert list(phone.engine.links) == [link_no]
    assert not changes(phone)


@pytest.mark.parametrize(("seed", "trust"), [(b"a" * 32, Trust.VERIFIED), (OTHER_SEED, Trust.CHANGED)])
def test_a_number_under_a_new_account_is_trusted_as_far_as_its_key_is_the_same(seed: bytes, trust: Trust) -> None:
    phone, link_no = met()
    phone.give(SetTrust(PEER_PHONE, contact(phone).account_key, verified=True))
    anew = PeerDevice(33, account=3, account_seed=seed)
    hear(phone, link_no, anew, info(device_list(anew, account=3)))
    assert contact(phone, 3).trust is trust
    assert contact(phone).phone is None
    assert ("SafetyNumberChanged" in changes(phone)) == (trust is Trust.CHANGED)
    phone.send("to the new account")
    assert [recipients(one) for one in phone.submits()] == ([[33]] if trust is Trust.VERIFIED else [])


def test_a_known_account_with_a_new_number_keeps_its_key_and_trust() -> None:
    phone, link_no = met()
    phone.give(SetTrust(PEER_PHONE, contact(phone).account_key, verified=True))
    hear(phone, link_no, PeerDevice(24), info(device_list(phone.peer), "+12025550199"))
    assert (contact(phone).phone, contact(phone).trust) == ("+12025550199", Trust.VERIFIED)
    phone.send("to whoever has the old number")
    assert [frame.method for frame in phone.frames if isinstance(frame, Request)] == ["phone"]


def test_an_answer_about_somebody_else_costs_the_link_and_is_not_taken() -> None:
    phone, link_no = met()
    phone.peers[24] = PeerDevice(24)
    phone.say(link_no, phone.deliver(text(1), 1, device=24))
    other = PeerDevice(99, account=9, account_seed=OTHER_SEED)
    phone.answer(link_no, info(device_list(other, account=9), "+12025550109"))
    assert phone.hangs == [link_no]
    assert phone.store.contacts.contact(9) is None
