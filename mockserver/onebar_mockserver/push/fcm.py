"""Firebase Cloud Messaging, HTTP v1: an access token for a service account, then one request for each wake-up.

Google, "Method: projects.messages.send", "FCM error codes", and "Using OAuth 2.0 for server to server applications".
"""

import asyncio
import ssl
import time
from collections.abc import Callable
from typing import Any, Final

import httpx
import jwt
import msgspec

from onebar_mockserver.push.credentials import ServiceAccount
from onebar_mockserver.push.gateways import Answer, Verdict
from onebar_mockserver.push.replies import REQUEST_S, WAKEUP_LIFE_S, retry_after_s, word

URL: Final = "https://fcm.googleapis.com"
"""Google's host."""

SCOPE: Final = "https://www.googleapis.com/auth/firebase.messaging"
"""What the access token is for."""

AUDIENCE: Final = "https://oauth2.googleapis.com/token"
"""For whom the assertion is: always this, as Google's own libraries have it, wherever the file says that tokens are."""

GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
"""The kind of grant (RFC 7523)."""

ASSERTION_S: Final = 3600
"""Life of the assertion: the longest that Google takes."""

RENEW_S: Final = 300.0
"""An access token that lives no longer is renewed before it is used: a request may have to wait."""

QUOTA_S: Final = 60.0
"""Pause when the quota is used up and no `Retry-After` says otherwise, as Google wants it."""

COLLAPSE_KEY: Final = "mail"
"""One for all: a later wake-up takes the place of one that a phone has not seen yet."""

_VIOLATION: Final = "type.googleapis.com/google.rpc.BadRequest"
_FCM_ERROR: Final = "type.googleapis.com/google.firebase.fcm.v1.FcmError"


class _Granted(msgspec.Struct):
    access_token: str
    expires_in: float


class _NoTokenError(Exception):
    """There is no access token; `answer` says why."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.reason)
        self.answer = answer


def body(token: str) -> bytes:
    """Return a wake-up: but for the token, the same for everybody."""
    android = {"priority": "HIGH", "collapse_key": COLLAPSE_KEY, "ttl": f"{WAKEUP_LIFE_S}s"}
    return msgspec.json.encode({"message": {"token": token, "data": {"w": "1"}, "android": android}})


class FcmGateway:
    """Sends wake-ups through FCM.

    Args:
        account: The service account of the app's Firebase project.
        url: Where FCM is.
        tls: Whom to trust; None trusts whom the system trusts.
        now_s: The time since 1970.
    """

    def __init__(
        self,
        account: ServiceAccount,
        url: str = URL,
        *,
        tls: ssl.SSLContext | None = None,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._account = account
        self._url = f"{url}/v1/projects/{account.project}/messages:send"
        self._now_s = now_s
        self._token = ""
        self._token_until_s = 0.0
        self._renewing = asyncio.Lock()
        self._client = httpx.AsyncClient(http2=True, verify=True if tls is None else tls, timeout=REQUEST_S)

    def __repr__(self) -> str:
        """Show no key."""
        return f"<FcmGateway {self._account.project}>"

    @property
    def kind(self) -> str:
        """Whose tokens it takes."""
        return "fcm"

    async def wake(self, token: str) -> Answer:
        """Send a wake-up; see `PushGateway.wake`."""
        try:
            access = await self._access_token()
            answer = await self._post(token, access)
            if answer.reason == "UNAUTHENTICATED":
                answer = await self._post(token, await self._access_token(instead_of=access))
        except _NoTokenError as error:
            return error.answer
        except httpx.HTTPError as error:
            return Answer(Verdict.DOWN, type(error).__name__)
        return answer

    async def close(self) -> None:
        """End the connections."""
        await self._client.aclose()

    async def _access_token(self, instead_of: str = "") -> str:
        """Return an access token that will do for a while; one that was refused is not given again."""
        async with self._renewing:  # many wake-ups wait for one renewal
            if not self._token or self._token == instead_of or self._token_until_s - self._now_s() < RENEW_S:
                await self._renew()
            return self._token

    async def _renew(self) -> None:
        now_s = int(self._now_s())
        claims = {
            "iss": self._account.email,
            "scope": SCOPE,
            "aud": AUDIENCE,
            "iat": now_s,
            "exp": now_s + ASSERTION_S,
        }
        assertion = jwt.encode(claims, self._account.private, "RS256", headers={"kid": self._account.key_id})
        form = {"grant_type": GRANT, "assertion": assertion}
        response = await self._client.post(self._account.token_url, data=form)
        if not response.is_success:
            raise _NoTokenError(self._not_granted(response))
        try:
            granted = msgspec.json.decode(response.content, type=_Granted)
        except msgspec.DecodeError:
            raise _NoTokenError(Answer(Verdict.DOWN, "unreadable")) from None
        self._token, self._token_until_s = granted.access_token, now_s + granted.expires_in

    def _not_granted(self, response: httpx.Response) -> Answer:
        said = _read(response)
        if response.status_code < httpx.codes.INTERNAL_SERVER_ERROR and "error" in said:
            return Answer(Verdict.REFUSED, word(said["error"]))
        return Answer(Verdict.DOWN, "no_access_token", retry_after_s(response.headers, self._now_s()))

    async def _post(self, token: str, access: str) -> Answer:
        headers = {"authorization": f"Bearer {access}", "content-type": "application/json"}
        response = await self._client.post(self._url, content=body(token), headers=headers)
        if response.is_success:
            return Answer(Verdict.SENT)
        return self._refused(response)

    def _refused(self, response: httpx.Response) -> Answer:
        error = _read(response).get("error")
        details = _details(error)
        status = error.get("status") if isinstance(error, dict) else None
        code = next((one.get("errorCode") for one in details if one.get("@type") == _FCM_ERROR), status)
        reason, wait_s = word(code), retry_after_s(response.headers, self._now_s())
        if reason == "UNREGISTERED" or (reason == "INVALID_ARGUMENT" and _is_about_token(details)):
            return Answer(Verdict.GONE, reason)
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            return Answer(Verdict.DOWN, reason, wait_s or QUOTA_S)
        if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            return Answer(Verdict.DOWN, reason, wait_s)
        return Answer(Verdict.REFUSED, reason)


def _read(response: httpx.Response) -> dict[str, Any]:
    try:
        return msgspec.json.decode(response.content, type=dict[str, Any])
    except msgspec.DecodeError:  # from something before Google
        return {}


def _details(error: object) -> list[dict[str, Any]]:
    details = error.get("details") if isinstance(error, dict) else None
    return [one for one in details if isinstance(one, dict)] if isinstance(details, list) else []


def _is_about_token(details: list[dict[str, Any]]) -> bool:
    """Whether it is the token that Google does not take: everything else is the same for all devices."""
    violations = [one.get("fieldViolations") for one in details if one.get("@type") == _VIOLATION]
    fields = [field for some in violations if isinstance(some, list) for field in some if isinstance(field, dict)]
    return any(field.get("field") == "message.token" for field in fields)
