"""Phones that misbehave."""

import gevent
import pytest

from onebar_loadtest.process import PhonesProcess
from onebar_loadtest.rogues import DeafUser, FloodingUser, ReconnectingUser, StrangerUser, rogue_classes
from onebar_loadtest.users import PhoneUser
from tests.loadtest.hub import phones_of, served, until, user


def test_kinds_have_their_counts() -> None:
    assert rogue_classes("") == []
    assert rogue_classes("3 flooding, 2 deaf") == [FloodingUser, DeafUser]
    assert (FloodingUser.fixed_count, DeafUser.fixed_count) == (3, 2)


@pytest.mark.parametrize("text", ["flooding", "3 polite", "three flooding"])
def test_a_wrong_kind_lists_those_there_are(text: str) -> None:
    with pytest.raises(ValueError, match="flooding, reconnecting, deaf, strangers"):
        rogue_classes(text)


def test_rogues_of_every_kind_misbehave_and_honest_phones_do_not_notice() -> None:
    with served() as server:
        _misbehave(phones_of(server))


def _misbehave(process: PhonesProcess) -> None:
    fleet = process.fleet
    users = [gevent.spawn(user(PhoneUser, process).session) for _ in range(2)]
    users += [gevent.spawn(user(kind, process).session) for kind in (FloodingUser, ReconnectingUser, DeafUser)]
    until(lambda: sum(phone.links > 0 for phone in fleet.phones) >= 2)
    users.append(gevent.spawn(user(StrangerUser, process).session))
    process.bridge.call(fleet.measure)
    until(lambda: fleet.ledger.tally.delivered > 2)
    process.stopping = True
    gevent.killall(users)
    tally = process.settle().tally()
    process.close()
    assert tally.right
    assert tally.delivered == tally.sent
