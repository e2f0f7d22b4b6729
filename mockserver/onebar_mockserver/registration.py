"""Registration over HTTP (docs/protocol.md §2)."""

import asyncio
import base64
import binascii
import logging
import re
import struct
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Final, TypeVar

import msgspec
import phonenumbers
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from onebar.core.questions import PIN_BYTES
from onebar_mockserver import openapi
from onebar_mockserver.buckets import Buckets
from onebar_mockserver.connections import owner_of
from onebar_mockserver.faults import Faults
from onebar_mockserver.limits import BODY_BYTES_MAX, BODY_S
from onebar_mockserver.ports import (
    BatchFailedError,
    EngineLostError,
    Keys,
    Ledger,
    RateLimitedError,
    Registered,
    RegistrationError,
)
from onebar_mockserver.sms import Sms, SmsError, SmsGateway, SmsLog

STATUS: Final = {
    "bad_request": 400,
    "wrong_code": 403,
    "code_expired": 403,
    "device_removed": 403,
    "bad_proof": 403,
    "not_found": 404,
    "too_large": 413,
    "pin_required": 423,
    "wrong_pin": 423,
    "totp_required": 423,
    "wrong_totp": 423,
    "rate_limited": 429,
    "unavailable": 503,
}
"""Error names of §2 and their statuses."""

_REPLACE_CONTEXT: Final = b"onebar replace 1\0"

logger = logging.getLogger(__name__)

B = TypeVar("B")
Number = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
Handler = Callable[[Request], Awaitable[Response]]


class CodeBody(msgspec.Struct):
    """Body of `POST /v1/codes`."""

    phone: str


class KeysBody(msgspec.Struct, kw_only=True):
    """The public keys of a new device, base64url."""

    identity_key: Annotated[str, msgspec.Meta(pattern=openapi.KEY)]
    box_key: Annotated[str, msgspec.Meta(pattern=openapi.KEY)]
    key_signature: Annotated[str, msgspec.Meta(pattern=openapi.SIGNATURE)]


class DeviceBody(KeysBody, kw_only=True):
    """Body of `POST /v1/devices`."""

    phone: str
    code: str
    pin: Annotated[str, msgspec.Meta(pattern=f"^$|{openapi.KEY}")] = ""
    """The stretched PIN, base64url; empty for none."""
    totp: Annotated[str, msgspec.Meta(pattern="^([0-9]{6})?$")] = ""
    """The one-time password; empty for none."""


class ReplaceBody(KeysBody, kw_only=True):
    """Body of `POST /v1/devices/replace`."""

    account: Number
    device: Number
    proof: Annotated[str, msgspec.Meta(pattern=openapi.SIGNATURE)]


ERRORS: Final = (400, 403, 413, 429, 503)
"""What every request with a body may be answered."""

OPERATIONS: Final = (
    openapi.Operation("/v1/codes", "post", "send a code", CodeBody, 202, openapi.Done, ERRORS),
    openapi.Operation("/v1/devices", "post", "register", DeviceBody, 200, openapi.Device, (*ERRORS, 423)),
    openapi.Operation(
        "/v1/devices/replace", "post", "replace a device", ReplaceBody, 200, openapi.NewDevice, (*ERRORS, 404)
    ),
    openapi.Operation("/healthz", "get", "does it run?", None, 200, openapi.Health, (503,)),
    openapi.Operation("/dev/sms", "get", "read codes", None, 200, list[openapi.SentSms], (400, 503), ("phone",)),
)
"""All of the API, for its description."""


