"""The line about the network says what is so, and nothing while all is well."""

import pytest

from onebar.models import LinkStatus, Reach
from onebar_app.view_models.banner import PATIENCE_MS, Banner, banner
from onebar_app.words import Words

NOW_MS = 1_790_000_000_000
EN = Words("en")


@pytest.mark.parametrize("state", [Reach.OPEN, Reach.SLEEPING, Reach.ELSEWHERE, Reach.UNREGISTERED])
def test_nothing_is_said_while_all_is_well(state: Reach) -> None:
    assert banner(LinkStatus(state, NOW_MS), NOW_MS, EN) is None


def test_it_counts_down_to_the_next_try() -> None:
    link = LinkStatus(Reach.WAITING, NOW_MS, next_try_ms=NOW_MS + 11_001)
    assert banner(link, NOW_MS, EN) == Banner("Waiting for network · next try in 12 s", "Try now")
    no_try = LinkStatus(Reach.WAITING, NOW_MS)
    assert banner(no_try, NOW_MS, EN) is None  # an app that has just started does not complain
    assert banner(no_try, NOW_MS + PATIENCE_MS, EN) == Banner("Waiting for network", "Try now")


def test_a_quick_connection_is_not_mentioned() -> None:
    link = LinkStatus(Reach.CONNECTING, NOW_MS)
    assert banner(link, NOW_MS + PATIENCE_MS - 1, EN) is None
    assert banner(link, NOW_MS + PATIENCE_MS, EN) == Banner("Connecting…")


def test_login_pages_and_lost_devices_are_told() -> None:
    assert banner(LinkStatus(Reach.WAITING, portal=True), NOW_MS, EN) == Banner(EN("net_portal"), "Try now")
    assert banner(LinkStatus(Reach.REMOVED), NOW_MS, EN) == Banner(EN("net_removed"))
    assert banner(LinkStatus(Reach.UNKNOWN), NOW_MS, EN) == Banner(EN("net_unknown"), "Try now")
