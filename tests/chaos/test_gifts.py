import json
from pathlib import Path

import pytest

from tests.chaos.gifts import Gifts, make_gifts


@pytest.fixture
def gifts(tmp_path: Path) -> Gifts:
    return Gifts(tmp_path / "files.jsonl")


def test_what_is_sent_is_written_down_first_and_told_until_it_is_stored(gifts: Gifts, tmp_path: Path) -> None:
    first = gifts.log("alice", "bob", "photo", tmp_path)
    gifts.log("bob", "alice", "voice", tmp_path)
    assert [json.loads(line)["kind"] for line in (tmp_path / "files.jsonl").read_text().splitlines()] == [
        "photo", "voice",
    ]  # fmt: skip
    assert gifts.untold("alice") == [first]
    gifts.stored(first.key, "aa")
    gifts.stored(first.key, "bb")
    assert first.sha256 == "aa"
    assert not gifts.untold("alice")


def test_what_is_missing_twice_or_nobodys_is_found(gifts: Gifts, tmp_path: Path) -> None:
    first = gifts.log("alice", "bob", "photo", tmp_path)
    gifts.stored(first.key, "aa")
    assert not gifts.settled()
    assert "not arrived at bob" in gifts.problems()[0]
    gifts.arrived("bob", 1, "aa")
    gifts.arrived("bob", 1, "aa")
    assert gifts.settled()
    assert not gifts.problems()
    gifts.arrived("bob", 2, "aa")
    assert gifts.problems() == ["bob has a file that nobody sent"]
    gifts.arrived("alice", 1, "cc")
    assert len(gifts.problems()) == 2


def test_photos_and_a_sound_are_made(tmp_path: Path) -> None:
    made = make_gifts(tmp_path / "gifts")
    assert [kind for kind, _ in made][:3] == ["photo"] * 3
    assert all(path.stat().st_size > 1000 for _, path in made)
