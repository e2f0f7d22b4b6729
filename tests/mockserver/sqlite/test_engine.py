"""The engine behind the ports: batches on its thread, rollback, loss and reopening."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from onebar.core import frames
from onebar.core.frames import Ack, Hello, Note, Stock, Void
from onebar.core.questions import Bundle, FindAccount, FindBundle, Publish
from onebar_mockserver.limits import ServerLimits
from onebar_mockserver.ports import (
    Acked,
    Answer,
    Asked,
    Attached,
    BatchFailedError,
    EngineLostError,
    Fenced,
    Judged,
    Op,
    Refusal,
    RegistrationError,
    Want,
)
from onebar_mockserver.sqlite import DatabaseError, SqliteEngine, device_lists, verdicts
from onebar_mockserver.sqlite import engine as engines
from tests.mockserver.rawclient import submit
from tests.mockserver.sqlite.setting import ENDLESS, keys

NOW_MS = 1_000_000


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[SqliteEngine]:
    made = SqliteEngine(tmp_path / "data", ServerLimits())
    await made.open()
    for number in (1, 2):
        code = await made.issue_code(f"+49{number}", b"seed", NOW_MS)
        await made.register(f"+49{number}", code.code, keys(number), NOW_MS)
    yield made
    await made.close()


def raising(*_: object) -> None:
    raise ValueError("planted")


def hello(device: int, connection_no: int = 1) -> Op:
    return Op(device, device, connection_no, Hello(device, device, connection_no, 0, 1, 0, 0))


async def test_a_batch_runs_in_order(engine: SqliteEngine) -> None:
    outcome = await engine.apply(
        [hello(1), Op(1, 1, 1, submit(1, (2, [(2, b"x")]))), hello(2), Op(2, 2, 1, Ack(1, 1))], NOW_MS
    )
    assert [type(result) for result in outcome.results] == [Attached, Judged, Attached, Acked]
    assert [appended.device for appended in outcome.appended] == [2, 1]
    [page] = await engine.fetch([Want(1, 0, ENDLESS)])
    assert [entry.device for entry in page.entries] == [2]


async def counted(engine: SqliteEngine, ops: list[Op]) -> list[str]:
    """Apply a batch; return the statements that read a device or an account."""
    said: list[str] = []
    connection = engine._opened()
    await engine._on_thread(lambda: connection.set_trace_callback(said.append))
    await engine.apply(ops, NOW_MS)
    await engine._on_thread(lambda: connection.set_trace_callback(None))
    return [each for each in said if "FROM devices" in each]


async def test_a_batch_reads_no_device_that_the_one_before_has_left_behind(engine: SqliteEngine) -> None:
    await engine.apply([hello(1), hello(2)], NOW_MS)
    assert len(await counted(engine, [Op(1, 1, 1, submit(1, (2, [(2, b"x")])))])) == 1, "the account's devices"
    assert await counted(engine, [Op(1, 1, 1, submit(2, (2, [(2, b"y")]))), Op(2, 2, 1, Ack(1, 2))]) == []
    await engine.answer([Asked(2, 2, FindAccount(1))], NOW_MS)
    assert len(await counted(engine, [Op(2, 2, 1, Ack(1, 2))])) == 1, "something else may have changed it"


async def test_what_was_rolled_back_is_not_left_behind(engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    await engine.apply([hello(1), hello(2)], NOW_MS)
    with monkeypatch.context() as patch:
        patch.setattr(verdicts, "_store", raising)
        with pytest.raises(BatchFailedError):
            await engine.apply([Op(1, 1, 1, Void(1, 0)), Op(1, 1, 1, submit(2, (2, [(2, b"x")])))], NOW_MS)
    outcome = await engine.apply([Op(1, 1, 1, submit(1, (2, [(2, b"x")])))], NOW_MS)
    assert outcome.results == [Judged(True, 1, ())]


async def test_a_device_that_is_removed_is_not_left_behind(engine: SqliteEngine) -> None:
    await engine.apply([hello(1), hello(2)], NOW_MS)
    code = await engine.issue_code("+492", b"seed", NOW_MS + 10**9)
    again = await engine.register("+492", code.code, keys(3), NOW_MS + 10**9)
    assert again.removed == (2,)
    outcome = await engine.apply([Op(2, 2, 1, Ack(1, 0)), Op(1, 1, 1, submit(1, (2, [(2, b"x")])))], NOW_MS)
    assert outcome.results[0] == Fenced()
    assert outcome.results[1] == Judged(True, 1, (Note(1, "", ((2, again.device),), ((2, 2),)),))


async def test_what_is_left_behind_is_bounded(engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "KEPT_ROWS_MAX", 1)
    await engine.apply([hello(1), hello(2)], NOW_MS)
    assert not engine._rows.devices


async def test_frames_of_an_older_link_are_fenced(engine: SqliteEngine) -> None:
    await engine.apply([hello(1, 1)], NOW_MS)
    older, newer = Op(9, 1, 1, Void(1, 0)), Op(10, 1, 2, Void(1, 0))
    outcome = await engine.apply([hello(1, 2), newer, older], NOW_MS)
    assert [type(result) for result in outcome.results] == [Attached, Judged, Judged], "its flight fences nobody"
    outcome = await engine.apply([newer._replace(speaks=True), older], NOW_MS)
    assert outcome.results[1] == Fenced(), "what it says after its Welcome does"


async def test_frames_behind_a_refused_hello_are_not_applied(engine: SqliteEngine) -> None:
    await engine.apply([hello(1, 5)], NOW_MS)
    outcome = await engine.apply([hello(1, 5), Op(1, 1, 5, Void(1, 0))], NOW_MS)
    assert outcome.results == [Refusal("connection_number", 5), Fenced()]


async def test_an_operation_that_raises_takes_its_batch_back(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verdicts, "_store", raising)
    with pytest.raises(BatchFailedError):
        await engine.apply([hello(1), Op(1, 1, 1, submit(1, (2, [(2, b"x")])))], NOW_MS)
    assert isinstance((await engine.apply([hello(1)], NOW_MS)).results[0], Attached)


async def test_a_failed_disk_loses_the_engine_until_it_is_reopened(engine: SqliteEngine, tmp_path: Path) -> None:
    blocker = sqlite3.connect(tmp_path / "data" / "onebar.sqlite3")
    blocker.execute("PRAGMA journal_mode")
    await engine._on_thread(lambda: engine._opened().execute("PRAGMA busy_timeout = 0"))
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(EngineLostError):
        await engine.apply([hello(1)], NOW_MS)
    blocker.rollback()
    blocker.close()
    await engine.reopen()
    assert isinstance((await engine.apply([hello(1)], NOW_MS)).results[0], Attached)


async def test_a_damaged_file_is_looked_through_once_a_statement_has_met_the_damage(
    engine: SqliteEngine, tmp_path: Path
) -> None:
    for out_no in range(1, 40):
        await engine.apply([hello(1, out_no), Op(1, 1, out_no, submit(out_no, (2, [(2, b"x" * 4000)])))], NOW_MS)
    await engine.close()
    path = tmp_path / "data" / "onebar.sqlite3"
    content = bytearray(path.read_bytes())
    content[-20 * 4096 :] = b"\xff" * (20 * 4096)
    path.write_bytes(content)
    again = SqliteEngine(tmp_path / "data", ServerLimits())
    await again.open()
    with pytest.raises(EngineLostError, match="malformed"):
        await again.fetch([Want(2, 0, ENDLESS)])
    with pytest.raises(EngineLostError, match="damaged"):
        await again.reopen()
    assert path.read_bytes() == content
    await again.close()


async def test_registration_errors_are_raised_and_the_try_is_spent(engine: SqliteEngine) -> None:
    await engine.issue_code("+493", b"seed", NOW_MS)
    for left in (4, 3):
        with pytest.raises(RegistrationError, match=f"{left} tries left"):
            await engine.register("+493", "000000", keys(3), NOW_MS)


async def test_everything_is_there_after_closing(engine: SqliteEngine, tmp_path: Path) -> None:
    await engine.apply([hello(1), Op(1, 1, 1, submit(1, (2, [(2, b"x")])))], NOW_MS)
    await engine.close()
    again = SqliteEngine(tmp_path / "data", ServerLimits())
    await again.open()
    [page] = await again.fetch([Want(2, 0, ENDLESS)])
    assert [entry.body for entry in page.entries] == [b"x"]
    await again.close()


async def test_where_a_mailbox_was_sent_to_survives_a_reopening(engine: SqliteEngine) -> None:
    """What was committed while a device was there may have been sent, whatever happens to the server next (R21)."""
    await engine.apply([hello(1), hello(2), Op(1, 1, 1, submit(1, (2, [(2, b"x")])))], NOW_MS)
    await engine.reopen()
    sent = Op(1, 1, 1, submit(2, (2, [(2, b"unsent")])))
    await engine.apply([sent], NOW_MS)
    for cursor, epoch in ((1, 1), (3, 2)):
        op = Op(2, 2, cursor + 1, Hello(2, 2, cursor + 1, 0, 1, cursor, 0))
        place = (await engine.apply([op], NOW_MS)).results[0]
        assert isinstance(place, Attached)
        assert (place.epoch, place.cursor) == (epoch, 1)


def bundle(by: int, of: int) -> Asked:
    return Asked(by, by, FindBundle(of, of))


def one_time(answers: list[Answer]) -> list[bytes]:
    return [frames.decode_as(Bundle, answer.result).one_time for answer in answers]


PREKEYS = tuple((no, b"x%d" % no) for no in range(1, 6))


async def test_two_who_ask_at_once_get_different_prekeys(engine: SqliteEngine) -> None:
    publish = Asked(2, 2, Publish(signed=b"bundle", bundle_ms=1, one_time=PREKEYS))
    published, *bundles = await engine.answer([publish, bundle(1, 2), bundle(2, 2)], NOW_MS)
    assert frames.decode_as(Stock, published.result) == Stock(0, 1, 5, 0)
    assert one_time(bundles) == [b"x1", b"x2"]
    both = await asyncio.gather(engine.answer([bundle(1, 2)], NOW_MS), engine.answer([bundle(2, 2)], NOW_MS))
    assert sorted(one_time([*both[0], *both[1]])) == [b"x3", b"x4"]


async def test_a_prekey_is_never_handed_out_again_after_a_reopening(engine: SqliteEngine, tmp_path: Path) -> None:
    """The database is copied while the engine has it open, as a kill would leave it: what was answered is in it."""
    publish = Asked(2, 2, Publish(signed=b"bundle", bundle_ms=1, one_time=PREKEYS))
    await engine.answer([publish], NOW_MS)
    assert one_time(await engine.answer([bundle(1, 2)], NOW_MS)) == [b"x1"]
    await engine.reopen()
    assert one_time(await engine.answer([bundle(1, 2)], NOW_MS)) == [b"x2"]
    killed = tmp_path / "killed"
    shutil.copytree(tmp_path / "data", killed)
    again = SqliteEngine(killed, ServerLimits())
    await again.open()
    _, found = await again.answer([publish, bundle(1, 2)], NOW_MS)
    assert one_time([found]) == [b"x3"]
    await again.close()


async def test_only_what_was_written_is_committed(engine: SqliteEngine, tmp_path: Path) -> None:
    """An answer that changes nothing costs no fsync: the log stays as long as it is."""
    log = tmp_path / "data" / "onebar.sqlite3-wal"
    publish = Publish(signed=b"bundle", bundle_ms=1, one_time=PREKEYS)
    await engine.answer([Asked(2, 2, publish)], NOW_MS)
    before = log.stat().st_size
    await engine.answer([Asked(1, 1, FindAccount(2)), Asked(2, 2, publish), Asked(2, 2, FindBundle(1, 1))], NOW_MS)
    assert log.stat().st_size == before
    await engine.answer([bundle(1, 2)], NOW_MS)
    assert log.stat().st_size > before


async def test_a_question_that_raises_takes_its_batch_back(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = Asked(2, 2, Publish(signed=b"bundle", bundle_ms=1, one_time=PREKEYS))
    await engine.answer([publish], NOW_MS)
    with monkeypatch.context() as patch:
        patch.setattr(device_lists, "signed", raising)
        with pytest.raises(BatchFailedError):
            await engine.answer([bundle(1, 2), Asked(1, 1, FindAccount(1))], NOW_MS)
    assert one_time(await engine.answer([bundle(1, 2)], NOW_MS)) == [b"x1"]


async def test_a_second_engine_on_the_directory_is_refused(engine: SqliteEngine, tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="in use"):
        await SqliteEngine(tmp_path / "data", ServerLimits()).open()
