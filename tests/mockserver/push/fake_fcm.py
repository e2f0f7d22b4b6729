"""FCM HTTP v1 and the token endpoint beside it, as Google's pages describe them: HTTP/1.1 and HTTP/2 over TLS.

"Method: projects.messages.send", "ErrorCode", "google.rpc.Status" and "Using OAuth 2.0 for server to server
applications". It runs on a thread of its own: firebase-admin blocks the loop while it fetches an access token.
"""

import asyncio
import json
import logging
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
from hypercorn.asyncio import serve
from hypercorn.config import Config, Sockets
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.mockserver.push.keys import ACCOUNT_KEY_ID, EMAIL, PROJECT, google, written_certificate

AUDIENCE = "https://oauth2.googleapis.com/token"
SCOPES = {"https://www.googleapis.com/auth/firebase.messaging", "https://www.googleapis.com/auth/cloud-platform"}
TTL_S_MAX = 2_419_200
DATA_BYTES_MAX = 4_096
MESSAGE_FIELDS = {"token", "topic", "condition", "data", "notification", "android", "apns", "webpush", "name"}
ANDROID_FIELDS = {"collapse_key", "collapseKey", "priority", "ttl", "restricted_package_name", "data", "notification"}
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"


@dataclass
class Refusal(Exception):  # noqa: N818 - what FCM says, not what went wrong here
    status: int
    name: str
    code: str = ""
    violation: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def response(self) -> JSONResponse:
        details: list[dict[str, Any]] = []
        if self.code:
            details.append({"@type": FCM_ERROR, "errorCode": self.code})
        if self.violation:
            details.append({"@type": BAD_REQUEST, "fieldViolations": [{"field": self.violation, "description": "bad"}]})
        error = {"code": self.status, "message": "refused", "status": self.name, "details": details}
        return JSONResponse({"error": error}, self.status, self.headers)


