"""Links beside links: hedges, hints, keepalive and sleep, seen from the outside."""

from dataclasses import replace

import pytest

from onebar.core.dialing import LINKS_MAX
from onebar.core.frames import Accepted, Ack, CaughtUp, Ping, Pong
from onebar.core.link_states import LinkState
from onebar.core.turn import Attention, LinkLost, NetworkChanged
from onebar.models import Reach
from tests.sdk.core.scripted import Scripted, text


def talking() -> tuple[Scripted, int]:
    """Return a phone whose round trip is measured, 100 ms, and its link."""
    phone = Scripted()
    link_no = phone.open()
    phone.meet_peer(link_no)
    phone.accept(link_no, phone.engine.device.out_no)
    for _ in range(40):  # so that the first samples do not count any more
        phone.send("hello")
        phone.now_s += 0.1
        phone.accept(link_no, phone.engine.device.out_no)
    return phone, link_no


def resume(phone: Scripted, link_no: int) -> None:
    """Welcome a link with all verdicts that the phone knows."""
    phone.welcome(link_no, mark=phone.engine.device.floor, mark_hash=phone.engine.device.floor_hash)


def test_a_silent_link_is_hedged_after_a_second_and_not_given_up() -> None:
    phone, link_no = talking()
    phone.send("is anybody there?")
    phone.wait(0.9)
    assert not phone.dials
    phone.wait(0.2)
    (hedge,) = phone.dials
    assert not phone.hangs
    resume(phone, hedge.link_no)
    assert phone.hangs == [link_no], "the first link welcomed wins"


def test_an_answer_on_the_old_link_cancels_the_hedge_and_doubles_the_patience() -> None:
    phone, link_no = talking()
    for doubled_s in (1.0, 2.0, 4.0):
        phone.send("slow")
        phone.wait(doubled_s - 0.1)
        assert not phone.dials
        phone.wait(0.9)
        (hedge,) = phone.dials
        phone.say(link_no, Accepted(phone.engine.device.out_no))
        assert phone.hangs == [hedge.link_no]
        assert list(phone.engine.links) == [link_no]
        phone.engine._state.path = type(phone.engine._state.path)(0.1)


def test_mail_without_an_answer_cancels_nothing() -> None:
    phone, link_no = talking()
    phone.send("hello?")
    phone.wait(1.2)
    assert phone.dials
    phone.say(link_no, phone.deliver(text(1), 1))
    assert not phone.hangs


def test_a_hedge_that_fails_is_tried_again_with_pauses() -> None:
    phone, _ = talking()
    phone.send("hello?")
    dialed = 0
    for _ in range(250):
        phone.wait(0.1)
        for dial in phone.dials:
            dialed += 1
            phone.give(LinkLost(dial.link_no, "refused"))
    assert 3 <= dialed <= 15


def test_a_server_that_answers_nothing_but_welcomes_is_not_dialed_at_the_speed_of_the_link() -> None:
    phone, _ = talking()
    phone.send("hello?")
    dialed = 0
    for _ in range(600):
        phone.wait(0.1)
        for dial in phone.dials:
            dialed += 1
            resume(phone, dial.link_no)
    assert 3 <= dialed <= 20


def test_a_hint_dials_beside_and_an_answer_does_not_cancel_that() -> None:
    phone, link_no = talking()
    phone.send("hello")
    phone.give(NetworkChanged("wifi"))
    (dial,) = phone.dials
    phone.say(link_no, Accepted(phone.engine.device.out_no))
    assert not phone.hangs
    resume(phone, dial.link_no)
    assert phone.hangs == [link_no]


@pytest.mark.parametrize("network", ["", "wifi"])
def test_a_hint_takes_the_place_of_a_dial_that_began_in_the_tunnel(network: str) -> None:
    """TCP repeats its first packet after 1, 3, 7, 15 s: a dial that began without a signal sleeps when it is back."""
    phone, link_no = talking()
    phone.send("hello")
    while len(phone.engine.links) < LINKS_MAX:
        phone.wait(0.1)
    _, *silent = phone.engine.links
    phone.wait(1.5)
    assert list(phone.engine.links) == [link_no, *silent]
    phone.give(NetworkChanged(network))
    assert phone.hangs == silent[:1]
    (dial,) = phone.dials
    phone.wait(0.1)
    phone.give(NetworkChanged(network))
    assert not phone.dials, "what began a moment ago may be about to succeed"
    resume(phone, dial.link_no)
    assert sorted(phone.hangs) == [link_no, silent[1]]


