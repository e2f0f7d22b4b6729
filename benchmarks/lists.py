"""What screens ask of a database that has been used for years: lists of chats, pages of history, searches."""

import random
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Final

from benchmarks.report import Report
from onebar.core.records import Arrival, Contact
from onebar.models import MessageState
from onebar.store import SqliteStore, open_store

CHATS: Final = 5_000
"""Chats of the database: more than anybody scrolls through."""

MESSAGES: Final = 100_000
"""Messages of the database."""

LONG_CHAT: Final = 20_000
"""Messages of its longest chat."""

WORDS: Final = 20_000
"""Different words; how often each occurs falls with its rank (Zipf), as in any language."""

CHINESE_EVERY: Final = 10
"""Each so many messages are written in Chinese characters."""

BATCH: Final = 256
"""Messages that are stored in one commit: a turn's."""

QUERIES: Final = 500
"""Searches: the begins of words, one or two of them, short and long, common and rare, in one chat and in all."""

REPEATS: Final = 20
"""How often a list is read."""

LETTERS: Final = "etaoinshrdlucmfwypvbgk"
"""Of the words."""

ME: Final = 1
"""Our own account."""


def measure_lists(report: Report, folder: Path) -> None:
    """Fill a database and ask it what screens ask; times are a core's, for the query and the objects that it makes."""
    dice = random.Random(5)
    report.say(f"a database of {MESSAGES:,} messages in {CHATS:,} chats")
    with closing(open_store(folder / "lists.db")) as store:
        words, fill_s = fill(store, dice)
        note = f"{MESSAGES / fill_s:,.0f} messages a second stored and indexed, {BATCH} in a commit"
        report.say(note)
        searches = [timed_ms(query) for query in queries(store, words, dice)]
        chats = [timed_ms(store.chats) for _ in range(REPEATS)]
        places, some = range(MESSAGES, 0, -MESSAGES // REPEATS), range(0, CHATS, CHATS // REPEATS)
        pages = [timed_ms(partial(store.history, phone(0), 50, place)) for place in places]
        rows = [timed_ms(partial(store.chat, phone(no))) for no in some]
    report.add("search_p50_ms", "a search", statistics.median(searches), "ms", f"the newest 50 hits; {note}")
    report.add("search_p99_ms", "a search, p99", percentile(searches, 0.99), "ms", f"of {QUERIES}")
    report.add("chats_ms", f"the list of {CHATS:,} chats", statistics.median(chats), "ms", "with their newest messages")
    report.add("page_ms", f"50 messages of {LONG_CHAT:,}", statistics.median(pages), "ms", "anywhere in the chat")
    report.add("row_ms", "one row of the list", statistics.median(rows), "ms", "")


def fill(store: SqliteStore, dice: random.Random) -> tuple[list[str], float]:
    """Fill a database; return the words in it, the most frequent one first, and how long it took."""
    words = ["".join(dice.choices(LETTERS, k=dice.choice((1, 2, 3, 3, 4, 4, 5, 5, 6, 7, 8, 9)))) for _ in range(WORDS)]
    weights = list(accumulate(1 / rank for rank in range(1, WORDS + 1)))
    with store.transaction():
        for no in range(CHATS):
            store.contacts.put(Contact(ME + 1 + no, phone(no), b"key", b"list"))
    began_s = time.perf_counter()
    for first in range(0, MESSAGES, BATCH):
        with store.transaction():
            for number in range(first, min(first + BATCH, MESSAGES)):
                chat = 0 if number % (MESSAGES // LONG_CHAT) == 0 else number % CHATS
                if number % CHINESE_EVERY == 1:
                    text = "".join(chr(0x4E00 + int(dice.expovariate(1 / 300)) % 3000) for _ in range(12))
                else:
                    text = " ".join(dice.choices(words, cum_weights=weights, k=dice.randint(2, 20)))
                store.inbox.add(arrival(ME + 1 + chat, number + 1, text), number)
    took_s = time.perf_counter() - began_s
    for no in range(0, CHATS, 2):
        with store.transaction():
            store.inbox.mark_read(phone(no), None)
    return words, took_s


def arrival(account: int, number: int, text: str) -> Arrival:
    """Make a message that comes in; its numbers rise in each chat."""
    return Arrival(account, account, 1, number, number, number, text, MessageState.RECEIVED)


def queries(store: SqliteStore, words: Sequence[str], dice: random.Random) -> list[Callable[[], object]]:
    """Return searches as people type them."""
    made: list[Callable[[], object]] = []
    for number in range(QUERIES):
        typed = words[int(WORDS ** dice.random()) - 1]
        query = typed[: dice.randint(1, len(typed))]
        if number % 3 == 1:
            query = f"{typed} {words[int(WORDS ** dice.random()) - 1]}"
        if number % CHINESE_EVERY == 0:
            query = "".join(chr(0x4E00 + int(dice.expovariate(1 / 300))) for _ in range(dice.randint(1, 2)))
        chat = phone(0) if number % 4 == 0 else None
        made.append(partial(store.search.hits, query, chat, 50))
    return made


def timed_ms(work: Callable[[], object]) -> float:
    """Do something once; return the time that it took of a core: it waits for nothing, but other load would show."""
    began_s = time.thread_time()
    work()
    return (time.thread_time() - began_s) * 1000


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which this share of the values is."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def phone(no: int) -> str:
    """Return the phone number of a chat."""
    return f"+1202{no:07}"
