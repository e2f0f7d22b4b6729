"""One-time prekeys are handed out once, whatever their owner repeats; what is left is counted."""

import pytest

from onebar.core.frames import Stock
from onebar.core.questions import Bundle, FindBundle, Publish
from onebar_mockserver.limits import ONE_TIME_MAX
from onebar_mockserver.ports import Registered
from onebar_mockserver.sqlite import prekeys
from tests.mockserver.signer import Signer
from tests.mockserver.sqlite.setting import Setting, keys

TWO_OF_EACH = Publish(
    signed=b"bundle", bundle_ms=5, one_time=((8, b"x8"), (7, b"x7")), one_time_kem=((9, b"k9"), (10, b"k10"))
)


@pytest.fixture
def alice(setting: Setting) -> Registered:
    return setting.register("+491", 1)


@pytest.fixture
def bob(setting: Setting) -> Registered:
    return setting.register("+492", 2)


def many(first: int, count: int) -> tuple[tuple[int, bytes], ...]:
    return tuple((no, b"%d" % no) for no in range(first, first + count))


def fill(setting: Setting, device: Registered) -> None:
    for first in range(0, ONE_TIME_MAX, 100):
        setting.publish(device, Publish(one_time=many(first, 100), one_time_kem=many(first, 100)))


def test_each_is_handed_out_once_and_the_lowest_number_first(
    setting: Setting, alice: Registered, bob: Registered
) -> None:
    assert setting.publish(bob, TWO_OF_EACH) == Stock(0, 5, 2, 2)
    assert setting.bundle(alice, bob) == Bundle(b"bundle", b"x7", b"k9")
    assert setting.publish(bob, Publish()) == Stock(0, 5, 1, 1)
    assert setting.bundle(alice, bob) == Bundle(b"bundle", b"x8", b"k10")
    assert setting.bundle(alice, bob) == Bundle(b"bundle"), "none is left"


def test_a_kind_may_run_out_before_the_other(setting: Setting, alice: Registered, bob: Registered) -> None:
    setting.publish(bob, Publish(signed=b"bundle", bundle_ms=1, one_time_kem=((1, b"k"),)))
    assert setting.bundle(alice, bob) == Bundle(b"bundle", b"", b"k")


def test_an_answer_that_was_not_committed_hands_nothing_out(
    setting: Setting, alice: Registered, bob: Registered
) -> None:
    setting.publish(bob, TWO_OF_EACH)
    setting.ask(alice, FindBundle(bob.account, bob.device), crash=True)
    assert setting.bundle(alice, bob).one_time == b"x7"


@pytest.mark.parametrize("anew", [False, True])
def test_what_was_handed_out_does_not_come_back_when_its_owner_repeats_itself(
    setting: Setting, alice: Registered, bob: Registered, anew: bool
) -> None:
    setting.publish(bob, TWO_OF_EACH)
    setting.bundle(alice, bob)
    again = Publish(one_time=TWO_OF_EACH.one_time, one_time_kem=TWO_OF_EACH.one_time_kem, anew=anew)
    assert setting.publish(bob, again) == Stock(0, 5, 1, 1)
    assert setting.bundle(alice, bob).one_time == b"x8"


def test_a_number_that_is_there_keeps_its_prekey(setting: Setting, alice: Registered, bob: Registered) -> None:
    setting.publish(bob, TWO_OF_EACH)
    assert setting.publish(bob, Publish(one_time=((7, b"other"), (11, b"x11"), (11, b"other")))) == Stock(0, 5, 3, 2)
    assert [setting.bundle(alice, bob).one_time for _ in range(3)] == [b"x7", b"x8", b"x11"]


def test_prekeys_are_of_one_device(setting: Setting, alice: Registered, bob: Registered) -> None:
    setting.publish(bob, TWO_OF_EACH)
    assert setting.publish(alice, Publish()) == Stock()


def test_a_device_keeps_so_many_and_no_more(setting: Setting, bob: Registered) -> None:
    fill(setting, bob)
    full = Stock(0, 0, ONE_TIME_MAX, ONE_TIME_MAX)
    assert setting.publish(bob, Publish(one_time=many(0, 100))) == full, "what is there already is none more"
    for more in (Publish(one_time=((999, b"x"),)), Publish(one_time_kem=((999, b"x"),))):
        assert setting.ask(bob, more).error == "too_many"
    assert setting.publish(bob, Publish()) == full


def test_too_many_change_nothing_else_either(setting: Setting, bob: Registered) -> None:
    fill(setting, bob)
    signed = Signer(bob.account).sign({bob.device: keys(2)})
    everything = Publish(
        devices=signed, signed=b"new", bundle_ms=9, one_time=((998, b"x"),), one_time_kem=((999, b"x"),)
    )
    assert setting.ask(bob, everything).error == "too_many"
    assert setting.publish(bob, Publish()) == Stock(0, 0, ONE_TIME_MAX, ONE_TIME_MAX)
    assert setting.info(bob).devices == b""


def test_all_can_be_withdrawn_for_new_ones(setting: Setting, alice: Registered, bob: Registered) -> None:
    fill(setting, bob)
    new = Publish(signed=b"new", bundle_ms=1, one_time=((300, b"x300"),), anew=True)
    assert setting.publish(bob, new) == Stock(0, 1, 1, 0)
    assert setting.bundle(alice, bob) == Bundle(b"new", b"x300")


def test_only_a_newer_bundle_is_stored_unless_all_begins_anew(
    setting: Setting, alice: Registered, bob: Registered
) -> None:
    def told(signed: bytes, made_ms: int, *, anew: bool = False) -> tuple[int, bytes]:
        stock = setting.publish(bob, Publish(signed=signed, bundle_ms=made_ms, anew=anew))
        return stock.bundle_ms, setting.bundle(alice, bob).signed

    assert told(b"first", 5) == (5, b"first")
    assert told(b"as old", 5) == (5, b"first")
    assert told(b"older", 4) == (5, b"first")
    assert told(b"newer", 6) == (6, b"newer")
    assert told(b"anew", 2, anew=True) == (2, b"anew")


def test_the_welcome_tells_the_stock(setting: Setting, bob: Registered) -> None:
    setting.publish(bob, TWO_OF_EACH)
    setting.publish(bob, Publish(devices=Signer(bob.account).sign({bob.device: keys(2)})))
    assert setting.attached(bob.device).stock == Stock(1, 5, 2, 2)


def test_counting_a_stock_reads_no_prekey(setting: Setting) -> None:
    plan = setting.connection.execute("EXPLAIN QUERY PLAN " + prekeys._STOCK, (1, 1)).fetchall()
    counts = [detail for *_, detail in plan if "prekeys" in detail]
    assert len(counts) == 2
    assert all("USING COVERING INDEX" in detail for detail in counts), plan


@pytest.mark.parametrize("how", ["register", "replace"])
def test_a_removed_device_leaves_nothing_for_others(setting: Setting, bob: Registered, how: str) -> None:
    setting.publish(bob, TWO_OF_EACH)
    setting.bundle(bob, bob)
    if how == "register":
        setting.register("+492", 3)
    else:
        setting.replace(bob, 3)
    for table in ("bundles", "prekeys", "handed_out"):
        assert setting.connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