@dataclass
class Registration:
    """The HTTP side of a server.

    `fresh_seed` makes random bytes for a code, `removed` hears of devices put out of use, `lost` of a failed engine.
    """

    ledger: Ledger
    faults: Faults
    now_ms: Callable[[], int]
    fresh_seed: Callable[[], bytes]
    removed: Callable[[tuple[int, ...]], None]
    lost: Callable[[], None]
    development: bool
    sms: SmsGateway = field(default_factory=SmsLog)
    buckets: Buckets = field(default_factory=lambda: Buckets({}))

    def app(self, more: Sequence[Route] = ()) -> Starlette:
        """Return the ASGI application, with `more` routes beside those of registration."""
        routes = [
            *more,
            Route("/v1/codes", self._answered(self._codes), methods=["POST"]),
            Route("/v1/devices", self._answered(self._devices), methods=["POST"]),
            Route("/v1/devices/replace", self._answered(self._replace), methods=["POST"]),
        ]
        if self.development:
            routes.append(Route("/openapi.json", self._answered(self._openapi), methods=["GET"]))
            if isinstance(self.sms, SmsLog):
                routes.append(Route("/dev/sms", self._answered(_dev_sms(self.sms)), methods=["GET"]))
        return Starlette(routes=routes, exception_handlers={HTTPException: _http_error})

    def _answered(self, handler: Handler) -> Handler:
        """Turn the handler's errors into answers of §2."""

        async def answer(request: Request) -> Response:
            if self.faults.take_refusal():
                return _error("unavailable", "try again later")
            try:
                return await handler(request)
            except RegistrationError as error:
                return _error(error.name, str(error), error.facts)
            except EngineLostError:
                self.lost()
                return _error("unavailable", "the database failed; try again later")
            except BatchFailedError:
                return _error("unavailable", "the request failed in the database")

        return answer

    async def _codes(self, request: Request) -> Response:
        phone = _phone((await _body(request, CodeBody)).phone)
        self._take("code_addresses", owner_of(request.client.host) if request.client else None)
        self._ask("code_numbers", phone)
        code = await self.ledger.issue_code(phone, self.fresh_seed(), self.now_ms())
        try:
            await self.sms.send(Sms(phone, code.code, self.now_ms()))
        except SmsError as error:
            logger.error("%s", error)
            await self.ledger.code_not_sent(phone, self.now_ms())
            raise RegistrationError("unavailable", "the text message could not be sent; try again later") from error
        self.buckets.take("code_numbers", phone, self.now_ms() / 1000)
        return _json({}, 202)

    async def _devices(self, request: Request) -> Response:
        body = await _body(request, DeviceBody)
        phone = _phone(body.phone)
        self._take("registrations", phone)
        pin = _bytes("pin", body.pin, PIN_BYTES) if body.pin else b""
        registered = await self.ledger.register(phone, body.code, _keys(body), self.now_ms(), pin, body.totp)
        self.removed(registered.removed)
        return _json({"account": registered.account, "device": registered.device})

    def _ask(self, limit: str, key: str) -> None:
        """Refuse what is to be counted only when it is done."""
        wait_s = self.buckets.wait_s(limit, key, self.now_ms() / 1000)
        if wait_s:
            self.buckets.refuse(limit)
            raise RateLimitedError(limit, wait_s)

    def _take(self, limit: str, key: str | None) -> None:
        wait_s = None if key is None else self.buckets.take(limit, key, self.now_ms() / 1000)
        if wait_s:
            raise RateLimitedError(limit, wait_s)

    async def _replace(self, request: Request) -> Response:
        body = await _body(request, ReplaceBody)
        keys = _keys(body)
        proof = _bytes("proof", body.proof, 64)
        old = (await self.ledger.identities([body.device])).get(body.device)
        if old is None or old.account != body.account:
            raise RegistrationError("not_found", f"account {body.account} never had a device {body.device}")
        signed = _REPLACE_CONTEXT + struct.pack(">QQ", body.account, body.device) + keys.identity_key + keys.box_key
        _verify("proof", old.identity_key, signed, proof)
        registered: Registered = await self.ledger.replace(body.account, body.device, keys, self.now_ms())
        self.removed(registered.removed)
        return _json({"device": registered.device})

    async def _openapi(self, _request: Request) -> Response:
        return _json(openapi.document(OPERATIONS))


def _dev_sms(log: SmsLog) -> Handler:
    async def shown(request: Request) -> Response:
        phone = _phone(request.query_params.get("phone", "").replace(" ", "+"))
        return _json([sms._asdict() for sms in log.to(phone)])

    return shown


async def _body(request: Request, kind: type[B]) -> B:
    """Read and check a body: bounded in size and time, whatever the client announces."""
    received = b""
    try:
        async with asyncio.timeout(BODY_S):
            async for part in request.stream():
                received += part
                if len(received) > BODY_BYTES_MAX:
                    raise RegistrationError("too_large", f"a body has at most {BODY_BYTES_MAX} bytes")
    except TimeoutError:
        raise RegistrationError("bad_request", f"the body did not arrive within {BODY_S:.0f} s") from None
    except ClientDisconnect:
        raise RegistrationError("bad_request", "the body was cut off") from None
    try:
        return msgspec.json.decode(received, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RegistrationError("bad_request", str(error)) from error


def _phone(text: str) -> str:
    """Check a phone number and return it in E.164, the only form that is stored."""
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        raise RegistrationError(
            "bad_request", "phone: not a number in international form, such as +4915112345678"
        ) from None
    if not phonenumbers.is_possible_number(number):
        raise RegistrationError("bad_request", "phone: no such number can exist")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _keys(body: KeysBody) -> Keys:
    keys = Keys(
        _bytes("identity_key", body.identity_key, 32),
        _bytes("box_key", body.box_key, 32),
        _bytes("key_signature", body.key_signature, 64),
    )
    if not keys.valid:
        raise RegistrationError("bad_proof", "key_signature: the identity key did not sign this box key")
    return keys


def _bytes(name: str, text: str, length: int) -> bytes:
    try:
        decoded = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        decoded = b""
    if len(decoded) != length or re.fullmatch("[A-Za-z0-9_-]*", text) is None:
        raise RegistrationError("bad_request", f"{name}: not {length} bytes in base64url without padding")
    return decoded


def _verify(name: str, identity_key: bytes, signed: bytes, signature: bytes) -> None:
    try:
        VerifyKey(identity_key).verify(signed, signature)
    except (BadSignatureError, ValueError):
        raise RegistrationError("bad_proof", f"{name}: the signature does not verify") from None


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def _error(name: str, detail: str, facts: Mapping[str, int | str] = MappingProxyType({})) -> Response:
    """Answer with an error, and what a program may want to know of it: `retry_after_s` also as HTTP has it."""
    answer = _json({"error": name, "detail": detail, **facts}, STATUS[name])
    if "retry_after_s" in facts:
        answer.headers["Retry-After"] = str(facts["retry_after_s"])
    return answer


async def _http_error(_request: Request, error: Exception) -> Response:
    """Answer what no route takes, in the form of every other error."""
    if isinstance(error, HTTPException) and error.status_code == 404:
        return _error("not_found", "there is nothing at this path")
    status = error.status_code if isinstance(error, HTTPException) else 500
    answer = _json({"error": "bad_request", "detail": "this path does not take this method"}, status)
    if isinstance(error, HTTPException):
        answer.headers.update(error.headers or {})  # a 405 names what is allowed (RFC 9110 §15.5.6)
    return answer
