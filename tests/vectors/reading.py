"""Reads the files of Project Wycheproof (where present) and of the package `cryptography-vectors` (always)."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import cryptography_vectors
import pytest

WYCHEPROOF: Final = Path(__file__).resolve().parents[3] / "shared" / "vectors"
"""Project Wycheproof, `testvectors_v1/`, beside the checkout."""

Vector = dict[str, Any]


def wycheproof(name: str, tests: int) -> list[Vector]:
    """Return the tests of a file with their groups' fields, in hex; skips, by name, where the file is missing."""
    path = WYCHEPROOF / name
    if not path.exists():
        pytest.skip(f"Wycheproof's {name} is not beside this checkout")
    groups = json.loads(path.read_text("utf-8"))["testGroups"]
    found = [{**group, **test} for group in groups for test in group["tests"]]
    assert len(found) == tests
    return found


def records(name: str, begins_with: str) -> Iterator[dict[str, str]]:
    """Yield the records of `NAME = value` lines of a published file; each begins with the field named."""
    record: dict[str, str] = {}
    with cryptography_vectors.open_vector_file(name, "r") as file:
        for line in file:
            name, equals, value = line.partition("=")
            field = name.strip().lower()
            if not equals or line.startswith("#"):
                continue
            if field == begins_with and record:
                yield record
                record = {}
            record[field] = value.strip()
    yield record


def value(text: str) -> bytes:
    """Return what a value says: hex, or text in quotes."""
    return text[1:-1].encode() if text.startswith('"') else bytes.fromhex(text)


def giving(seed: bytes) -> Callable[[int], bytes]:
    """Return an entropy that gives this."""
    return lambda size: seed[:size]
