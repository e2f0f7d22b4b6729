"""Text messages with codes: who sends them."""

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import httpx

SMS_KEPT: Final = 1_000
"""Text messages that development mode remembers; the oldest go first."""

SEND_S: Final = 10.0
"""Longest wait for a gateway: the phone that asked for a code waits as long."""

CODE_TEXT: Final = "{code} is your code. Do not give it to anybody."
"""What a text message says unless told otherwise."""


class Sms(NamedTuple):
    """A text message with a code."""

    phone: str
    code: str
    sent_at_ms: int

    def __repr__(self) -> str:
        """Show neither number nor code."""
        return "<Sms>"


class SmsError(Exception):
    """A text message could not be sent; the text says why, without the number and the code."""


class SmsGateway(Protocol):
    """Sends text messages."""

    async def send(self, sms: Sms) -> None:
        """Send a message; return when the gateway has taken it.

        Raises:
            SmsError: It has not.
        """


class SmsLog:
    """Stands in for a gateway: keeps what was sent, so that tests and developers can read it."""

    def __init__(self) -> None:
        self._sent: deque[Sms] = deque(maxlen=SMS_KEPT)

    async def send(self, sms: Sms) -> None:
        """Keep a message."""
        self._sent.append(sms)

    def to(self, phone: str) -> list[Sms]:
        """Return what was sent to this phone, newest last."""
        return [sms for sms in self._sent if sms.phone == phone]


class HttpSms:
    """A gateway that takes JSON by POST, as most do; any answer from 200 to 299 means that it has the message.

    Args:
        url: Where to post.
        body: The JSON object to post; `{phone}`, `{code}` and `{text}` in its strings are filled in.
        token: Sent as `Authorization: Bearer …`; empty for none.
        text: What the message says; `{code}` in it is filled in.
        transport: Carries the requests, instead of the network; for tests.

    Raises:
        ValueError: `url` is none, `token` cannot be in a header, or a string of `body` or `text` has another name in
            braces.
    """

    def __init__(
        self,
        url: str,
        body: Mapping[str, str],
        *,
        token: str = "",
        text: str = CODE_TEXT,
        transport: "httpx.AsyncBaseTransport | None" = None,
    ) -> None:
        self._url, self._body, self._text, self._token = url, dict(body), text, token
        self._transport = transport
        _check(url, token)
        try:
            self._filled(Sms("+12025550101", "123456", 0))
        except (LookupError, ValueError) as error:
            raise ValueError(f"templates of text messages name {{phone}}, {{code}}, {{text}} only: {error}") from None

    def __repr__(self) -> str:
        """Show no token."""
        return f"<HttpSms {self._url}>"

    async def send(self, sms: Sms) -> None:
        """Post a message; see `SmsGateway.send`."""
        import httpx

        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        try:
            async with asyncio.timeout(SEND_S), httpx.AsyncClient(timeout=SEND_S, transport=self._transport) as client:
                answer = await client.post(self._url, json=self._filled(sms), headers=headers)
        except (httpx.HTTPError, TimeoutError) as error:
            raise SmsError(f"the SMS gateway gave no answer ({type(error).__name__})") from None
        if not answer.is_success:
            raise SmsError(f"the SMS gateway answered HTTP {answer.status_code}")

    def _filled(self, sms: Sms) -> dict[str, str]:
        text = self._text.format(code=sms.code)
        return {name: value.format(phone=sms.phone, code=sms.code, text=text) for name, value in self._body.items()}


def _check(url: str, token: str) -> None:
    """Find now what would fail with the first user. No value is shown: both may hold a password."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good or not url.isascii() or not url.isprintable():
        raise ValueError("sms.url is no URL: give one like https://sms.example.org/send")
    if not (token.isascii() and token.isprintable()):
        raise ValueError("sms.token cannot be in a header: give printable characters of ASCII, without a line break")
