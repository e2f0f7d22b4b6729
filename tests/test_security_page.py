"""The page's table of contexts is the code's, and no context can stand for another."""

import re
from itertools import permutations
from pathlib import Path

from onebar.crypto.padding import BUCKETS
from onebar.store.vault import PASSPHRASE_MEMORY_BYTES, PASSPHRASE_PASSES

ROOT = Path(__file__).resolve().parent.parent
CRYPTO = sorted((ROOT / "sdk" / "onebar").glob("c*/*.py"))  # core and crypto: keys are used nowhere else
PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")
CONTEXT = re.compile(r'= b"(onebar [^"\\]*)\\0"$', re.MULTILINE)
CONTEXTS = [context for path in CRYPTO for context in CONTEXT.findall(path.read_text("utf-8"))]


def test_the_table_names_every_context_of_the_code_and_no_other() -> None:
    assert sorted(CONTEXTS) == sorted(re.findall(r"^\| `(onebar [^`]+)` \|", PAGE, re.MULTILINE))
    assert CONTEXTS


def test_every_context_is_found() -> None:
    """None is hidden in an expression, or without the zero byte at its end."""
    assert sum(path.read_text("utf-8").count('b"onebar ') for path in CRYPTO) == len(CONTEXTS)


def test_no_context_begins_another() -> None:
    assert len(set(CONTEXTS)) == len(CONTEXTS)
    assert not [pair for pair in permutations(CONTEXTS, 2) if pair[0].startswith(pair[1])]


def test_lengths_on_the_page_are_the_codes() -> None:
    first, last = ", ".join(str(bucket) for bucket in BUCKETS[:5]), f"{BUCKETS[-1]:,}"
    assert f"one of {len(BUCKETS)} lengths ({first}, … {last} bytes" in PAGE
    assert f"Argon2id, {PASSPHRASE_MEMORY_BYTES >> 20} MiB, {PASSPHRASE_PASSES} passes" in PAGE
