"""Every error of a handler is an answer with a name, and none shows more than it should."""

import pytest
from starlette.requests import Request
from starlette.responses import Response

from onebar_mockserver.attachment_answers import Guard, RefusedError
from onebar_mockserver.blobs import BlobGoneError, BlobsLostError, DiskFullError, QuotaError, TakenError
from onebar_mockserver.callers import Caller, UnauthenticatedError
from onebar_mockserver.ports import EngineLostError, RateLimitedError

REQUEST = Request({"type": "http", "headers": [(b"host", b"a"), (b"authorization", b"b")], "method": "GET"})


async def answered(raised: Exception | None, lost: list[bool]) -> Response:
    async def authenticate(host: str, authorization: str) -> Caller:
        assert (host, authorization) == ("a", "b")
        if isinstance(raised, UnauthenticatedError):
            raise raised
        return Caller(1, 2)

    async def handler(_request: Request, caller: Caller) -> Response:
        assert caller == Caller(1, 2)
        if raised is not None:
            raise raised
        return Response(b"fine")

    return await Guard(authenticate, lambda: 42, lambda: lost.append(True)).answer(REQUEST, handler)


@pytest.mark.parametrize(
    ("raised", "status", "name"),
    [
        (UnauthenticatedError("token_expired", "old"), 401, b"token_expired"),
        (RefusedError(409, "wrong_offset", "no"), 409, b"wrong_offset"),
        (RateLimitedError("uploads", 1.2), 429, b"rate_limited"),
        (BlobGoneError("gone"), 404, b"not_found"),
        (TakenError("taken"), 409, b"id_taken"),
        (QuotaError("quota_bytes", "much"), 403, b"quota_exceeded"),
        (DiskFullError("full"), 507, b"disk_full"),
        (BlobsLostError("secret path"), 503, b"unavailable"),
        (EngineLostError("secret path"), 503, b"unavailable"),
    ],
)
async def test_errors_become_answers(raised: Exception, status: int, name: bytes) -> None:
    lost: list[bool] = []
    answer = await answered(raised, lost)
    assert (answer.status_code, name in answer.body, b"secret" in answer.body) == (status, True, False)
    assert lost == ([True] if isinstance(raised, EngineLostError) else [])
    assert (b"42" in answer.body) == (status == 401), "so that a phone with a wrong clock can sign anew"


async def test_quotas_that_refuse_are_counted_by_name() -> None:
    async def authenticate(_host: str, _authorization: str) -> Caller:
        return Caller(1, 2)

    refused: list[str] = []
    guard = Guard(authenticate, lambda: 42, lambda: None, refused.append)
    for raised in (QuotaError("uploads_max", "many"), DiskFullError("full"), TakenError("taken")):

        async def handler(_request: Request, _caller: Caller, error: Exception = raised) -> Response:
            raise error

        await guard.answer(REQUEST, handler)
    assert refused == ["uploads_max", "disk_full"]


async def test_what_works_is_passed_on() -> None:
    assert (await answered(None, [])).body == b"fine"
