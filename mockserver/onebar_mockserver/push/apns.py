"""Apple Push Notification service: HTTP/2, and a provider token that is renewed in time.

Apple, "Sending notification requests to APNs", "Establishing a token-based connection to APNs", and "Handling
notification responses from APNs".
"""

import ssl
import time
from collections.abc import Callable
from typing import Final

import httpx
import jwt
import msgspec

from onebar_mockserver.push.credentials import ApnsKey
from onebar_mockserver.push.gateways import Answer, Verdict
from onebar_mockserver.push.replies import REQUEST_S, WAKEUP_LIFE_S, retry_after_s, word

HOSTS: Final = {
    "production": "https://api.push.apple.com",
    "sandbox": "https://api.sandbox.push.apple.com",
}
"""Apple's hosts: `sandbox` for apps that Xcode has installed."""

TOKEN_S: Final = 40 * 60
"""Age at which the provider token is renewed: APNs wants it not before 20 minutes, and not after 60."""

TOKEN_S_MIN: Final = 20 * 60
"""Age before which it is not renewed even where APNs calls it expired: then a clock is wrong, and
`TooManyProviderTokenUpdates` would come on top."""

BODY: Final = (
    b'{"aps":{"alert":{"loc-key":"NEW_MESSAGE"},"content-available":1,"mutable-content":1,"sound":"default"},"w":1}'
)
"""Every wake-up, for everybody: the app, or its notification service extension, looks what has come."""

COLLAPSE_ID: Final = "mail"
"""One for all: a later wake-up takes the place of one that a phone has not seen yet."""


class _Refused(msgspec.Struct):
    reason: str = ""
    timestamp: int | None = None


class ApnsGateway:
    """Sends wake-ups through APNs.

    Args:
        key: The authentication key.
        topic: The app's bundle id.
        url: Where APNs is: one of HOSTS.
        tls: Whom to trust; None trusts whom the system trusts.
        now_s: The time since 1970.
    """

    def __init__(
        self,
        key: ApnsKey,
        topic: str,
        url: str = HOSTS["production"],
        *,
        tls: ssl.SSLContext | None = None,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._key = key
        self._topic = topic
        self._now_s = now_s
        self._token = ""
        self._token_at_s = 0.0
        self._client = httpx.AsyncClient(
            base_url=url, http1=False, http2=True, verify=True if tls is None else tls, timeout=REQUEST_S
        )

    def __repr__(self) -> str:
        """Show no key."""
        return f"<ApnsGateway {self._topic}>"

    @property
    def kind(self) -> str:
        """Whose tokens it takes."""
        return "apns"

    async def wake(self, token: str) -> Answer:
        """Send a wake-up; see `PushGateway.wake`."""
        try:
            answer = await self._post(token)
            if answer.reason == "ExpiredProviderToken" and self._age_s >= TOKEN_S_MIN:
                self._token = ""
                answer = await self._post(token)
        except httpx.HTTPError as error:
            return Answer(Verdict.DOWN, type(error).__name__)
        return answer

    async def close(self) -> None:
        """End the connection."""
        await self._client.aclose()

    @property
    def _age_s(self) -> float:
        return self._now_s() - self._token_at_s

    def _provider_token(self) -> str:
        if not self._token or not 0 <= self._age_s < TOKEN_S:
            self._token_at_s = self._now_s()
            claims = {"iss": self._key.team_id, "iat": int(self._token_at_s)}
            self._token = jwt.encode(claims, self._key.private, "ES256", headers={"kid": self._key.key_id})
        return self._token

    async def _post(self, token: str) -> Answer:
        headers = {
            "authorization": f"bearer {self._provider_token()}",
            "apns-topic": self._topic,
            "apns-push-type": "alert",
            "apns-priority": "10",  # at once: somebody has written
            "apns-expiration": str(int(self._now_s()) + WAKEUP_LIFE_S),
            "apns-collapse-id": COLLAPSE_ID,
            "content-type": "application/json",
        }
        response = await self._client.post(f"/3/device/{token}", content=BODY, headers=headers)
        if response.status_code == httpx.codes.OK:
            return Answer(Verdict.SENT)
        return self._refused(response)

    def _refused(self, response: httpx.Response) -> Answer:
        try:
            said = msgspec.json.decode(response.content, type=_Refused)
        except msgspec.DecodeError:  # from something before APNs
            said = _Refused()
        reason, status = word(said.reason), response.status_code
        wait_s = retry_after_s(response.headers, self._now_s())
        if status == httpx.codes.GONE:
            return Answer(Verdict.GONE, reason, gone_ms=said.timestamp)
        if reason == "BadDeviceToken":
            return Answer(Verdict.GONE, reason)
        if reason == "TooManyRequests":
            return Answer(Verdict.LATER, reason, wait_s)
        if status == httpx.codes.TOO_MANY_REQUESTS or status >= httpx.codes.INTERNAL_SERVER_ERROR:
            return Answer(Verdict.DOWN, reason, wait_s)
        return Answer(Verdict.REFUSED, reason)
