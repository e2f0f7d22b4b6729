"""The frozen sessions with other implementations, done again by the ratchet of today."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from onebar.crypto.safety_numbers import safety_number
from onebar.crypto.values import KEY_BYTES
from onebar.errors import SafetyNumberMismatchError
from tests.interop.transcripts import VECTORS, Divergence, replay

SESSIONS = sorted(path for path in VECTORS.glob("*.json") if path.stem != "safety_numbers")
SAFETY_NUMBERS: list[dict[str, str]] = json.loads((VECTORS / "safety_numbers.json").read_text())["numbers"]


def loaded(path: Path) -> dict[str, Any]:
    known: dict[str, Any] = json.loads(path.read_text())
    return known


def test_there_is_a_session_with_each_implementation_for_each_side_that_begins() -> None:
    assert {path.stem for path in SESSIONS} == {
        f"{who}_{begins}"
        for who in ("doubleratchet", "vodozemac", "libsignal")
        for begins in ("we_begin", "they_begin")
    }


@pytest.mark.parametrize("path", SESSIONS, ids=lambda path: path.stem)
def test_a_frozen_session_comes_out_the_same(path: Path) -> None:
    transcript = loaded(path)
    kinds = [step["step"] for step in transcript["steps"]]
    assert replay(transcript) == len(kinds) - kinds.count("refuse")
    # Each of them has all that can happen, or it would prove less than it seems to.
    assert min(kinds.count("seal"), kinds.count("open")) >= 10
    assert kinds.count("refuse") >= 3
    assert sum(len(bytes.fromhex(drawn)) == KEY_BYTES for drawn in transcript["entropy"]) >= 5  # the rest are salts


@pytest.mark.parametrize("path", SESSIONS, ids=lambda path: path.stem)
@pytest.mark.parametrize("kind", ["seal", "open"])
@pytest.mark.parametrize("field", ["sealed", "plain", "associated_data"])
def test_a_session_with_one_bit_changed_does_not(path: Path, kind: str, field: str) -> None:
    transcript = loaded(path)
    if transcript["suite"] == "Olm v1" and field == "associated_data":
        field = "sealed"  # Olm has none
    step = next(one for one in transcript["steps"] if one["step"] == kind and one[field])
    step[field] = step[field][:-1] + f"{int(step[field][-1], 16) ^ 1:x}"
    with pytest.raises(Divergence):
        replay(transcript)


@pytest.mark.parametrize("path", SESSIONS, ids=lambda path: path.stem)
def test_a_session_that_draws_more_or_less_than_it_did_is_another_one(path: Path) -> None:
    transcript = loaded(path)
    for entropy in (transcript["entropy"][:-1], [*transcript["entropy"], "00" * 32]):
        changed = copy.deepcopy(transcript)
        changed["entropy"] = entropy
        with pytest.raises(Divergence):
            replay(changed)


def test_a_step_that_had_been_refused_and_opens_now_is_found() -> None:
    transcript = loaded(SESSIONS[0])
    opened = next(step for step in transcript["steps"] if step["step"] == "open")
    opened["step"] = "refuse"
    del opened["plain"]
    with pytest.raises(Divergence, match="was refuse, and is now open"):
        replay(transcript)


@pytest.mark.parametrize("known", SAFETY_NUMBERS, ids=lambda known: known["digits"][:10])
def test_a_safety_number_is_libsignals_and_its_code_scans(known: dict[str, str]) -> None:
    people = [bytes.fromhex(known[name]) for name in ("own_id", "own_key", "other_id", "other_key")]
    number = safety_number(*people)
    assert number.digits == known["digits"]
    number.compare(bytes.fromhex(known["scanned"]))
    with pytest.raises(SafetyNumberMismatchError):
        safety_number(people[0], people[1], people[2], people[1]).compare(bytes.fromhex(known["scanned"]))
