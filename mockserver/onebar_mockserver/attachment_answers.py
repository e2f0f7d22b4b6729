"""What the attachments' handlers share: who is asking, and errors in the form of every other answer (§2)."""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from onebar_mockserver.blobs import BlobGoneError, BlobsLostError, DiskFullError, QuotaError, TakenError
from onebar_mockserver.callers import Authenticate, Caller, UnauthenticatedError
from onebar_mockserver.ports import EngineLostError, RateLimitedError

PATH: Final = "/v1/attachments"
"""Where attachments are created; each has its id behind it."""

Handler = Callable[[Request, Caller], Awaitable[Response]]


class RefusedError(Exception):
    """A request cannot be granted: the status, an error's name and its detail are the answer."""

    def __init__(self, status: int, name: str, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.name = name
        self.headers = headers or {}


class Guard:
    """Lets registered devices in, and turns what their requests raise into answers."""

    def __init__(
        self,
        authenticate: Authenticate,
        now_ms: Callable[[], int],
        lost: Callable[[], None],
        refused: Callable[[str], None] = lambda _limit: None,
    ) -> None:
        """`lost` hears that the ledger failed, `refused` the name of a quota that has refused something."""
        self._authenticate = authenticate
        self._now_ms = now_ms
        self._lost = lost
        self._refused = refused

    async def answer(self, request: Request, handler: Handler) -> Response:
        """Answer one request."""
        headers = request.headers
        try:
            caller = await self._authenticate(headers.get("host", ""), headers.get("authorization", ""))
            return await handler(request, caller)
        except UnauthenticatedError as error:
            told = {"error": error.reason, "detail": str(error), "server_time_ms": self._now_ms()}
            return _refusal(401, told, {"WWW-Authenticate": "Onebar"})
        except RefusedError as error:
            return _refusal(error.status, {"error": error.name, "detail": str(error)}, error.headers)
        except RateLimitedError as error:
            told = {"error": error.name, "detail": str(error), **error.facts}
            return _refusal(429, told, {"Retry-After": str(error.facts["retry_after_s"])})
        except BlobGoneError as error:
            return _refusal(404, {"error": "not_found", "detail": str(error)})
        except QuotaError as error:
            self._refused(error.limit)
            return _refusal(403, {"error": "quota_exceeded", "detail": str(error)})
        except TakenError as error:
            return _refusal(409, {"error": "id_taken", "detail": str(error)})
        except DiskFullError as error:
            self._refused("disk_full")
            return _refusal(507, {"error": "disk_full", "detail": str(error)})
        except BlobsLostError:
            return _refusal(503, {"error": "unavailable", "detail": "the storage failed; try again later"})
        except EngineLostError:
            self._lost()
            return _refusal(503, {"error": "unavailable", "detail": "the database failed; try again later"})


def _refusal(status: int, told: dict[str, object], headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(told), status, headers, "application/json")
