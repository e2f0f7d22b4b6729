"""APNs as Apple's pages describe it: HTTP/2 over TLS, its checks in its words, one stream until a token was good.

"Sending notification requests to APNs" (headers), "Establishing a token-based connection to APNs" (tokens, the one
stream), "Handling notification responses from APNs" (statuses, reasons, bodies).
"""

import asyncio
import json
import re
import ssl
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, RequestReceived, StreamEnded
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes

from tests.mockserver.push.keys import KEY_ID, TEAM_ID, TOPIC, apple, written_certificate

PUSH_TYPES = {
    "alert", "background", "location", "voip", "complication", "fileprovider", "mdm", "liveactivity", "pushtotalk",
}  # fmt: skip
STREAMS_MAX = 1000
UUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
PAYLOAD_BYTES_MAX = {"voip": 5120}

Headers = dict[str, str]


@dataclass
class Refusal(Exception):  # noqa: N818 - what APNs says, not what went wrong here
    status: int
    reason: str
    timestamp: int | None = None
    headers: Headers = field(default_factory=dict)


@dataclass
class Pushed:
    token: str
    headers: Headers
    body: bytes


class FakeApns:
    """What it knows: devices with their topics, those that have gone, and the keys of one team."""

    def __init__(self, now_s: Callable[[], float] = time.time) -> None:
        self.now_s = now_s
        self.port = 0
        self.topics: dict[str, str] = {}
        self.gone: dict[str, int] = {}
        self.pushed: list[Pushed] = []
        self.scripted: deque[Refusal] = deque()
        self.requests = 0
        self.provider_tokens: list[str] = []
        self.streams_at_once = 0
        self.hold: asyncio.Event | None = None

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def serving(self, folder: Path) -> AsyncIterator["FakeApns"]:
        certificate, key, _ = written_certificate(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        context.set_alpn_protocols(["h2"])
        loop = asyncio.get_running_loop()
        open_now: set[_Connection] = set()
        server = await loop.create_server(lambda: _Connection(self, open_now), "127.0.0.1", self.port, ssl=context)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            ended = [connection.ended for connection in open_now]
            for connection in list(open_now):
                connection.transport.abort()
            await asyncio.gather(*(end.wait() for end in ended))
            await server.wait_closed()

    def answer(self, headers: Headers, body: bytes) -> tuple[int, Headers, bytes]:
        self.requests += 1
        number = headers.get("apns-id", str(uuid.uuid4()))
        try:
            self.check(headers, body)
        except Refusal as refusal:
            said: dict[str, Any] = {"reason": refusal.reason}
            if refusal.timestamp is not None:
                said["timestamp"] = refusal.timestamp
            return refusal.status, {"apns-id": number, **refusal.headers}, json.dumps(said).encode()
        self.pushed.append(Pushed(headers[":path"].rsplit("/", 1)[1], headers, body))
        return 200, {"apns-id": number}, b""

    def check(self, headers: Headers, body: bytes) -> None:
        if headers[":method"] != "POST":
            raise Refusal(405, "MethodNotAllowed")
        path = re.fullmatch(r"/3/device/([^/]*)", headers[":path"])
        if path is None:
            raise Refusal(404, "BadPath")
        if self.scripted:
            raise self.scripted.popleft()
        self.check_provider(headers.get("authorization"))
        self.check_headers(headers)
        self.check_body(headers, body)
        self.check_device(path[1], headers["apns-topic"])

    def check_provider(self, authorization: str | None) -> None:
        if authorization is None or not authorization.lower().startswith("bearer "):
            raise Refusal(403, "MissingProviderToken")
        token = authorization[len("bearer ") :]
        try:
            header = jwt.get_unverified_header(token)
            claims = jwt.decode(
                token, apple().public_key(), ["ES256"], options={"verify_iat": False, "require": ["iss", "iat"]}
            )
        except jwt.InvalidTokenError:
            raise Refusal(403, "InvalidProviderToken") from None
        age_s = self.now_s() - claims["iat"]
        if header.get("kid") != KEY_ID or claims["iss"] != TEAM_ID or not isinstance(claims["iat"], int) or age_s < -60:
            raise Refusal(403, "InvalidProviderToken")
        if age_s > 3600:
            raise Refusal(403, "ExpiredProviderToken")
        if token not in self.provider_tokens:
            last = self.provider_tokens[-1] if self.provider_tokens else None
            if last is not None:
                before = jwt.decode(last, options={"verify_signature": False})["iat"]
                if claims["iat"] - before < 20 * 60:
                    raise Refusal(429, "TooManyProviderTokenUpdates")
            self.provider_tokens.append(token)

    def check_headers(self, headers: Headers) -> None:
        topic, kind = headers.get("apns-topic"), headers.get("apns-push-type", "alert")
        if topic is None:
            raise Refusal(400, "MissingTopic")
        if topic != TOPIC:
            raise Refusal(400, "TopicDisallowed")
        if kind not in PUSH_TYPES:
            raise Refusal(400, "InvalidPushType")
        priority = headers.get("apns-priority", "10")
        if priority not in {"1", "5", "10"} or (kind == "background" and priority != "5"):
            raise Refusal(400, "BadPriority")
        if not re.fullmatch(r"\d+", headers.get("apns-expiration", "0")):
            raise Refusal(400, "BadExpirationDate")
        if len(headers.get("apns-collapse-id", "").encode()) > 64:
            raise Refusal(400, "BadCollapseId")
        if "apns-id" in headers and not re.fullmatch(UUID, headers["apns-id"]):
            raise Refusal(400, "BadMessageId")

    def check_body(self, headers: Headers, body: bytes) -> None:
        if len(body) > PAYLOAD_BYTES_MAX.get(headers.get("apns-push-type", "alert"), 4096):
            raise Refusal(413, "PayloadTooLarge")
        try:
            payload = json.loads(body)
        except ValueError:
            raise Refusal(400, "PayloadEmpty") from None
        if not isinstance(payload, dict) or not isinstance(payload.get("aps"), dict):
            raise Refusal(400, "PayloadEmpty")

    def check_device(self, token: str, topic: str) -> None:
        if not token:
            raise Refusal(400, "MissingDeviceToken")
        if token in self.gone:
            raise Refusal(410, "Unregistered", self.gone[token])
        if not re.fullmatch(r"[0-9a-fA-F]{64,200}", token) or token not in self.topics:
            raise Refusal(400, "BadDeviceToken")
        if self.topics[token] != topic:
            raise Refusal(400, "DeviceTokenNotForTopic")


class _Connection(asyncio.Protocol):
    """HTTP/2 on one connection, as far as APNs needs it: small requests, small answers."""

    transport: asyncio.Transport

    def __init__(self, apns: FakeApns, open_now: set["_Connection"]) -> None:
        self._apns = apns
        self._open_now = open_now
        self.ended = asyncio.Event()
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._requests: dict[int, tuple[Headers, bytearray]] = {}
        self._trusted = False
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._open_now.add(self)
        self._h2.local_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = 1  # until a provider token was good
        self._h2.local_settings.acknowledge()
        self._h2.initiate_connection()
        transport.write(self._h2.data_to_send())

    def connection_lost(self, exc: Exception | None) -> None:
        self._open_now.discard(self)
        for task in self._tasks:
            task.cancel()
        self.ended.set()

    def data_received(self, data: bytes) -> None:
        try:
            events = self._h2.receive_data(data)
        except ProtocolError:
            self.transport.write(self._h2.data_to_send())
            self.transport.close()
            return
        for event in events:
            self._hear(event)
        self.transport.write(self._h2.data_to_send())

    def _hear(self, event: Event) -> None:
        if isinstance(event, RequestReceived):
            headers = {str(name): str(value) for name, value in event.headers}
            self._requests[event.stream_id] = headers, bytearray()
            self._apns.streams_at_once = max(self._apns.streams_at_once, len(self._requests))
        elif isinstance(event, DataReceived):
            self._requests[event.stream_id][1].extend(event.data)
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, StreamEnded):
            task = asyncio.get_running_loop().create_task(self._respond(event.stream_id))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _respond(self, stream: int) -> None:
        if self._apns.hold is not None:
            await self._apns.hold.wait()
        headers, body = self._requests.pop(stream)
        status, more, said = self._apns.answer(headers, bytes(body))
        if status == 200 and not self._trusted:
            self._trusted = True
            self._h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: STREAMS_MAX})
        self._h2.send_headers(stream, [(":status", str(status)), *more.items()], end_stream=not said)
        if said:
            self._h2.send_data(stream, said, end_stream=True)
        self.transport.write(self._h2.data_to_send())
