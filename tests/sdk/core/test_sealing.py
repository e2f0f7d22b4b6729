"""Sessions between outbox, inbox and peers: begun once, healed when lost, and never more than fits."""

import msgspec
import pytest

from onebar.core import content
from onebar.core.frames import (
    FLAG_SILENT,
    SUBMIT_BYTES_MAX,
    Note,
    Response,
    Submit,
    decode_as,
    decode_recipients,
    encode,
)
from onebar.core.questions import AccountInfo, Bundle, FindBundle
from onebar.core.turn import SetTrust
from onebar.crypto import certificates, sessions
from onebar.crypto.certificates import DEVICES_MAX, AccountKey
from onebar.crypto.kem import find_kem
from onebar.crypto.pqxdh import INITIAL, INITIAL_WITH_KEM, KemPrekey
from onebar.crypto.prekeys import LastResortKemPrekey, PrekeyBundle, SignedBundle, make_bundle
from onebar.events import SessionHealed
from onebar.models import MessageState
from tests.sdk.core.publisher import Publisher, ToyKem
from tests.sdk.core.scripted import ME, MY_PHONE, PEER, PEER_PHONE, WALL_MS, PeerDevice, Scripted, device_list, text

TABLET = 12


class PqPeer(PeerDevice):
    """A device of the peer that has ML-KEM; `bundle` leaves it out once it is `downgraded`."""

    def __init__(self, device: int = PEER[1]) -> None:
        super().__init__(device)
        self.provider = find_kem() or ToyKem()
        public, secret = self.provider.keypair(self.dice.randbytes)
        self.last_resort = LastResortKemPrekey(2, public, secret, WALL_MS)
        self.downgraded = False

    def kem(self, prekey_id: int) -> KemPrekey | None:
        """Return the last resort."""
        return self.last_resort if prekey_id == 2 else None

    def bundle(self) -> Bundle:
        """Return its prekeys, as the server hands them out."""
        last_resort = None if self.downgraded else self.last_resort
        return Bundle(msgspec.msgpack.encode(make_bundle(self.keys, self.prekey, last_resort, WALL_MS)))


def broken(sealed: bytes) -> bytes:
    return sealed[:-1] + bytes([sealed[-1] ^ 1])


def envelopes(submit: Submit) -> dict[int, bytes]:
    return {device: sealed for one in decode_recipients(submit.recipients) for device, sealed in one.envelopes}


def met() -> tuple[Scripted, int]:
    """A device whose first message to the peer was accepted."""
    phone = Scripted()
    link_no = phone.open()
    phone.meet_peer(link_no)
    phone.accept(link_no, 1)
    return phone, link_no


def with_tablet() -> tuple[Scripted, int, PeerDevice]:
    """A device whose account has another one, and that knows the peer."""
    phone = Scripted()
    link_no = phone.open()
    tablet = PeerDevice(TABLET, ME[0])
    key = AccountKey(phone.engine.device.account_seed)
    signed = [key.certify(ME[0], TABLET, tablet.keys.public(), WALL_MS)]
    signed += [key.certify(*ME, phone.engine.public_keys(), WALL_MS)]
    listed = key.sign_list(ME[0], tuple(signed), WALL_MS + 10_000_000, certificates.list_from_bytes(phone.devices))
    phone.peers[TABLET] = tablet
    phone.say(link_no, phone.deliver(content.Copy(text(7, "said on the tablet"), PEER[0]), 1, device=TABLET))
    phone.answer(link_no, AccountInfo(ME[0], MY_PHONE, certificates.to_bytes(listed)))
    phone.meet_peer(link_no)
    phone.accept(link_no, 1)
    return phone, link_no, tablet


def test_prekeys_are_asked_for_once_however_much_waits() -> None:
    phone = Scripted()
    phone.silent.add(FindBundle)
    link_no = phone.open()
    phone.send("one")
    phone.answer(link_no)
    (asked,) = phone.requests("bundle")
    assert decode_as(FindBundle, asked.params) == FindBundle(*PEER)
    phone.send("two")
    assert not phone.requests("bundle")
    phone.say(link_no)
    assert not phone.submits()


