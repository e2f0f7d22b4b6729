"""Our client of FCM against the fake: what is sent, what is made of each answer, and access tokens."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

import pytest
from starlette.responses import JSONResponse

from onebar_mockserver.push.credentials import ServiceAccount
from onebar_mockserver.push.fcm import QUOTA_S, FcmGateway, body
from onebar_mockserver.push.gateways import Answer, Verdict
from tests.mockserver.push.fake_fcm import FakeFcm, Refusal
from tests.mockserver.push.keys import ACCOUNT_KEY_ID, EMAIL, PROJECT, google, pem, service_account, trusting

TOKEN = "fMk3:APA91b-" + "x_" * 60
SENT = Answer(Verdict.SENT)


class Clock:
    now_s = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeFcm]:
    with FakeFcm().serving(tmp_path_factory.mktemp("fcm")) as fake:
        yield fake


@pytest.fixture
def fcm(running: FakeFcm, clock: Clock) -> FakeFcm:
    running.begin(clock)
    running.tokens = {TOKEN}
    return running


@pytest.fixture
async def gateway(fcm: FakeFcm, clock: Clock) -> AsyncIterator[FcmGateway]:
    made = FcmGateway(service_account(fcm.token_url), fcm.url, tls=trusting(), now_s=clock)
    yield made
    await made.close()


async def test_a_wake_up_has_no_content_and_one_size(fcm: FakeFcm, gateway: FcmGateway) -> None:
    assert await gateway.wake(TOKEN) == SENT
    [message] = fcm.pushed
    android = {"priority": "HIGH", "collapse_key": "mail", "ttl": "2419200s"}
    assert message == {"token": TOKEN, "data": {"w": "1"}, "android": android}
    assert json.loads(body("")) == {"message": {"token": "", "data": {"w": "1"}, "android": android}}
    assert fcm.versions == {"2"}


async def test_one_access_token_serves_many_and_is_renewed_before_it_ends(
    fcm: FakeFcm, gateway: FcmGateway, clock: Clock
) -> None:
    assert set(await asyncio.gather(*(gateway.wake(TOKEN) for _ in range(10)))) == {SENT}
    assert fcm.granted == 1
    clock.now_s += 3299
    assert await gateway.wake(TOKEN) == SENT
    assert fcm.granted == 1
    clock.now_s += 1
    assert await gateway.wake(TOKEN) == SENT
    assert fcm.granted == 2


async def test_an_access_token_that_is_refused_is_renewed_at_once(fcm: FakeFcm, gateway: FcmGateway) -> None:
    assert await gateway.wake(TOKEN) == SENT
    fcm.access.clear()
    assert set(await asyncio.gather(*(gateway.wake(TOKEN) for _ in range(5)))) == {SENT}
    assert fcm.granted == 2
    fcm.scripted += [Refusal(401, "UNAUTHENTICATED"), Refusal(401, "UNAUTHENTICATED")]
    assert await gateway.wake(TOKEN) == Answer(Verdict.REFUSED, "UNAUTHENTICATED"), "not again and again"


async def test_tokens_that_are_of_no_use(fcm: FakeFcm, gateway: FcmGateway) -> None:
    fcm.gone.add("gone")
    fcm.foreign.add("foreign")
    assert await gateway.wake("gone") == Answer(Verdict.GONE, "UNREGISTERED")
    assert await gateway.wake("unknown") == Answer(Verdict.GONE, "INVALID_ARGUMENT")
    assert await gateway.wake("foreign") == Answer(Verdict.REFUSED, "SENDER_ID_MISMATCH")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (Refusal(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"), Answer(Verdict.DOWN, "QUOTA_EXCEEDED", QUOTA_S)),
        (
            Refusal(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", headers={"retry-after": "9"}),
            Answer(Verdict.DOWN, "QUOTA_EXCEEDED", 9.0),
        ),
        (
            Refusal(503, "UNAVAILABLE", "UNAVAILABLE", headers={"retry-after": "Fri, 15 Jan 2027 08:01:40 GMT"}),
            Answer(Verdict.DOWN, "UNAVAILABLE", 100.0),
        ),
        (Refusal(500, "INTERNAL", "INTERNAL"), Answer(Verdict.DOWN, "INTERNAL")),
        (Refusal(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"), Answer(Verdict.REFUSED, "THIRD_PARTY_AUTH_ERROR")),
        (Refusal(400, "INVALID_ARGUMENT", violation="message.data"), Answer(Verdict.REFUSED, "INVALID_ARGUMENT")),
        (Refusal(404, "NOT_FOUND"), Answer(Verdict.REFUSED, "NOT_FOUND")),
    ],
)
async def test_what_is_made_of_an_answer(fcm: FakeFcm, gateway: FcmGateway, said: Refusal, expected: Answer) -> None:
    fcm.scripted.append(said)
    assert await gateway.wake(TOKEN) == expected
    assert await gateway.wake(TOKEN) == SENT


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (JSONResponse({"error": "invalid_grant"}, 400), Answer(Verdict.REFUSED, "invalid_grant")),
        (JSONResponse({}, 503, {"retry-after": "5"}), Answer(Verdict.DOWN, "no_access_token", 5.0)),
        (JSONResponse({"token": 1}), Answer(Verdict.DOWN, "unreadable")),
        (JSONResponse("a proxy's page", 404), Answer(Verdict.DOWN, "no_access_token")),
    ],
)
async def test_no_access_token(fcm: FakeFcm, gateway: FcmGateway, said: JSONResponse, expected: Answer) -> None:
    fcm.grants_scripted.append(said)
    assert await gateway.wake(TOKEN) == expected
    assert fcm.requests == 0
    assert await gateway.wake(TOKEN) == SENT


@pytest.mark.parametrize(
    ("key_id", "email", "project", "reason"),
    [
        ("other", EMAIL, PROJECT, "invalid_grant"),
        (ACCOUNT_KEY_ID, "other@x", PROJECT, "invalid_grant"),
        (ACCOUNT_KEY_ID, EMAIL, "other", "PERMISSION_DENIED"),
    ],
)
async def test_wrong_settings_are_refused(
    fcm: FakeFcm, clock: Clock, key_id: str, email: str, project: str, reason: str
) -> None:
    account = ServiceAccount(google(), key_id, email, project, fcm.token_url)
    gateway = FcmGateway(account, fcm.url, tls=trusting(), now_s=clock)
    assert await gateway.wake(TOKEN) == Answer(Verdict.REFUSED, reason)
    await gateway.close()


async def test_a_gateway_that_is_down(clock: Clock) -> None:
    gateway = FcmGateway(service_account("https://127.0.0.1:9/token"), "https://127.0.0.1:9", now_s=clock)
    assert await gateway.wake(TOKEN) == Answer(Verdict.DOWN, "ConnectError")
    await gateway.close()


async def test_nothing_secret_is_shown(gateway: FcmGateway) -> None:
    shown = repr(gateway) + repr(service_account("https://a"))
    assert pem(google())[40:80] not in shown
    assert (PROJECT in shown, EMAIL in shown) == (True, True)
    assert gateway.kind == "fcm"