def test_there_are_never_more_than_three_links_and_the_open_one_stays() -> None:
    phone, link_no = talking()
    for _ in range(5):
        phone.give(NetworkChanged())
    phone.send("hello?")
    for _ in range(90):
        phone.wait(0.1)
        assert len(phone.engine.links) <= LINKS_MAX
        assert phone.engine.links[link_no] is LinkState.OPEN


def test_a_welcome_that_is_older_than_a_verdict_on_the_old_link_is_no_restored_server() -> None:
    phone, link_no = talking()
    phone.send("one more")
    phone.wait(1.2)
    (hedge,) = phone.dials
    number = phone.engine.device.out_no
    hash_ = phone.engine.device.floor_hash
    phone.engine._state.links[link_no].hedges = None
    phone.engine._state.links[hedge.link_no].hedges = None  # so that the answer cancels nothing
    phone.say(link_no, Accepted(number))
    phone.welcome(hedge.link_no, mark=number - 1, mark_hash=hash_)
    assert phone.engine.device.floor == number
    assert not phone.submits()


def test_a_link_that_died_idle_teaches_how_long_the_network_waits() -> None:
    phone, link_no = talking()
    phone.give(NetworkChanged("wifi:home"))
    link_no = phone.dials[0].link_no
    resume(phone, link_no)
    phone.wait(30)
    phone.say(link_no, Pong(1))
    phone.wait(59)
    assert phone.frames == []
    phone.wait(1.1)
    assert phone.frames == [Ping(2)]
    phone.wait(8)
    (hedge,) = phone.dials
    resume(phone, hedge.link_no)
    phone.wait(29)
    assert phone.frames == []
    phone.wait(1.1)
    assert phone.frames == [Ping(1)], "60 s were too long"
    phone.give(NetworkChanged("wifi:work"))
    assert phone.engine._state.keepalive_s in {30, None}
    assert b"home" not in phone.engine.device.networks


def test_who_looks_at_the_app_has_the_link_looked_after_at_once() -> None:
    phone, link_no = talking()
    phone.wait(20)
    phone.give(Attention(foreground=True))
    assert phone.frames == [Ping(1)]
    phone.give(LinkLost(link_no, "cut"))
    assert not phone.dials
    phone.give(Attention(foreground=True))
    assert phone.dials


def test_in_the_background_a_phone_fetches_what_waits_and_sleeps() -> None:
    phone, link_no = talking()
    phone.send("last words")
    phone.give(Attention(foreground=False))
    phone.say(link_no, CaughtUp(0))
    phone.say(link_no, Pong(1))
    assert not phone.hangs, "its words have no verdict yet"
    phone.accept(link_no, phone.engine.device.out_no)
    assert phone.hangs == [link_no]
    assert phone.engine.link.state is Reach.SLEEPING
    phone.wait(3600)
    assert not phone.dials
    phone.send("one more")
    assert phone.dials, "it wakes to send"


def test_a_push_wakes_it_until_the_mail_is_acknowledged() -> None:
    phone, link_no = talking()
    phone.give(Attention(foreground=False))
    phone.say(link_no, Pong(1), CaughtUp(0))
    assert phone.engine.link.state is Reach.SLEEPING
    phone.give(Attention(foreground=False))
    (dial,) = phone.dials
    resume(phone, dial.link_no)
    phone.say(dial.link_no, phone.deliver(text(1), 1), CaughtUp(1))
    assert [type(frame) for frame in phone.frames] == [Ack]
    assert phone.hangs == [dial.link_no]


@pytest.mark.parametrize("offline", [True, False])
def test_without_a_network_nobody_hurries_and_a_new_one_is_tried_at_once(offline: bool) -> None:
    phone, link_no = talking()
    phone.give(LinkLost(link_no, "cut"))
    phone.give(NetworkChanged("", offline=offline))
    assert bool(phone.dials) == (not offline)
    if offline:
        phone.wait(29)
        assert not phone.dials
        phone.wait(1.1)
        assert phone.dials, "the hint may be wrong"


def test_in_a_conversation_a_quiet_link_is_soon_probed_and_then_less_and_less() -> None:
    phone, link_no = talking()
    phone.engine._state.config = replace(phone.config, attentive_s=(3.0, 6.0))
    phone.say(link_no, phone.deliver(text(1), 1))
    for number, idle_s in enumerate((3.0, 6.0, 30.0), 1):
        phone.wait(idle_s - 0.1)
        assert phone.frames == []
        phone.wait(0.2)
        assert phone.frames == [Ping(number)]
        phone.say(link_no, Pong(number))
    phone.say(link_no, phone.deliver(text(2), 2))
    phone.wait(3.1)
    assert phone.frames == [Ping(4)], "somebody writes again"
    phone.say(link_no, Pong(4))
    phone.give(Attention(foreground=False))
    phone.wait(7)
    assert phone.frames == [], "nobody looks"
