"""Real phones, without Locust: every message is accounted for, and a server that loses some is caught."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from onebar_loadtest import rows
from onebar_loadtest.fleet import Fleet
from onebar_loadtest.onlooker import ROGUE
from onebar_loadtest.phones import Phone
from onebar_loadtest.photos import PHOTO_BYTES
from onebar_loadtest.settings import Settings
from onebar_loadtest.shapes import Fault
from onebar_loadtest.thresholds import Outcome, judge, load
from onebar_mockserver import MockServer
from onebar_mockserver.blob_files import FOLDER_NAME
from onebar_mockserver.sqlite import verdicts
from tests.sdk.testing.sockets import until

QUICK = Settings(weather="perfect", every_s=0.05, settle_s=0.5, readers=1.0, proxied=0.0, kem=False)


@asynccontextmanager
async def fleet_of(people: int, server: MockServer, settings: Settings = QUICK) -> AsyncIterator[Fleet]:
    fleet = Fleet(settings, server.url)
    try:
        fleet.start()
        await asyncio.gather(*(fleet.add_phone() for _ in range(people)))
        await until(fleet.everybody_is_there)
        yield fleet
    finally:
        await fleet.close()
        gc.unfreeze()


async def test_people_talk_and_every_message_is_accounted_for(server: MockServer) -> None:
    told: list[str] = []
    async with fleet_of(3, server) as fleet:
        fleet.onlooker._observe = lambda row, took_s: told.append(row)
        for phone in fleet.phones:
            fleet.take_part(phone)
        assert fleet.ledger.tally.sent == 0, "nobody talks before everybody is there"
        fleet.measure()
        await until(lambda: fleet.ledger.tally.delivered > 20)
        await fleet.settle()
        record = fleet.take_record("here")
        tally = record.tally()
        assert tally.right
        assert tally.sent == tally.accepted == tally.delivered > 20
        assert set(record.rows) >= {rows.CONNECT, rows.QUEUED_SENT, rows.SENT_DELIVERED, rows.END_TO_END, rows.LOOP_LAG}
        assert set(record.rows) - {rows.CONNECT} <= set(told)
        assert sum(sample.delivered for sample in record.seconds.values()) == tally.delivered
        assert judge(load(), tally, {}).outcome is Outcome.PASSED


async def test_what_a_person_reads_is_timed_from_when_it_is_looked_at(
    server: MockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long people take to look: the row is about the way to the author."""
    monkeypatch.setattr("onebar_loadtest.phones.READ_S", 0.0)
    told: list[tuple[str, float]] = []
    async with fleet_of(2, server) as fleet:
        fleet.measure()
        fleet.onlooker._observe = lambda row, took_s: told.append((row, took_s))
        one, other = fleet.phones
        before_s = asyncio.get_running_loop().time()
        fleet.say(one, other, "from a stranger, and nobody answers")
        await until(lambda: rows.READ_TOLD in dict(told))
        assert 0 < dict(told)[rows.READ_TOLD] < asyncio.get_running_loop().time() - before_s
        assert [row for row, _ in told].count(rows.READ_TOLD) == 1