def test_a_session_that_is_there_needs_no_prekeys() -> None:
    phone, link_no = met()
    phone.send("next")
    assert len(phone.submits()) == 1
    assert not phone.requests("bundle")
    phone.accept(link_no, 2)


def test_the_initial_header_is_repeated_until_a_tick_says_that_it_arrived() -> None:
    phone, link_no = met()
    phone.send("two")
    (second,) = phone.submits()
    assert envelopes(second)[PEER[1]][0] == INITIAL
    phone.accept(link_no, 2)
    phone.tick(link_no, 1, 1)
    phone.send("three")
    (third,) = phone.submits()
    assert envelopes(third)[PEER[1]][0] != INITIAL
    assert len(envelopes(third)[PEER[1]]) < len(envelopes(second)[PEER[1]])
    phone.opened(second)
    opened = phone.opened(third)
    assert isinstance(opened, content.Text)
    assert opened.text == "three"


def test_a_tick_for_what_was_sealed_before_the_session_says_nothing_about_it() -> None:
    phone, link_no = met()
    phone.tick(link_no, 1, 1, device=99)
    phone.send("two")
    assert envelopes(phone.submits()[0])[PEER[1]][0] == INITIAL


@pytest.mark.parametrize("real", [True, False], ids=["found", "toy"])
def test_two_devices_with_ml_kem_use_it(real: bool) -> None:
    kem = find_kem() if real else ToyKem()
    if kem is None:
        pytest.skip("no provider of ML-KEM here: install onebar[pq]")
    phone, peer = Publisher(kem=kem), PqPeer()
    phone.peer = phone.peers[PEER[1]] = peer
    link_no = phone.open()
    submit = phone.meet_peer(link_no)
    assert envelopes(submit)[PEER[1]][0] == INITIAL_WITH_KEM


@pytest.mark.parametrize("ours", [True, False])
def test_one_side_without_ml_kem_is_enough_to_go_without(ours: bool) -> None:
    phone = Publisher(kem=ToyKem() if ours else None)
    if not ours:
        phone.peer = phone.peers[PEER[1]] = PqPeer()
    assert envelopes(phone.meet_peer(phone.open()))[PEER[1]][0] == INITIAL


def test_a_contact_that_has_used_ml_kem_is_not_talked_to_without_it(caplog: pytest.LogCaptureFixture) -> None:
    phone, peer = Publisher(kem=ToyKem()), PqPeer()
    phone.peer = phone.peers[PEER[1]] = peer
    link_no = phone.open()
    phone.meet_peer(link_no)
    phone.accept(link_no, 1)
    with phone.store.transaction():
        kept = phone.store.sessions.get(*PEER)
        phone.store.sessions.put(*PEER, msgspec.structs.replace(kept, sessions=PeerDevice().sessions, must_be_pq=True))
    peer.downgraded = True
    message_no = phone.send("next")
    assert not phone.submits()
    assert "cannot be used" in caplog.text
    assert phone.message(message_no).state is MessageState.QUEUED
    peer.downgraded = False
    phone.wait(2)
    assert [envelopes(one)[PEER[1]][0] for one in phone.submits()] == [INITIAL_WITH_KEM]


def test_prekeys_that_another_has_signed_are_refused_and_asked_for_again_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.peers[PEER[1]] = PeerDevice(99)
    message_no = phone.send("hello")
    phone.answer(link_no, AccountInfo(PEER[0], PEER_PHONE, certificates.to_bytes(device_list(phone.peer))))
    assert not phone.submits()
    assert "cannot be used" in caplog.text
    phone.wait(1)
    assert not phone.requests("bundle")
    phone.peers[PEER[1]] = phone.peer
    phone.wait(1)
    assert len(phone.submits()) == 1
    assert phone.message(message_no).state is MessageState.QUEUED


@pytest.mark.parametrize("signed", [b"", b"\xc1", b"\x91" * 2000])
def test_what_is_no_bundle_costs_the_link_and_no_message(signed: bytes) -> None:
    phone = Scripted()
    phone.silent.add(FindBundle)
    link_no = phone.open()
    message_no = phone.send("hello")
    phone.answer(link_no)
    (asked,) = phone.requests("bundle")
    phone.say(link_no, Response(asked.no, "", msgspec.Raw(encode(Bundle(signed)))))
    assert phone.hangs == [link_no]
    assert phone.message(message_no).state is MessageState.QUEUED


