"""A whole server with our clients of both gateways, against the fakes: messages and wake-ups, in good and bad times."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from onebar.core.frames import FLAG_SILENT, Accepted, Ack, Deliver, Request, Response
from onebar.core.questions import RegisterPush
from onebar_mockserver import MockServer
from onebar_mockserver.app import Backend
from onebar_mockserver.push import doorbell as doorbells
from onebar_mockserver.push import lane as lanes
from onebar_mockserver.push.apns import BODY, ApnsGateway
from onebar_mockserver.push.fcm import FcmGateway
from onebar_mockserver.push.gateways import Answer, PushGateway, Verdict
from onebar_mockserver.sqlite.push_tokens import tokens_of
from tests.mockserver.push.fake_apns import FakeApns, Refusal
from tests.mockserver.push.fake_fcm import FakeFcm
from tests.mockserver.push.keys import TOPIC, apns_key, service_account, trusting
from tests.mockserver.rawclient import PATIENCE_S, Line, Phone, register, submit, to, welcomed
from tests.mockserver.test_metrics import read

ALICE, BOB = "+4915112345671", "+4915112345672"
TOKEN, FCM_TOKEN = "ab" * 32, "fMk3:APA91b"


@pytest.fixture
async def apns(tmp_path: Path) -> AsyncIterator[FakeApns]:
    fake = FakeApns()
    fake.topics = {TOKEN: TOPIC}
    async with fake.serving(tmp_path):
        yield fake


@asynccontextmanager
async def serving(folder: Path, *fakes: FakeApns | FakeFcm) -> AsyncIterator[MockServer]:
    """A server that sends its wake-ups through these."""
    async with MockServer(folder / "data", gateways=lambda: [gateway_to(fake) for fake in fakes]) as server:
        yield server


def gateway_to(fake: FakeApns | FakeFcm) -> PushGateway:
    if isinstance(fake, FakeFcm):
        return FcmGateway(service_account(fake.token_url), fake.url, tls=trusting())
    return ApnsGateway(apns_key(), TOPIC, fake.url, tls=trusting())


def backend_of(server: MockServer) -> Backend:
    assert server._backend is not None
    return server._backend


async def until(reached: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not reached():  # noqa: ASYNC110 - of whatever there is no event for
            await asyncio.sleep(0.001)


async def asleep(server: MockServer, kind: str = "apns", token: str = TOKEN) -> Phone:
    """Return Bob, who has given a token and is away."""
    bob = await register(server, BOB)
    line = await welcomed(bob)
    assert (await line.ask(RegisterPush(kind, token))).error == ""
    await line.close()
    await until(lambda: backend_of(server).gateway.links == 0)
    return bob


async def woken_up(bob: Phone, *bodies: bytes) -> Line:
    """Let Bob come, and be told everything."""
    line = await bob.dial()
    for body in bodies:
        deliver = await line.until(Deliver)
        assert deliver.ciphertext == body
    await line.send(Ack(1, deliver.seq))
    return line


async def test_who_is_away_is_woken_once_by_nothing_of_what_was_said(tmp_path: Path, apns: FakeApns) -> None:
    async with serving(tmp_path, apns) as server:
        bob, alice = await asleep(server), await register(server, ALICE)
        line = await welcomed(alice)
        await line.send(submit(1, to(bob, b"quiet"), flags=FLAG_SILENT))
        for out_no, body in ((2, b"very secret"), (3, b"x" * 5000)):
            await line.send(submit(out_no, to(bob, body)))
        await line.until(Accepted)
        await until(lambda: apns.pushed)
        reader = await woken_up(bob, b"quiet", b"very secret", b"x" * 5000)
        await reader.close()
        await until(lambda: backend_of(server).gateway.links == 1)
        await line.send(submit(4, to(bob, b"again")))
        await until(lambda: backend_of(server)._doorbell.results["apns", "sent"] == 2)
        figures = read(await backend_of(server).scrape())
        assert figures["onebar_pushes_total{apns,sent}"] == 2
        assert figures["onebar_pushes_waiting"] == 0
        await line.close()
    assert [(one.token, one.body) for one in apns.pushed] == [(TOKEN, BODY)] * 2
    said = repr([{**one.headers, "authorization": ""} for one in apns.pushed])
    assert all(word not in said for word in ("secret", str(alice.account), str(alice.device), str(bob.account)))


async def test_through_fcm(tmp_path: Path, apns: FakeApns) -> None:
    with FakeFcm().serving(tmp_path) as fcm:
        fcm.tokens = {FCM_TOKEN}
        async with serving(tmp_path, apns, fcm) as server:
            bob, alice = await asleep(server, "fcm", FCM_TOKEN), await register(server, ALICE)
            line = await alice.dial(submit(1, to(bob, b"hello")))
            await until(lambda: fcm.pushed)
            await line.close()
    assert [(one["token"], one["data"]) for one in fcm.pushed] == [(FCM_TOKEN, {"w": "1"})]
    assert not apns.pushed


async def test_a_gateway_that_never_answers_holds_up_no_message(tmp_path: Path, apns: FakeApns) -> None:
    apns.hold = asyncio.Event()
    async with serving(tmp_path, apns) as server:
        bob, alice, carol = await asleep(server), await register(server, ALICE), await register(server, "+491511234599")
        line, reader = await welcomed(alice), await welcomed(carol)
        for out_no in range(1, 11):
            await line.send(submit(out_no, to(bob, b"for Bob"), to(carol, b"for Carol")))
            deliver = await reader.until(Deliver)
            await reader.send(Ack(1, deliver.seq))
            await line.until(Accepted)
        assert backend_of(server)._doorbell.waiting == 1
        assert not apns.pushed
        waker = await woken_up(bob, *[b"for Bob"] * 10)
        assert backend_of(server)._doorbell.waiting == 0
        for one in (line, reader, waker):
            await one.close()
    apns.hold.set()


async def test_an_outage_loses_neither_mail_nor_wake_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lanes, "PAUSE_S_MIN", 0.01)
    fake = FakeApns()
    fake.topics = {TOKEN: TOPIC}
    async with fake.serving(tmp_path):
        pass  # now its port is known, and nobody listens there
    with caplog.at_level(logging.WARNING):
        async with serving(tmp_path, fake) as server:
            bob, alice = await asleep(server), await register(server, ALICE)
            line = await alice.dial(submit(1, to(bob, b"hello")))
            await line.until(Accepted)
            results = backend_of(server)._doorbell.results
            await until(lambda: results["apns", "down"] >= 2)
            fake.scripted += [Refusal(503, "Shutdown"), Refusal(500, "InternalServerError")]
            async with fake.serving(tmp_path):
                await until(lambda: fake.pushed)
                await until(lambda: results["apns", "sent"])
                reader = await woken_up(bob, b"hello")
                await reader.close()
                await line.close()
                await server.stop()
    assert len(fake.pushed) == 1
    assert TOKEN not in caplog.text


async def test_a_token_that_is_gone_is_dropped_and_one_that_comes_back_is_taken(tmp_path: Path, apns: FakeApns) -> None:
    apns.gone[TOKEN] = 4_000_000_000_000
    async with serving(tmp_path, apns) as server:
        bob, alice = await asleep(server), await register(server, ALICE)
        line = await alice.dial(submit(1, to(bob, b"hello")))
        await until(lambda: not tokens_of(tmp_path / "data", BOB))
        del apns.gone[TOKEN]
        reader = await woken_up(bob, b"hello")
        assert (await reader.ask(RegisterPush("apns", TOKEN))).error == ""
        await reader.close()
        await until(lambda: backend_of(server).gateway.links == 1)
        await line.send(submit(2, to(bob, b"again")))
        await until(lambda: apns.pushed)
        await line.close()


async def test_a_phone_that_falls_silent_under_a_message_is_woken_unless_it_comes_back(
    tmp_path: Path, apns: FakeApns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doorbells, "GRACE_S", 0.01)
    async with serving(tmp_path, apns) as server:
        bob, alice = await asleep(server), await register(server, ALICE)
        reader, line = await welcomed(bob), await welcomed(alice)
        await line.send(submit(1, to(bob, b"hello")))
        await reader.until(Deliver)
        await reader.close()
        await until(lambda: apns.pushed)
        await line.close()


async def test_after_a_restart_who_still_has_mail_is_woken(
    tmp_path: Path, apns: FakeApns, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(tmp_path) as server:
        bob, alice = await asleep(server), await register(server, ALICE)
        line = await alice.dial(submit(1, to(bob, b"hello")))
        await line.until(Accepted)
        await line.close()
    monkeypatch.setattr(doorbells, "LOOK_S", 0.0)
    async with serving(tmp_path, apns):
        await until(lambda: apns.pushed)


async def test_who_gives_a_wrong_token_is_told(tmp_path: Path) -> None:
    async with MockServer(tmp_path / "data") as server:
        line = await welcomed(await register(server, BOB))
        params = msgspec.Raw(msgspec.msgpack.encode(("apns", "../../x")))
        await line.send(Request(1, "push", params))
        assert (await line.until(Response)).error == "bad_request"
        await line.close()


async def test_the_mock_server_keeps_wake_ups(tmp_path: Path) -> None:
    server = MockServer(tmp_path / "data")
    assert server.wakeups(BOB) == []
    async with server:
        server.push.next_answers.append(Answer(Verdict.GONE))
        bob, alice = await asleep(server), await register(server, ALICE)
        line = await alice.dial(submit(1, to(bob, b"hello")))
        await until(lambda: not tokens_of(tmp_path / "data", BOB))
        reader = await woken_up(bob, b"hello")
        await reader.ask(RegisterPush("apns", TOKEN))
        await reader.close()
        await until(lambda: backend_of(server).gateway.links == 1)
        with pytest.raises(TimeoutError):
            await server.woken(BOB, timeout_s=0.01)
        await line.send(submit(2, to(bob, b"again")))
        [wakeup] = await server.woken(BOB)
        assert (wakeup.kind, wakeup.token) == ("apns", TOKEN)
        assert server.wakeups(ALICE) == []
        await line.close()
