"""A profile goes to those one writes to, behind the message, and the newest one counts whatever comes when."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onebar.core import content
from onebar.core.content import Profile
from onebar.core.frames import FLAG_SILENT, Note
from onebar.core.profiles import OWN
from onebar.core.turn import Poked, SetProfile, SetStanding
from onebar.errors import NotRegisteredError
from onebar.events import ProfileChanged
from onebar.models import Standing
from tests.sdk.core.scripted import MY_PHONE, PEER, PEER_PHONE, Scripted, text


def met() -> tuple[Scripted, int]:
    """A device whose first message to the peer was accepted."""
    phone = Scripted()
    link_no = phone.open()
    phone.meet_peer(link_no)
    phone.accept(link_no, 1)
    return phone, link_no


def told(phone: Scripted) -> list[content.Content | content.Unknown]:
    """The profiles that the last turn submitted."""
    opened = [phone.opened(submit) for submit in phone.submits() if submit.flags & FLAG_SILENT]
    return [one for one in opened if isinstance(one, Profile)]


def names(phone: Scripted) -> list[str]:
    return [event.chat for event in phone.events() if isinstance(event, ProfileChanged)]


def test_without_an_account_there_is_no_profile() -> None:
    phone = Scripted()
    (error,) = phone.give(SetProfile("Alice")).results
    assert isinstance(error, NotRegisteredError)


def test_a_change_is_told_once_to_whom_one_has_written() -> None:
    phone, link_no = met()
    assert phone.give(SetProfile("Alice", photo=b"p")).results == [None]
    (first,) = told(phone)
    assert isinstance(first, Profile)
    assert (first.name, first.about, first.photo) == ("Alice", "", b"p")
    phone.accept(link_no, phone.engine.device.out_no)
    phone.give(SetProfile("Alice"))
    assert not phone.submits(), "nothing has changed"
    phone.give(SetProfile(about="here"))
    (second,) = told(phone)
    assert isinstance(second, Profile)
    assert (second.name, second.about, second.photo) == ("Alice", "here", b"p")
    assert second.counter > first.counter
    assert names(phone) == [MY_PHONE, MY_PHONE]


def test_before_anything_was_said_nobody_is_told_and_then_it_goes_behind_the_message() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.give(SetProfile("Alice"))
    assert not phone.submits()
    phone.send("hello")
    phone.answer(link_no)
    kinds = [type(phone.opened(submit)) for submit in phone.submits()]
    assert kinds == [content.Text, Profile]
    phone.accept(link_no, 2)
    phone.send("once more")
    assert [type(phone.opened(submit)) for submit in phone.submits()] == [content.Text]


def test_what_the_server_rejects_goes_with_the_next_message() -> None:
    phone, link_no = met()
    phone.give(SetProfile("Alice"))
    assert told(phone)
    phone.accept(link_no, 2, Note(2, "mailbox_full"))
    phone.give(Poked())
    assert not phone.submits()
    phone.send("are you there?")
    assert [type(phone.opened(submit)) for submit in phone.submits()] == [content.Text, Profile]


def test_a_stranger_learns_who_we_are_when_the_request_is_accepted_and_not_before() -> None:
    phone = Scripted()
    link_no = phone.open()
    phone.give(SetProfile("Alice"))
    phone.say(link_no, phone.deliver(text(1), 1))
    phone.answer(link_no, phone.peer_info())
    assert phone.texts() == ["text 1"]
    assert not told(phone)
    phone.give(SetStanding(PEER_PHONE, Standing.ACCEPTED))
    (profile,) = told(phone)
    assert isinstance(profile, Profile)
    assert profile.name == "Alice"


def test_who_is_blocked_is_not_told_and_not_heard() -> None:
    phone, link_no = met()
    phone.give(SetStanding(PEER_PHONE, Standing.BLOCKED), SetProfile("Alice"))
    assert not told(phone)
    phone.say(link_no, phone.deliver(Profile(5, "Bob"), 1, flags=FLAG_SILENT))
    assert phone.store.profiles.of(PEER_PHONE) is None


@settings(max_examples=30)
@given(st.lists(st.sampled_from([Profile(1, "Bob"), Profile(3, "Bobby"), Profile(3, "Robert"), Profile(7, "R.")])))
def test_in_whatever_order_and_how_often_they_come_the_newest_one_is_kept(came: list[Profile]) -> None:
    phone, link_no = met()
    for out_no, profile in enumerate(came, 1):
        phone.say(link_no, phone.deliver(profile, out_no, flags=FLAG_SILENT))
    newest = max(came, key=lambda one: (one.counter, one.name.encode()), default=None)
    known = phone.store.profiles.get(PEER[0])
    if newest is None:
        assert known is None
    else:
        assert known is not None
        assert known.counter == newest.counter
        rivals = {one for one in came if one.counter == newest.counter}
        assert known in rivals
    assert len(names(phone)) <= len(set(came))


def test_two_devices_that_change_it_at_once_agree_in_the_end() -> None:
    ends = []
    for order in ((Profile(3, "Bobby"), Profile(3, "Robert")), (Profile(3, "Robert"), Profile(3, "Bobby"))):
        phone, link_no = met()
        for out_no, profile in enumerate(order, 1):
            phone.say(link_no, phone.deliver(profile, out_no, flags=FLAG_SILENT))
        ends.append(phone.store.profiles.get(PEER[0]))
    assert ends[0] == ends[1]


def test_a_wrong_clock_does_not_keep_our_own_profile_from_rising() -> None:
    phone, _ = met()
    with phone.store.transaction():
        phone.store.profiles.put(OWN, Profile(2**62, "Alice"))
    phone.give(SetProfile("Alicia"))
    known = phone.store.profiles.get(OWN)
    assert known == Profile(2**62 + 1, "Alicia")


@pytest.mark.parametrize(
    "profile", [Profile(1, "x" * 65), Profile(1, about="x" * 141), Profile(1, photo=bytes(10_241))]
)
def test_a_profile_beyond_its_limits_is_no_content(profile: Profile) -> None:
    phone, link_no = met()
    phone.say(link_no, phone.deliver(profile, 1, flags=FLAG_SILENT))
    assert phone.store.profiles.of(PEER_PHONE) is None
    assert not phone.store.inbox.quarantined()


def showing(*shows: str) -> Scripted:
    """A device whose app can show these."""
    phone = Scripted()
    phone.engine._state.config = replace(phone.engine._state.config, shows=shows)
    return phone


def test_what_a_device_can_show_is_told_behind_a_message_once_the_session_is_answered() -> None:
    phone = showing("image/avif")
    link_no = phone.open()
    phone.opened(phone.meet_peer(link_no))
    phone.accept(link_no, 1)
    assert not told(phone), "an initial header takes 1.2 kB"
    phone.tick(link_no, 1, 1)
    phone.send("and you?")
    assert told(phone) == [Profile(0, shows=("image/avif",))]
    phone.accept(link_no, phone.engine.device.out_no)
    phone.send("well?")
    assert not told(phone)
    phone.give(SetProfile("Alice"))
    (profile,) = told(phone)
    assert isinstance(profile, Profile)
    assert (profile.name, profile.shows) == ("Alice", ("image/avif",))


def test_what_a_peer_can_show_is_each_devices_own_and_the_latest_number_counts() -> None:
    phone, link_no = met()
    contacts = phone.store.contacts
    assert not contacts.all_show(PEER_PHONE, "image/avif")
    phone.say(link_no, phone.deliver(Profile(0, shows=("image/jxl", "image/avif")), 5, flags=FLAG_SILENT))
    assert contacts.all_show(PEER_PHONE, "image/avif")
    assert not contacts.all_show(PEER_PHONE, "image/av")
    assert phone.store.profiles.of(PEER_PHONE) is None
    assert not names(phone), "nobody has said anything of themselves"
    phone.say(link_no, phone.deliver(Profile(0), 3, flags=FLAG_SILENT))
    assert contacts.all_show(PEER_PHONE, "image/avif"), "an older word that came late"
    phone.say(link_no, phone.deliver(Profile(4, "Bob"), 6, flags=FLAG_SILENT))
    assert not contacts.all_show(PEER_PHONE, "image/avif"), "another app now"
    assert not contacts.all_show("+4915112345699", "image/avif")