def test_a_device_without_prekeys_waits_and_the_others_do_not() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.send("hello")
    answer = phone.peer_info(22, 23)
    late = phone.peers.pop(23)
    phone.answer(link_no, answer)
    (submit,) = phone.submits()
    assert list(envelopes(submit)) == [22]
    (asked,) = [one for one in phone.requests("bundle") if decode_as(FindBundle, one.params).device == 23]
    phone.say(link_no, Response(asked.no, "no_bundle"))
    phone.accept(link_no, 1, Note(1, missing=((PEER[0], 23),)))
    assert not phone.submits()
    phone.peers[23] = late
    phone.wait(2)
    (top_up,) = phone.submits()
    assert list(envelopes(top_up)) == [23]


def test_a_device_that_was_missing_gets_a_top_up_if_the_same_account_key_certifies_it() -> None:
    phone, link_no = met()
    second = PeerDevice(23)
    phone.peers[23] = second
    phone.accept(link_no, 1)
    phone.send("two")
    phone.accept(link_no, 2, Note(2, missing=((PEER[0], 23),)))
    answer = AccountInfo(PEER[0], PEER_PHONE, certificates.to_bytes(device_list(phone.peer, second, counter=2)))
    phone.answer(link_no, answer)
    (submit,) = phone.submits()
    assert list(envelopes(submit)) == [23]
    opened = phone.opened(submit)
    assert isinstance(opened, content.Text)
    assert opened.text == "two"


def test_a_device_of_another_account_key_gets_no_top_up() -> None:
    phone, link_no = met()
    thief = PeerDevice(23, account_seed=b"b" * 32)
    phone.peers[23] = thief
    phone.send("two")
    phone.accept(link_no, 2, Note(2, missing=((PEER[0], 23),)))
    phone.answer(link_no, AccountInfo(PEER[0], PEER_PHONE, certificates.to_bytes(device_list(thief))))
    assert not phone.submits()
    assert [phone.message(number).reason for number in (1, 2)] == ["key_changed", "key_changed"]
    assert not phone.store.outbox.top_ups(9)


def test_a_server_that_names_a_stranger_as_missing_adds_no_listener() -> None:
    phone, link_no = met()
    phone.send("two")
    phone.accept(link_no, 2, Note(2, missing=((9, 99),)))
    assert not phone.frames


def test_a_message_to_many_devices_is_never_longer_than_a_submit_and_the_rest_is_topped_up() -> None:
    phone = Publisher(kem=ToyKem())
    link_no = phone.open()
    numbers = [*range(22, 22 + DEVICES_MAX)]
    phone.peers.update({number: PqPeer(number) for number in numbers})
    message_no = phone.give(phone.to(PEER_PHONE, "\u00e9" * 2048)).results[0]
    phone.answer(link_no, phone.peer_info(*numbers))
    sent: list[int] = []
    while submits := phone.submits():
        (submit,) = submits
        assert len(encode(submit)) <= SUBMIT_BYTES_MAX
        sent += envelopes(submit)
        left = [] if submit.out_no > 1 else [number for number in numbers if number not in sent]
        notes = [Note(1, missing=tuple((PEER[0], number) for number in left))] if left else []
        phone.accept(link_no, phone.engine.device.out_no if not notes else 1, *notes)
        for more in phone.submits():
            assert len(encode(more)) <= SUBMIT_BYTES_MAX
            sent += envelopes(more)
        phone.accept(link_no, phone.engine.device.out_no)
    assert sorted(sent) == numbers
    assert isinstance(message_no, int)
    assert phone.message(message_no).state is MessageState.SENT


def test_our_own_devices_get_a_copy() -> None:
    phone, link_no, tablet = with_tablet()
    phone.send("two")
    (submit,) = phone.submits()
    assert list(envelopes(submit)) == [PEER[1], TABLET]
    copy = phone.opened(submit, TABLET)
    assert isinstance(copy, content.Copy)
    assert (copy.text.text, copy.to) == ("two", PEER[0])
    phone.accept(link_no, 2)
    assert tablet.account == ME[0]


