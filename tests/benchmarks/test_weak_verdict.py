import math

from benchmarks.weak.held import Held
from benchmarks.weak.ledger import Ledger, Outage
from benchmarks.weak.verdict import Row, as_good, bytes_ratio, cases_of, is_first, row_of


def row(peer: str, p95_s: float, recovery_s: float = math.nan, case: str = "edge", total_bytes: int = 100) -> Row:
    return Row(case, peer, 10, 0, 0, 0, 0.1, p95_s, p95_s, recovery_s, total_bytes // 2, total_bytes // 2, 0)


def test_a_conversation_is_summed_up() -> None:
    ledger = Ledger()
    for number in range(1, 5):
        ledger.note_sent((0, number), 0.0)
        ledger.note_came(0, f"{number} hello", number / 10)
    found = row_of([Held("onebar", "tunnel", ledger, (Outage(0.0, 0.15),), 300, 100, 2)])
    assert (found.sent, found.lost, found.p50_s, found.p95_s, found.dials) == (4, 0, 0.2, 0.4, 2)
    assert found.recovery_s == 0.25
    assert found.text_bytes == 100


def test_the_rounds_of_a_network_are_one_row() -> None:
    lost, late = Ledger(), Ledger()
    lost.note_sent((0, 1), 0.0)
    late.note_sent((0, 1), 0.0)
    late.note_came(0, "1 hello", 3.0)
    found = row_of([Held("mqtt", "edge", lost, (), 10, 20, 1), Held("mqtt", "edge", late, (), 30, 40, 2)])
    assert (found.sent, found.lost, found.p50_s, found.p95_s) == (2, 1, 3.0, math.inf)
    assert (found.up_bytes, found.down_bytes, found.dials) == (40, 60, 3)


def test_a_peer_that_never_connected_has_the_worst_figures() -> None:
    found = row_of([Held("xmpp", "edge", Ledger(), failure="not connected")])
    assert found.p95_s == math.inf
    assert found.sent == 0


def test_who_is_a_little_slower_is_as_good() -> None:
    assert as_good(1.04, 1.0)
    assert not as_good(1.06, 1.0)
    assert as_good(0.119, 0.1)
    assert as_good(math.nan, 1.0)


def test_first_is_who_is_first_by_both_times() -> None:
    rows = [row("onebar", 1.0, 3.0), row("xmpp", 1.02, 2.0), row("mqtt", 2.0, 1.99)]
    assert is_first(rows, "xmpp", "edge")
    assert not is_first(rows, "onebar", "edge")
    assert not is_first(rows, "mqtt", "edge")


def test_who_lost_a_text_is_not_first() -> None:
    rows = [row("onebar", math.inf, math.inf), row("xmpp", 9.0, 9.0)]
    assert not is_first(rows, "onebar", "edge")


def test_bytes_are_compared_with_the_thriftiest_other_peer() -> None:
    rows = [row("onebar", 1, total_bytes=300), row("xmpp", 1, total_bytes=200), row("mqtt", 1, total_bytes=600)]
    assert bytes_ratio(rows, "onebar") == 1.5
    assert bytes_ratio(rows[:1], "onebar") == 0


def test_the_networks_keep_their_order() -> None:
    assert cases_of([row("a", 1, case="tunnel"), row("b", 1, case="edge"), row("b", 1, case="tunnel")]) == [
        "tunnel",
        "edge",
    ]


def test_photos_count_beside_the_texts() -> None:
    photos = Ledger()
    for number in (1, 2):
        photos.note_sent((0, number), 0.0)
    photos.note_came(0, "1 photo", 4.0)
    found = row_of([Held("mqtt", "edge", Ledger(), photos=photos)])
    assert (found.photos, found.photos_lost, found.photo_p50_s, found.photo_p95_s) == (2, 1, 4.0, math.inf)
    assert math.isnan(row("mqtt", 1.0).photo_p95_s)
