"""Our client of APNs against the fake: what is sent, what is made of each answer, and the token's age."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from onebar_mockserver.push.apns import BODY, COLLAPSE_ID, TOKEN_S, TOKEN_S_MIN, ApnsGateway
from onebar_mockserver.push.credentials import ApnsKey
from onebar_mockserver.push.gateways import Answer, Verdict
from tests.mockserver.push.fake_apns import FakeApns, Refusal
from tests.mockserver.push.keys import KEY_ID, TEAM_ID, TOPIC, apns_key, apple, pem, trusting

TOKEN, OTHER = "ab" * 32, "cd" * 32
SENT = Answer(Verdict.SENT)


class Clock:
    now_s = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def apns(tmp_path: Path, clock: Clock) -> AsyncIterator[FakeApns]:
    fake = FakeApns(clock)
    fake.topics = {TOKEN: TOPIC, OTHER: TOPIC}
    async with fake.serving(tmp_path):
        yield fake


@pytest.fixture
async def gateway(apns: FakeApns, clock: Clock) -> AsyncIterator[ApnsGateway]:
    made = ApnsGateway(apns_key(), TOPIC, apns.url, tls=trusting(), now_s=clock)
    yield made
    await made.close()


async def test_a_wake_up_has_no_content_and_one_size(apns: FakeApns, gateway: ApnsGateway) -> None:
    assert [await gateway.wake(TOKEN), await gateway.wake(OTHER)] == [SENT, SENT]
    first, second = apns.pushed
    assert first.body == second.body == BODY
    assert json.loads(BODY)["aps"]["content-available"] == 1
    assert (first.token, first.headers["apns-topic"], first.headers["apns-collapse-id"]) == (TOKEN, TOPIC, COLLAPSE_ID)
    assert (first.headers["apns-push-type"], first.headers["apns-priority"]) == ("alert", "10")
    assert int(first.headers["apns-expiration"]) == Clock.now_s + 28 * 86_400
    assert len(apns.provider_tokens) == 1


async def test_many_at_once_share_a_connection_and_begin_with_one_stream(apns: FakeApns, gateway: ApnsGateway) -> None:
    assert set(await asyncio.gather(*(gateway.wake(TOKEN) for _ in range(20)))) == {SENT}
    assert len(apns.provider_tokens) == 1
    assert len(apns.pushed) == 20


async def test_the_provider_token_is_renewed_between_20_and_60_minutes(
    apns: FakeApns, gateway: ApnsGateway, clock: Clock
) -> None:
    assert 20 * 60 < TOKEN_S < 60 * 60
    for age_s, tokens in ((0, 1), (TOKEN_S - 1, 1), (TOKEN_S, 2), (2 * TOKEN_S, 3)):
        clock.now_s = Clock.now_s + age_s
        assert await gateway.wake(TOKEN) == SENT
        assert len(apns.provider_tokens) == tokens


async def test_a_token_that_apns_calls_expired_is_renewed_at_once(
    apns: FakeApns, gateway: ApnsGateway, clock: Clock
) -> None:
    assert await gateway.wake(TOKEN) == SENT
    clock.now_s += TOKEN_S_MIN
    apns.scripted.append(Refusal(403, "ExpiredProviderToken"))
    assert await gateway.wake(TOKEN) == SENT
    assert (apns.requests, len(apns.provider_tokens)) == (3, 2)
    apns.scripted.append(Refusal(403, "ExpiredProviderToken"))
    assert await gateway.wake(TOKEN) == Answer(Verdict.REFUSED, "ExpiredProviderToken"), "it is fresh: a clock is wrong"
    assert len(apns.provider_tokens) == 2


async def test_tokens_that_are_of_no_use(apns: FakeApns, gateway: ApnsGateway) -> None:
    apns.gone[TOKEN] = 1_799_999_000_000
    assert await gateway.wake(TOKEN) == Answer(Verdict.GONE, "Unregistered", gone_ms=1_799_999_000_000)
    assert await gateway.wake("ef" * 32) == Answer(Verdict.GONE, "BadDeviceToken")
    assert await gateway.wake("ef" * 8) == Answer(Verdict.GONE, "BadDeviceToken")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (Refusal(429, "TooManyRequests", headers={"retry-after": "7"}), Answer(Verdict.LATER, "TooManyRequests", 7.0)),
        (Refusal(429, "TooManyProviderTokenUpdates"), Answer(Verdict.DOWN, "TooManyProviderTokenUpdates")),
        (Refusal(500, "InternalServerError"), Answer(Verdict.DOWN, "InternalServerError")),
        (Refusal(503, "Shutdown", headers={"retry-after": "30"}), Answer(Verdict.DOWN, "Shutdown", 30.0)),
        (Refusal(400, "BadTopic"), Answer(Verdict.REFUSED, "BadTopic")),
        (Refusal(413, "PayloadTooLarge"), Answer(Verdict.REFUSED, "PayloadTooLarge")),
        (Refusal(400, "a token: " + TOKEN), Answer(Verdict.REFUSED, "unreadable")),
    ],
    ids=lambda value: value.reason if isinstance(value, Refusal) else "",
)
async def test_what_is_made_of_an_answer(apns: FakeApns, gateway: ApnsGateway, said: Refusal, expected: Answer) -> None:
    apns.scripted.append(said)
    assert await gateway.wake(TOKEN) == expected
    assert await gateway.wake(TOKEN) == SENT


@pytest.mark.parametrize(
    ("key", "topic", "reason"),
    [
        (ApnsKey(apple(), "OTHERKEY00", TEAM_ID), TOPIC, "InvalidProviderToken"),
        (ApnsKey(apple(), KEY_ID, "OTHERTEAM0"), TOPIC, "InvalidProviderToken"),
        (apns_key(), "org.example.other", "TopicDisallowed"),
    ],
)
async def test_wrong_settings_are_refused(apns: FakeApns, clock: Clock, key: ApnsKey, topic: str, reason: str) -> None:
    gateway = ApnsGateway(key, topic, apns.url, tls=trusting(), now_s=clock)
    assert await gateway.wake(TOKEN) == Answer(Verdict.REFUSED, reason)
    await gateway.close()


async def test_a_gateway_that_is_down_and_one_that_nobody_vouches_for(tmp_path: Path, clock: Clock) -> None:
    fake = FakeApns(clock)
    async with fake.serving(tmp_path):
        stranger = ApnsGateway(apns_key(), TOPIC, fake.url, now_s=clock)
        assert await stranger.wake(TOKEN) == Answer(Verdict.DOWN, "ConnectError")
        await stranger.close()
    gateway = ApnsGateway(apns_key(), TOPIC, fake.url, tls=trusting(), now_s=clock)
    assert await gateway.wake(TOKEN) == Answer(Verdict.DOWN, "ConnectError")
    fake.topics[TOKEN] = TOPIC
    async with fake.serving(tmp_path):
        assert await gateway.wake(TOKEN) == SENT
    async with fake.serving(tmp_path):  # the connection before is gone
        answers = [await gateway.wake(TOKEN), await gateway.wake(TOKEN)]
        assert answers[-1] == SENT
    await gateway.close()


async def test_nothing_secret_is_shown(gateway: ApnsGateway) -> None:
    shown = repr(gateway) + repr(apns_key())
    assert pem(apple())[40:80] not in shown
    assert (TOPIC in shown, KEY_ID in shown) == (True, True)
    assert gateway.kind == "apns"