def test_r10_a_copy_is_believed_from_our_own_device_and_shown_as_ours() -> None:
    phone, link_no, _ = with_tablet()
    phone.say(link_no, phone.deliver(content.Copy(text(8, "once more"), PEER[0]), 2, device=TABLET))
    (message,) = [one for one in phone.store.history(PEER_PHONE, 9) if one.text == "once more"]
    assert message.outgoing
    assert message.state is MessageState.SENT


def test_r10_a_copy_by_anybody_else_and_a_text_by_our_own_device_say_nothing() -> None:
    phone, link_no, _ = with_tablet()
    before = len(phone.store.history(PEER_PHONE, 9))
    phone.say(link_no, phone.deliver(content.Copy(text(1, "forged"), PEER[0]), 1))
    phone.say(link_no, phone.deliver(content.Copy(text(2, "forged"), 9), 2))
    phone.say(link_no, phone.deliver(text(3, "to whom?"), 3, device=TABLET))
    assert len(phone.store.history(PEER_PHONE, 9)) == before
    assert not phone.store.history(MY_PHONE, 9)


def test_the_first_again_goes_in_the_old_session_and_the_second_in_a_new_one_that_is_told() -> None:
    phone, link_no = met()
    phone.tick(link_no, 1, 1)
    phone.say(link_no, phone.deliver(text(1), 1, change=broken))
    (first,) = phone.submits()
    assert first.flags & FLAG_SILENT
    assert envelopes(first)[PEER[1]][0] != INITIAL
    assert not [event for event in phone.events() if isinstance(event, SessionHealed)]
    phone.accept(link_no, 2)
    phone.wait(phone.config.ask_again_s)
    (second,) = phone.submits()
    assert envelopes(second)[PEER[1]][0] == INITIAL
    phone.peer.forget()
    assert phone.opened(second) == content.Again((1,))
    assert [event.chat for event in phone.events() if isinstance(event, SessionHealed)] == [PEER_PHONE]
    phone.accept(link_no, 3)
    phone.tick(link_no, 1, 1)
    phone.send("next")
    assert envelopes(phone.submits()[0])[PEER[1]][0] == INITIAL, "the tick was of the session before"


def test_two_that_begin_at_the_same_time_have_healed_nothing() -> None:
    phone, link_no = met()
    phone.say(link_no, phone.deliver(text(1), 1))
    assert phone.texts() == ["text 1"]
    assert not [event for event in phone.events() if isinstance(event, SessionHealed)]


def test_a_peer_that_has_lost_its_sessions_begins_a_new_one_and_that_is_told() -> None:
    phone, link_no = met()
    phone.tick(link_no, 1, 1)
    bundle = PrekeyBundle(msgspec.msgpack.decode(phone.signed, type=SignedBundle), None, None)
    later_ms, peer = WALL_MS + 10_000_000, phone.peer
    peer.sessions = sessions.start(
        *(sessions.PeerSessions(), peer.keys, phone.engine.public_keys(), bundle, later_ms, peer.dice.randbytes)
    )
    phone.say(link_no, phone.deliver(text(1), 1))
    assert phone.texts() == ["text 1"]
    assert len([event for event in phone.events() if isinstance(event, SessionHealed)]) == 1
    phone.send("in the new session")
    opened = phone.opened(phone.submits()[-1])
    assert isinstance(opened, content.Text)
    assert opened.text == "in the new session"


def test_nothing_is_asked_again_of_a_contact_with_another_key_before_the_user_has_decided() -> None:
    phone, link_no = met()
    phone.give(SetTrust(PEER_PHONE, phone.peer.account_key.public, verified=True))
    new = PeerDevice(24, account_seed=b"b" * 32)
    phone.peers[24] = new
    phone.say(link_no, phone.deliver(content.Again((1,)), 1, device=24, flags=FLAG_SILENT))
    phone.answer(link_no, AccountInfo(PEER[0], PEER_PHONE, certificates.to_bytes(device_list(new))))
    assert not phone.submits(), "it was said to the old key"
