"""Epochs: when a mailbox is recognised as the one that the device knows, and when it is not (R20, R21)."""

import pytest

from onebar.core.frames import (
    Accepted,
    CaughtUp,
    Deliver,
    Note,
    Undelivered,
    Void,
    Welcome,
)
from onebar_mockserver import MockServer
from onebar_mockserver.ports import Slowed
from onebar_mockserver.sqlite import engine, verdicts
from tests.mockserver.rawclient import Keys, Line, Phone, failing_disk, register, submit, to, welcomed


async def test_a_cursor_from_another_history_gets_a_new_epoch(alice: Phone, bob: Phone) -> None:
    sender = await alice.dial(submit(1, to(bob, b"x")))
    await sender.until(Accepted)
    reader = await bob.dial(cursor=1)
    welcome = await reader.take(Welcome)
    assert (welcome.epoch, welcome.cursor) == (2, 0)
    assert (await reader.take(Deliver)).seq == 1
    await sender.close()
    await reader.close()


async def got_one(alice: Phone, bob: Phone) -> tuple[Line, Line]:
    """Bob is there and has been sent one envelope of Alice's."""
    reader = await welcomed(bob)
    sender = await welcomed(alice)
    await sender.send(submit(1, to(bob, b"x")))
    assert (await reader.take(Deliver)).seq == 1
    await sender.until(Accepted)
    return sender, reader


async def keeps_its_place(phone: Phone) -> Line:
    """Dial with a cursor that was committed and never acknowledged."""
    line = await phone.dial(cursor=1)
    welcome = await line.take(Welcome)
    assert (welcome.epoch, welcome.cursor) == (1, 1)
    assert await line.take(CaughtUp) == CaughtUp(1)
    return line


async def test_a_link_that_is_cut_before_its_ack_makes_no_new_epoch(alice: Phone, bob: Phone) -> None:
    sender, reader = await got_one(alice, bob)
    reader.websocket.transport.abort()
    again = await keeps_its_place(bob)
    await sender.send(submit(2, to(bob, b"y")))
    assert (await again.take(Deliver)).prev_seq == 1
    await sender.close()
    await again.close()


async def test_mail_of_a_resumed_page_is_known_to_be_sent(alice: Phone, bob: Phone) -> None:
    sender = await alice.dial(submit(1, to(bob, b"x")))
    await sender.until(Accepted)
    reader = await bob.dial()
    await reader.until(CaughtUp)
    reader.websocket.transport.abort()
    await (await keeps_its_place(bob)).close()
    await sender.close()


async def test_a_batch_that_runs_one_by_one_makes_no_new_epoch(
    alice: Phone, bob: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = verdicts._store

    def poisoned(*arguments: object) -> Note | Slowed | None:
        if b"poison" in bytes(arguments[2].recipients):  # type: ignore[attr-defined]
            raise ValueError("planted")
        return judge(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(verdicts, "_store", poisoned)
    reader = await welcomed(bob)
    sender = await welcomed(alice)
    await sender.send(submit(1, to(bob, b"x")), submit(2, to(bob, b"poison")))
    assert (await reader.take(Deliver)).seq == 1
    assert (await sender.until(Accepted)).notes == (Note(2, "internal"),)
    reader.websocket.transport.abort()
    await (await keeps_its_place(bob)).close()
    await sender.close()


async def test_a_lost_engine_makes_no_new_epoch(
    alice: Phone, bob: Phone, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sender, reader = await got_one(alice, bob)
    with monkeypatch.context() as patch:
        patch.setattr(engine, "judge", failing_disk)
        await sender.send(submit(2, to(bob, b"y")))
        assert await reader.closed() == 1001
    assert "OperationalError" in vars(caplog.records[0])["detail"]
    await (await keeps_its_place(bob)).close()
    await sender.closed()


async def test_a_notice_of_the_sweep_is_known_to_be_sent(server: MockServer, alice: Phone, bob: Phone) -> None:
    line = await alice.dial(submit(1, to(bob, b"x")))
    await line.until(CaughtUp)
    await register(server, "+4915112345672", Keys())
    assert (await line.until(Undelivered)).seq == 1
    line.websocket.transport.abort()
    await (await keeps_its_place(alice)).close()


async def test_welcome_tells_the_settled_floor(alice: Phone, bob: Phone) -> None:
    line = await alice.dial(submit(1, to(bob, b"x")), Void(2, 1))
    assert (await line.take(Welcome)).floor == 0
    assert await line.take(Accepted) == Accepted(2)
    old_copy = await alice.dial(floor=0)
    assert (await old_copy.take(Welcome)).floor == 1
    await line.close()
    await old_copy.close()


async def test_a_known_cursor_keeps_the_epoch_over_a_restart(server: MockServer, alice: Phone, bob: Phone) -> None:
    sender = await alice.dial(submit(1, to(bob, b"x")))
    await sender.until(Accepted)
    reader = await bob.dial()
    await reader.until(CaughtUp)
    await server.restart()
    again = await bob.dial(cursor=1)
    welcome = await again.take(Welcome)
    assert (welcome.epoch, welcome.cursor) == (1, 1)
    await again.close()
    await sender.closed()
    await reader.closed()
