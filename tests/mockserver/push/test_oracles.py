"""The fakes are faithful: clients that thousands use against Apple and Google work with them, unchanged."""

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.mockserver.push.fake_apns import FakeApns
from tests.mockserver.push.fake_fcm import FakeFcm
from tests.mockserver.push.fake_fcm import Refusal as FcmRefusal
from tests.mockserver.push.keys import (
    KEY_ID,
    PROJECT,
    TEAM_ID,
    TOPIC,
    account_file,
    apple,
    pem,
    trusting,
    written_certificate,
)

TOKEN, GONE = "ab" * 32, "cd" * 32


async def test_aioapns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    aioapns = pytest.importorskip("aioapns")
    connection = pytest.importorskip("aioapns.connection")
    fake = FakeApns()
    fake.topics, fake.gone = {TOKEN: TOPIC}, {GONE: 1_700_000_000_000}
    async with fake.serving(tmp_path):
        monkeypatch.setattr(connection.APNsProductionClientProtocol, "APNS_SERVER", "127.0.0.1")
        monkeypatch.setattr(connection.APNsTLSClientProtocol, "APNS_PORT", fake.port)
        made = {"key_id": KEY_ID, "team_id": TEAM_ID, "topic": TOPIC, "ssl_context": trusting()}
        client = aioapns.APNs(key=pem(apple()), **made)

        async def push(token: str, **more: Any) -> tuple[str, str | None, object]:
            request = aioapns.NotificationRequest(token, {"aps": {"alert": "hello"}}, **more)
            result = await client.send_notification(request)
            assert result.notification_id == request.notification_id
            return result.status, result.description, result.timestamp

        assert await push(TOKEN, collapse_key="mail", time_to_live=60, priority=10) == ("200", None, None)
        assert await push(GONE) == ("410", "Unregistered", 1_700_000_000_000)
        assert await push("ef" * 32) == ("400", "BadDeviceToken", None)
        assert await push(TOKEN, priority=3) == ("400", "BadPriority", None)
        assert await push(TOKEN, collapse_key="c" * 65) == ("400", "BadCollapseId", None)
        assert await push(TOKEN, apns_topic="org.example.other") == ("400", "TopicDisallowed", None)
        stranger = aioapns.APNs(key=pem(apple()), **{**made, "team_id": "OTHERTEAM0"})
        refused = await stranger.send_notification(aioapns.NotificationRequest(TOKEN, {"aps": {}}))
        assert (refused.status, refused.description) == ("403", "InvalidProviderToken")
        for one in (client, stranger):
            one.pool.close()
    assert [json.loads(pushed.body) for pushed in fake.pushed] == [{"aps": {"alert": "hello"}}]


@pytest.fixture
def fcm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeFcm]:
    logging.getLogger("google").setLevel(logging.WARNING)
    _, _, signer = written_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(signer))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(signer))
    with FakeFcm().serving(tmp_path) as fake:
        fake.tokens, fake.gone, fake.foreign = {"good"}, {"gone"}, {"foreign"}
        yield fake


@pytest.mark.filterwarnings("ignore:Message.token is deprecated:DeprecationWarning")
async def test_firebase_admin(fcm: FakeFcm, monkeypatch: pytest.MonkeyPatch) -> None:
    firebase_admin = pytest.importorskip("firebase_admin")
    messaging = pytest.importorskip("firebase_admin.messaging")
    exceptions = pytest.importorskip("firebase_admin.exceptions")
    monkeypatch.setattr(messaging._MessagingService, "FCM_URL", fcm.url + "/v1/projects/{0}/messages:send")
    certificate = firebase_admin.credentials.Certificate(account_file(fcm.token_url))
    app = firebase_admin.initialize_app(certificate, name="oracle")
    service = messaging._get_messaging_service(app)
    try:
        android = messaging.AndroidConfig(collapse_key="mail", priority="high", ttl=60)
        tokens = ("good", "gone", "foreign", "unknown")
        messages = [messaging.Message(token=token, data={"w": "1"}, android=android) for token in tokens]
        batch = await messaging.send_each_async(messages, dry_run=False, app=app)
        assert batch.responses[0].message_id == f"projects/{PROJECT}/messages/0:1"
        assert [type(one.exception) for one in batch.responses[1:]] == [
            messaging.UnregisteredError,
            messaging.SenderIdMismatchError,
            exceptions.InvalidArgumentError,
        ]
        fcm.scripted.append(FcmRefusal(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"))
        batch = await messaging.send_each_async(messages[:1], dry_run=False, app=app)
        assert isinstance(batch.responses[0].exception, messaging.QuotaExceededError)
        assert fcm.versions == {"2"}
        assert fcm.granted >= 1
        [message] = fcm.pushed
        assert message["android"] == {"collapse_key": "mail", "priority": "high", "ttl": "60s"}
    finally:
        await service._async_client.aclose()
        await asyncio.to_thread(firebase_admin.delete_app, app)
