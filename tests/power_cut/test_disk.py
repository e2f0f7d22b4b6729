"""The disk keeps what was synced, whatever it does with the rest."""

import random

from tests.power_cut.disk import SECTOR_BYTES, Disk
from tests.power_cut.trace import Create, Sync, Truncate, Unlink, Write


def test_what_was_synced_is_there_and_the_rest_may_be() -> None:
    disk = Disk({"one": b"abcdef"})
    disk.take(Write("one", 0, b"X"))
    assert disk.pending("one")
    disk.take(Sync("one"))
    assert not disk.pending("one")
    disk.take(Write("one", 8, b"Y"))
    disk.take(Truncate("one", 3))
    assert disk.kept() == {"one": b"Xbc"}
    assert disk.dropped() == {"one": b"Xbcdef"}
    dice = random.Random(1)
    found = {disk.sampled(dice)["one"] for _ in range(200)}
    assert found == {b"Xbcdef", b"Xbc", b"Xbcdef\0\0", b"Xbcdef\0\0Y"}


def test_a_write_is_torn_between_sectors() -> None:
    disk = Disk({"one": b""})
    disk.take(Write("one", 0, bytes([1]) * 3 * SECTOR_BYTES))
    dice = random.Random(1)
    assert {len(disk.sampled(dice)["one"]) for _ in range(200)} == {0, 512, 1024, 1536}


def test_names_survive_in_their_order_and_surely_after_the_folder_was_synced() -> None:
    disk = Disk({"old": b"o"})
    disk.take(Create("one"))
    disk.take(Write("one", 0, b"1"))
    disk.take(Sync("one"))
    disk.take(Unlink("old"))
    assert disk.kept() == {"one": b"1"}
    assert disk.dropped() == {"old": b"o"}, "the name was not synced"
    dice = random.Random(1)
    found = {tuple(sorted(disk.sampled(dice))) for _ in range(100)}
    assert found == {("old",), ("old", "one"), ("one",)}
    disk.take(Sync("."))
    assert disk.dropped() == {"one": b"1"}
