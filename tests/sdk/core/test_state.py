"""The cache of one device: copies are apart, a lost link is dialed again in time, secrets do not show."""

import hashlib

import pytest

from onebar.config import Config
from onebar.core.link import Link
from onebar.core.link_states import LinkState, LinkTrigger
from onebar.core.records import Status
from onebar.core.state import CLOCKS_APART_MS_MAX, DeviceState, new_device
from onebar.core.turn import Hang, Instant
from onebar.events import DeviceReplaced
from onebar.store import SqliteStore


@pytest.fixture
def state(store: SqliteStore, config: Config, link: Link) -> DeviceState:
    def full(size: int) -> bytes:
        return b"\xff" * size

    state = DeviceState(store, full, config, new_device(full), config.window, now=Instant(1000.0, 5_000))
    state.links = {1: link}
    return state


@pytest.mark.parametrize("lost", [LinkState.DIALING, LinkState.GREETING])
def test_a_dial_that_failed_is_tried_again_later_and_later(state: DeviceState, link: Link, lost: LinkState) -> None:
    pauses = []
    for _ in range(9):
        link.state, state.links = lost, {1: link}
        state.drop(link)
        pauses.append(state.dial_at_s - state.now.monotonic_s)
    assert pauses == sorted(pauses)
    assert state.failures == 9
    assert pauses[-1] <= state.config.backoff_s_max


def test_a_link_that_was_open_is_dialed_again_at_once_or_nearly(state: DeviceState, link: Link) -> None:
    state.failures, link.state = 7, LinkState.OPEN
    state.drop(link)
    assert state.failures == 0
    assert state.dial_at_s - state.now.monotonic_s <= state.config.backoff_s_min
    assert state.outputs == [Hang(1)]


def test_a_drained_link_keeps_the_slot_that_the_server_gave(state: DeviceState, link: Link) -> None:
    link.state, state.dial_at_s = LinkState.DRAINING, 1234.0
    state.drop(link)
    assert state.dial_at_s == 1234.0
    assert link.state is LinkState.CLOSED


def test_a_link_lost_beside_a_living_one_dials_nothing(state: DeviceState, link: Link) -> None:
    state.links[2], link.state = Link(2, b"", 0, 0, 0, 0, 0.0), LinkState.OPEN
    state.drop(link)
    assert (state.dial_at_s, state.failures, list(state.links)) == (0.0, 0, [2])


def test_a_dial_that_fails_beside_a_living_link_delays_the_next_one(state: DeviceState, link: Link) -> None:
    state.links[2] = Link(2, b"", 0, 0, 0, 0, 0.0, state=LinkState.OPEN)
    state.drop(link)
    assert (state.failures, list(state.links)) == (1, [2])
    assert state.dial_at_s > state.now.monotonic_s


def test_a_dial_that_nobody_answers_is_followed_by_the_next_without_a_pause(state: DeviceState, link: Link) -> None:
    state.drop(link, LinkTrigger.TIMED_OUT)
    assert (state.dial_at_s, state.failures) == (state.now.monotonic_s, 0)


def test_dropping_a_link_twice_counts_one_failure(state: DeviceState, link: Link) -> None:
    state.drop(link)
    state.drop(link)
    assert (state.failures, state.outputs) == (1, [Hang(1)])


def test_dropping_all_hangs_each_up_once(state: DeviceState) -> None:
    state.links[2] = Link(2, b"", 0, 0, 0, 0, 0.0)
    state.drop_all()
    state.drop_all()
    assert state.outputs == [Hang(1), Hang(2)]


def test_a_copy_keeps_what_a_failed_turn_changed(state: DeviceState, link: Link) -> None:
    before = state.copy()
    state.change(cursor=9)
    state.drop(link)
    state.links[5] = Link(5, b"", 0, 0, 0, 0, 0.0)
    assert before.device.cursor == 0
    assert (list(before.links), before.outputs, before.failures) == ([1], [], 0)
    assert before.links[1] is not link


def test_what_poisons_a_turn_is_remembered_by_the_copy_that_takes_over(state: DeviceState) -> None:
    before = state.copy()
    state.poison.add(("entry", 7))
    assert before.poison == {("entry", 7)}


def test_only_welcomed_links_carry_mail(state: DeviceState) -> None:
    state.links = {no: Link(no, b"", 0, 0, 0, 0, 0.0, state=kind) for no, kind in enumerate(LinkState)}
    assert [link.state for link in state.open_links()] == [LinkState.OPEN]


def test_the_servers_clock_is_ours_and_the_difference(state: DeviceState) -> None:
    state.change(clock_offset_ms=-2_000)
    assert state.server_ms == 3_000


def test_an_event_is_a_row_and_news(state: DeviceState, store: SqliteStore) -> None:
    state.tell(DeviceReplaced)
    assert store.next_events("app", 9) == [DeviceReplaced(1)]
    assert state.news


def test_a_new_device_has_three_different_keys_from_entropy_and_no_place_yet() -> None:
    drawn: list[bytes] = []

    def entropy(size: int) -> bytes:
        drawn.append(hashlib.shake_128(bytes([len(drawn)])).digest(size))
        return drawn[-1]

    device = new_device(entropy)
    assert [device.account_seed, device.identity_seed, device.box_secret] == drawn
    assert [len(secret) for secret in drawn] == [32, 32, 32]
    assert device.status is Status.NEW
    assert device.account == device.device == device.out_no == device.cursor == device.connection_no == 0


def test_no_secret_shows(state: DeviceState) -> None:
    shown = f"{state!r} {state.device!r} {state.keys!r}"
    assert "255" not in shown
    assert "xff" not in shown
    assert "flight" not in shown


def test_the_servers_time_is_sure_only_while_both_clocks_of_the_phone_agree(state: DeviceState) -> None:
    assert state.sure_ms is None, "nothing is known before the first Welcome"
    state.clock = (90_000, 1000.0)
    state.change(clock_offset_ms=85_000)
    state.now = Instant(1060.0, 65_000)
    assert state.sure_ms == state.server_ms == 150_000
    state.now = Instant(1060.0, 65_000 + CLOCKS_APART_MS_MAX)  # the phone slept, and one of its clocks too
    assert state.sure_ms is None
    assert state.server_ms == 150_000
