"""Faults: each has a sentence, a share and a deed, and each happens when it is asked for."""

import random
from collections import Counter

import pytest

from onebar_loadtest.workloads import Say
from tests.simulation import havoc, malice
from tests.simulation.faults import (
    AT_COMMIT,
    AT_DIAL,
    AT_MESSAGE,
    AT_WORK,
    SENTENCES,
    SERVER,
    SHARES,
    Fault,
    Kind,
    draw_schedule,
    in_order,
)
from tests.simulation.world import PEACE, Plan, World

BEGUN_S = 4.0
"""By then all have joined, and they talk for 6 s more."""

BURSTS = tuple(Say(at_s / 2, author, 1 - author, 9) for at_s in range(14) for author in (0, 1, 1, 1))
"""Two of three talk without a pause; three messages arrive together, so that a malicious server can exchange two."""

PLACES = [
    pytest.param(kind, party, amounts[-1], id=f"{kind.value} of {party}")
    for kind, share in SHARES.items()
    for party in [*([SERVER] if share.server else ()), *([1] if share.phones else ())]
    for amounts in share.amounts[-1:]
]


def test_each_kind_has_a_sentence_and_a_share() -> None:
    assert set(SENTENCES) == set(SHARES) == set(Kind)
    assert len(set(SENTENCES.values())) == len(Kind)


def test_each_kind_has_a_deed() -> None:
    waits = AT_COMMIT | AT_DIAL | AT_WORK | {Kind.CUT, Kind.HALF_OPEN}
    assert set(havoc._TO_PHONE) | set(havoc._TO_SERVER) | set(malice._DEEDS) | waits == set(Kind)
    assert set(malice._DEEDS) <= AT_MESSAGE
    for kind in set(havoc._TO_PHONE) | set(havoc._TO_SERVER):
        assert SHARES[kind].phones == (kind in havoc._TO_PHONE)
        assert SHARES[kind].server == (kind in havoc._TO_SERVER)


@pytest.mark.parametrize(("kind", "party", "amount"), PLACES)
def test_each_happens_when_it_is_asked_for_and_the_system_withstands_it(kind: Kind, party: int, amount: float) -> None:
    faults = [Fault(kind, party, BEGUN_S, amount)]
    if kind in AT_DIAL:
        faults.append(Fault(Kind.CUT, party, BEGUN_S + 0.5))
    world = World(Plan(1, 3, 8, PEACE, BURSTS, 7.0, tuple(faults)))
    world.run()
    assert world.fired_kinds[kind] == 1
    assert world.touched[kind] == {party}
    assert len(world.sayings) == len(BURSTS)


def test_over_many_seeds_every_kind_is_drawn_for_everyone_it_may_happen_to() -> None:
    drawn: Counter[tuple[Kind, bool]] = Counter()
    for seed in range(600):
        schedule = draw_schedule(random.Random(seed), 3, 10.0, 20.0)
        assert schedule == in_order(schedule)
        for fault in schedule:
            assert 10.0 <= fault.at_s <= 20.0
            assert any(low <= fault.amount <= high for low, high in SHARES[fault.kind].amounts)
            drawn[fault.kind, fault.party == SERVER] += 1
    wanted = {(kind, place) for kind, share in SHARES.items() for place in (False, True)
              if (share.server if place else share.phones)}  # fmt: skip
    assert set(drawn) == wanted


def test_most_seeds_see_some_kinds_only() -> None:
    kinds = [len({fault.kind for fault in draw_schedule(random.Random(seed), 2, 0, 9)}) for seed in range(200)]
    assert min(kinds) <= 1
    assert max(kinds) < len(Kind) / 2


def test_a_fault_says_what_it_is() -> None:
    assert " ".join(str(Fault(Kind.CUT, 2, 1.5, 0.25)).split()) == "cut phone 2 from 1.500 s amount 0.250"
    assert "server    at number 3" in str(Fault(Kind.CRASH_IN_COMMIT, SERVER, 0.0, nth=3))


def test_a_fault_that_lasts_ends_later() -> None:
    assert Fault(Kind.BLACKOUT, 1, 2.0, 3.0).ends_s == 5.0
    assert Fault(Kind.CLOCK_STEP, 1, 2.0, 3.0).ends_s == 2.0