class FakeFcm:
    """What it knows: tokens of devices, those that have gone, and one service account."""

    def __init__(self) -> None:
        self.url = ""
        self.begin()

    def begin(self, now_s: Callable[[], float] = time.time) -> None:
        """Forget everything."""
        self.now_s = now_s
        self.tokens: set[str] = set()
        self.gone: set[str] = set()
        self.foreign: set[str] = set()
        self.pushed: list[dict[str, Any]] = []
        self.versions: set[str] = set()
        self.scripted: deque[Refusal] = deque()
        self.grants_scripted: deque[JSONResponse] = deque()
        self.access: dict[str, float] = {}
        self.requests = 0
        self.granted = 0

    @property
    def token_url(self) -> str:
        return f"{self.url}/token"

    @contextmanager
    def serving(self, folder: Path) -> Iterator["FakeFcm"]:
        certificate, key, _ = written_certificate(folder)
        config = Config()
        config.bind = ["127.0.0.1:0"]
        config.certfile, config.keyfile = str(certificate), str(key)
        config.alpn_protocols = ["h2", "http/1.1"]
        config.graceful_timeout = 0.05  # for connections that its clients keep open
        config.errorlog = logging.getLogger("tests.hypercorn")
        sockets = config.create_sockets()
        port = sockets.secure_sockets[0].getsockname()[1]
        self.url = f"https://127.0.0.1:{port}"
        config.create_sockets = lambda: Sockets(sockets.secure_sockets, [], [])  # type: ignore[method-assign]
        loop = asyncio.new_event_loop()
        stopped = asyncio.Event()
        app = Starlette(
            routes=[
                Route("/token", self.grant, methods=["POST"]),
                Route("/v1/projects/{project}/messages:send", self.send, methods=["POST"]),
            ]
        )

        def run() -> None:
            asyncio.set_event_loop(loop)
            try:
                loop.run_until_complete(serve(app, config, shutdown_trigger=stopped.wait))  # type: ignore[arg-type]
                loop.run_until_complete(loop.shutdown_default_executor())
            finally:
                loop.close()

        thread = threading.Thread(target=run, name="fake-fcm")
        thread.start()
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(stopped.set)
            thread.join(10)
            for one in sockets.secure_sockets:
                one.close()
            assert not thread.is_alive()

    async def grant(self, request: Request) -> JSONResponse:
        form = parse_qs((await request.body()).decode())
        if self.grants_scripted:
            return self.grants_scripted.popleft()
        if form.get("grant_type") != ["urn:ietf:params:oauth:grant-type:jwt-bearer"]:
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        problem = self.problem_of(form.get("assertion", [""])[0])
        if problem:
            return JSONResponse({"error": "invalid_grant", "error_description": problem}, 400)
        self.granted += 1
        access = f"ya29.{self.granted}"
        self.access[access] = self.now_s() + 3599
        return JSONResponse({"access_token": access, "expires_in": 3599, "token_type": "Bearer"})

    def problem_of(self, assertion: str) -> str:
        try:
            header = jwt.get_unverified_header(assertion)
            options = {"verify_exp": False, "verify_iat": False, "require": ["iss", "scope", "aud", "iat", "exp"]}
            claims = jwt.decode(assertion, google().public_key(), ["RS256"], audience=AUDIENCE, options=options)  # type: ignore[arg-type]
        except jwt.InvalidTokenError as error:
            return f"Invalid JWT Signature. {type(error).__name__}"
        now_s = self.now_s()
        if header.get("kid") != ACCOUNT_KEY_ID or claims["iss"] != EMAIL:
            return "Invalid grant: account not found"
        if not SCOPES & set(claims["scope"].split()):
            return "Invalid OAuth scope or ID token audience provided."
        if not (claims["iat"] - 600 <= now_s <= claims["exp"] <= claims["iat"] + 3600):
            return "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."
        return ""

    async def send(self, request: Request) -> JSONResponse:
        self.requests += 1
        self.versions.add(request.scope["http_version"])
        body = await request.body()
        try:
            if self.scripted:
                raise self.scripted.popleft()
            message = self.check(request, body)
        except Refusal as refusal:
            return refusal.response()
        self.pushed.append(message)
        return JSONResponse({"name": f"projects/{PROJECT}/messages/0:{len(self.pushed)}"})

    def check(self, request: Request, body: bytes) -> dict[str, Any]:
        access = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.access.get(access, 0.0) <= self.now_s():
            raise Refusal(401, "UNAUTHENTICATED")
        if request.path_params["project"] != PROJECT:
            raise Refusal(403, "PERMISSION_DENIED")
        try:
            sent = json.loads(body)
        except ValueError:
            raise Refusal(400, "INVALID_ARGUMENT") from None
        message = sent.get("message") if isinstance(sent, dict) else None
        if not isinstance(message, dict):
            raise Refusal(400, "INVALID_ARGUMENT", violation="message")
        self.check_message(message)
        self.check_token(message["token"])
        return message

    def check_message(self, message: dict[str, Any]) -> None:
        android, data = message.get("android", {}), message.get("data", {})
        if unknown := (set(message) - MESSAGE_FIELDS) | (set(android) - ANDROID_FIELDS):
            raise Refusal(400, "INVALID_ARGUMENT", violation=f"message.{unknown.pop()}")
        if not all(isinstance(value, str) for value in data.values()):
            raise Refusal(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "message.data")
        if sum(len(key) + len(value) for key, value in data.items()) > DATA_BYTES_MAX:
            raise Refusal(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "message")
        if str(android.get("priority", "NORMAL")).upper() not in {"NORMAL", "HIGH"}:
            raise Refusal(400, "INVALID_ARGUMENT", violation="message.android.priority")
        ttl = re.fullmatch(r"(\d+)(\.\d{1,9})?s", str(android.get("ttl", "0s")))
        if ttl is None or int(ttl[1]) > TTL_S_MAX:
            raise Refusal(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "message.android.ttl")
        if "token" not in message:
            raise Refusal(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "message")

    def check_token(self, token: str) -> None:
        if token in self.gone:
            raise Refusal(404, "NOT_FOUND", "UNREGISTERED")
        if token in self.foreign:
            raise Refusal(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH")
        if token not in self.tokens:
            raise Refusal(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "message.token")