async def test_a_server_that_loses_messages_makes_the_run_fail(
    server: MockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It acknowledges every message, and forgets each third one: only the accounting can notice."""
    honest: Callable[..., Any] = verdicts._store
    seen = 0

    def lossy(*arguments: Any, **named: Any) -> Any:
        nonlocal seen
        seen += 1
        return None if seen % 3 == 0 else honest(*arguments, **named)

    async with fleet_of(2, server, replace(QUICK, readers=0.0)) as fleet:
        one, other = fleet.phones
        fleet.say(one, other, "the first, which opens the session")
        await until(lambda: fleet.ledger.tally.delivered == 1)
        monkeypatch.setattr(verdicts, "_store", lossy)
        for number in range(9):
            fleet.say(one, other, f"{number}")
        await until(lambda: fleet.ledger.tally.accepted == 10)
        await fleet.settle()
        tally = fleet.take_record("here").tally()
        assert tally.lost == 3
        assert "of phone 0 to phone 1 are lost" in tally.complaints[0]
        verdict = judge(load(), tally, {})
        assert verdict.outcome is Outcome.FAILED
        assert verdict.broken[0] == "messages lost is 3, the limit is 0"


async def test_a_server_that_delivers_twice_or_late_is_no_fault_of_the_accounting(server: MockServer) -> None:
    """The engine drops what comes twice, so an honest ledger stays clean; what no engine drops is counted."""
    async with fleet_of(2, server) as fleet:
        one, other = fleet.phones
        fleet.say(one, other, "hello")
        await until(lambda: fleet.ledger.tally.delivered == 1)
        text = fleet.onlooker.ledger.say(1, 0, 0.0)
        one.say(other.number, f"{text} for phone 0, and phone 1 gets it")
        one.say(other.number, f"{ROGUE} nobody accounts for this")
        await until(lambda: fleet.ledger.tally.duplicated == 1)
        assert not fleet.ledger.tally.right


async def test_faults_of_a_shape_hit_phones_and_they_come_back(server: MockServer) -> None:
    async with fleet_of(2, server) as fleet:
        fleet.measure()
        one, other = fleet.phones
        fleet.strike(Fault("dark", 0.1, lasts=0.3 / fleet.settings.run_s))
        assert one.dark
        fleet.say(one, other, "in the dark")
        await until(lambda: not one.dark)
        row = fleet.onlooker._record.row
        await until(lambda: row(rows.RECOVER).count == 2)
        fleet.cut_links()
        await until(lambda: row(rows.RECOVER).count == row(rows.RESUME).count == 4)
        fleet.strike(Fault("crowd", 0.2))
        await until(lambda: fleet.ledger.tally.sent > 1 and fleet.ledger.waiting == 0)
        assert fleet.ledger.tally.right


async def test_a_phone_that_sleeps_gets_its_mail_when_the_run_settles(server: MockServer) -> None:
    settings = Settings(weather="lte", settle_s=5.0, proxied=1.0, readers=0.0, kem=False)
    async with fleet_of(2, server, settings) as fleet:
        fleet.measure()
        one, other = fleet.phones
        fleet.say(one, other, "are you asleep?")
        await until(lambda: fleet.ledger.tally.delivered == 1)
        await other.leave()
        fleet.say(one, other, "sleep well")
        fleet.say(other, one, "which is not said: this phone is off")
        await until(lambda: fleet.ledger.tally.accepted == 2)
        assert other.left
        assert (other.awake, other.online, fleet.ledger.waiting) == (False, False, 1)
        await fleet.settle()
        assert fleet.ledger.tally.right
        assert fleet.ledger.tally.delivered == fleet.ledger.tally.sent == 2
        assert not other.left
        counts = {name: row.count for name, row in fleet.take_record("here").rows.items()}
        assert counts[rows.FIRST_CONTACT] == counts[rows.END_TO_END] == counts[rows.QUEUED_SENT_PROXIED] == 1
        assert one.network.figures.up_bytes > 0


async def test_a_link_that_died_without_a_word_holds_up_no_settling(
    server: MockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onebar_loadtest.fleet.SILENCE_S", 0.1)
    async with fleet_of(2, server, replace(QUICK, settle_s=10.0)) as fleet:
        one, other = fleet.phones
        other.network.silence()
        fleet.say(one, other, "are you there?")
        await until(lambda: fleet.ledger.tally.accepted == 1)
        assert other.online, "or so it thinks"
        await fleet.settle()
        assert fleet.ledger.tally.right
        assert fleet.ledger.tally.delivered == 1


def chosen(phones: Sequence[Phone]) -> list[tuple[str, bool]]:
    return [(phone.network.profile.name, phone.reads) for phone in phones]


async def test_the_same_seed_gives_the_same_phones(server: MockServer) -> None:
    settings = Settings(kem=False, readers=0.5)
    seen = []
    for process in (0, 0, 1):
        fleet = Fleet(settings, server.url, process=process)
        await asyncio.gather(*(fleet.add_phone() for _ in range(4)))
        seen.append(chosen(fleet.phones))
        await fleet.close()
    assert seen[0] == seen[1]
    assert seen[0] != seen[2]


async def test_photos_are_accounted_for_when_they_are_whole(tmp_path: Path) -> None:
    settings = replace(QUICK, photos=1.0, settle_s=10.0)
    async with MockServer(tmp_path) as server, fleet_of(2, server, settings) as fleet:
        fleet.measure()
        one, other = fleet.phones
        fleet.onlooker.say(one, other, "the first, which opens the session")
        fleet.say(one, other, "look")
        fleet.say(other, one, "nice")
        await fleet.settle()
        record = fleet.take_record("here")
        tally = record.tally()
        assert tally.right
        assert (tally.sent, tally.delivered, tally.photos) == (3, 3, 2)
        assert (record.row(rows.UPLOAD).count, record.row(rows.DOWNLOAD).count) == (2, 2)
        assert record.row(rows.FIRST_CONTACT).count == 1
        assert one.network.figures.up_bytes > PHOTO_BYTES[0], "photos go through the phone's own network"


async def test_a_server_that_loses_photos_makes_the_run_fail(tmp_path: Path) -> None:
    async with MockServer(tmp_path) as server, fleet_of(2, server, replace(QUICK, photos=0.5)) as fleet:
        one, other = fleet.phones
        fleet.onlooker.say(one, other, "the first, which opens the session")
        await until(lambda: fleet.ledger.tally.delivered == 1)
        await other.sleep()
        fleet.onlooker.say(one, other, "look", photo=True)
        await until(lambda: fleet.ledger.tally.accepted == 2)
        lost = [path for path in (tmp_path / FOLDER_NAME).rglob("*") if path.is_file()]
        for path in lost:
            path.unlink()
        assert lost
        other.wake()
        await until(lambda: fleet.ledger.tally.complaints)
        await fleet.settle()
        tally = fleet.take_record("here").tally()
        assert (tally.lost, tally.photos) == (1, 0)
        assert tally.complaints[0].startswith("a photo did not come to phone 1: ")
        assert judge(load(), tally, {}).outcome is Outcome.FAILED


async def test_a_photo_that_is_not_the_one_that_was_sent_makes_the_run_fail(
    server: MockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onebar_loadtest.phones.Phone.photo_of", lambda self, message_no: b"another one")
    async with fleet_of(2, server, replace(QUICK, photos=1.0)) as fleet:
        one, other = fleet.phones
        fleet.say(one, other, "look")
        await until(lambda: fleet.ledger.tally.complaints)
        await fleet.settle()
        tally = fleet.take_record("here").tally()
        assert (tally.lost, tally.photos) == (1, 0)
        assert tally.complaints[0] == "a photo did not come to phone 1: it is another one"
