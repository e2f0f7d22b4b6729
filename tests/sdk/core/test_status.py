"""What an app can say about the connection at any time."""

import logging

import pytest

from onebar.core.frames import Pong, Refused
from onebar.core.questions import Publish
from onebar.core.turn import LinkConnected, LinkLost
from onebar.models import Reach
from tests.sdk.core.scripted import WALL_MS, Scripted, text


def test_the_status_follows_the_device_from_registration_to_removal() -> None:
    phone = Scripted()
    phone.give()
    seen = [phone.engine.link.state]
    link_no = phone.register().link_no
    seen.append(phone.engine.link.state)
    phone.welcome(link_no)
    seen.append(phone.engine.link.state)
    phone.give(LinkLost(link_no, "the tunnel"))
    seen.append(phone.engine.link.state)
    assert seen == [Reach.UNREGISTERED, Reach.CONNECTING, Reach.OPEN, Reach.WAITING]
    phone.wait(60)
    link_no = phone.dials[0].link_no
    phone.give(LinkConnected(link_no))
    phone.say(link_no, Refused("device_removed"))
    assert phone.engine.link.state is Reach.REMOVED


def test_while_it_waits_it_says_why_and_when_the_next_try_comes() -> None:
    phone = Scripted()
    link_no = phone.register().link_no
    phone.give(LinkLost(link_no, "no route to host"))
    link = phone.engine.link
    assert (link.state, link.reason) == (Reach.WAITING, "no route to host")
    assert link.next_try_ms is not None
    assert phone.turn.timer_s is not None
    assert link.next_try_ms == WALL_MS + round(phone.turn.timer_s * 1000)
    phone.wait(60)
    assert phone.engine.link.next_try_ms is None


def test_since_stays_while_the_state_does() -> None:
    phone = Scripted()
    link_no = phone.open()
    since_ms = phone.engine.link.since_ms
    phone.wait(5)
    phone.send("hello")
    assert (phone.engine.link.state, phone.engine.link.since_ms) == (Reach.OPEN, since_ms)
    phone.give(LinkLost(link_no, "cut"))
    assert phone.engine.link.since_ms == since_ms + 5000


def test_the_round_trip_is_measured_by_answers_and_smoothed() -> None:
    phone = Scripted()
    link_no = phone.register().link_no
    phone.give(LinkConnected(link_no))
    phone.now_s += 0.4
    phone.silent = {Publish}
    phone.welcome_again(link_no)
    assert phone.engine.link.round_trip_ms is None, "a dial takes several"
    phone.silent, phone.now_s = set(), phone.now_s + 0.4
    phone.give_bundles()  # what it published is answered now
    assert phone.engine.link.round_trip_ms == pytest.approx(400)
    phone.wait(phone.config.keepalive_s)
    phone.now_s += 0.8
    phone.say(link_no, Pong(1))
    assert phone.engine.link.round_trip_ms == pytest.approx(450)


def test_the_log_names_frames_and_never_what_they_carry(caplog: pytest.LogCaptureFixture) -> None:
    phone = Scripted()
    with caplog.at_level(logging.DEBUG, logger="onebar"):
        link_no = phone.open()
        phone.send("words that nobody may read in a log")
        phone.answer(link_no)
        phone.accept(link_no, 1)
        phone.say(link_no, phone.deliver(text(1, "nor these words"), 1))
    lines = [record.getMessage() for record in caplog.records]
    for line in ("= link 1 is open (Welcome)", "> link 1: Submit out_no=1", "< link 1: Accepted mark=1",
                 "< link 1: Deliver out_no=1", "> link 1: Ack cursor=1"):  # fmt: skip
        assert line in lines
    assert not [line for line in lines if "words" in line or "+1202" in line]
