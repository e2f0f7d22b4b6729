"""The OpenAPI description of the HTTP API (docs/protocol.md §2), made of the very types that requests are read by."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, NamedTuple

import msgspec

from onebar.version import __version__

KEY: Final = "^[A-Za-z0-9_-]{43}$"
"""32 bytes in base64url without padding."""

SIGNATURE: Final = "^[A-Za-z0-9_-]{86}$"
"""64 bytes in base64url without padding."""


class Problem(msgspec.Struct, omit_defaults=True):
    """An error: its name and a sentence about it.

    For `rate_limited` also which limit, and when to come back; for `pin_required` and `wrong_pin` how many tries are
    left, and when the PIN is asked for no longer.
    """

    error: str
    detail: str
    limit: str = ""
    retry_after_s: int = 0
    tries_left: int = 0
    lapses_at_ms: int = 0


class Done(msgspec.Struct):
    """Nothing to tell."""


class Device(msgspec.Struct):
    """The device that was registered."""

    account: Annotated[int, msgspec.Meta(ge=1)]
    device: Annotated[int, msgspec.Meta(ge=1)]


class NewDevice(msgspec.Struct):
    """The device's new number."""

    device: Annotated[int, msgspec.Meta(ge=1)]


class Health(msgspec.Struct):
    """It runs."""

    status: str


class SentSms(msgspec.Struct):
    """A text message that would have been sent."""

    phone: str
    code: str
    sent_at_ms: int


class Operation(NamedTuple):
    """One endpoint: what it takes, and what it answers."""

    path: str
    method: str
    summary: str
    body: type | None
    status: int
    answer: Any
    errors: Sequence[int]
    query: Sequence[str] = ()


def document(operations: Sequence[Operation]) -> dict[str, Any]:
    """Return the description of these operations, OpenAPI 3.1."""
    types = [each for one in operations for each in (one.body, one.answer) if each is not None]
    schemas, components = msgspec.json.schema_components([*types, Problem], ref_template="#/components/schemas/{name}")
    found = iter(schemas)
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        body = None if one.body is None else next(found)
        paths.setdefault(one.path, {})[one.method] = _operation(one, body, next(found), schemas[-1])
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Onebar backend",
            "version": __version__,
            "description": "Registration over HTTP. Everything else travels on the link, docs/protocol.md §3 and §4.",
        },
        "paths": paths,
        "components": {"schemas": components},
    }


def _operation(
    one: Operation, body: Mapping[str, Any] | None, answer: Mapping[str, Any], problem: Mapping[str, Any]
) -> dict[str, Any]:
    described: dict[str, Any] = {
        "summary": one.summary,
        "responses": {str(one.status): _response(one.summary, answer)}
        | {str(status): _response("an error", problem) for status in one.errors},
    }
    if body is not None:
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    if one.query:
        described["parameters"] = [
            {"name": name, "in": "query", "required": True, "schema": {"type": "string"}} for name in one.query
        ]
    return described


def _response(text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": schema}}}
