"""What watches a server asks: is it alive, may it get phones, how is it doing."""

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from onebar_mockserver.metrics import CONTENT_TYPE


def health_routes(ready: Callable[[], bool]) -> list[Route]:
    """Return `/healthz`, which answers as long as the process does, and `/readyz`, which is 404 while it drains."""

    async def healthz(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_request: Request) -> Response:
        if ready():
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "draining"}, 404)

    return [Route("/healthz", healthz, methods=["GET"]), Route("/readyz", readyz, methods=["GET"])]


def admin_app(ready: Callable[[], bool], scrape: Callable[[], Awaitable[bytes]]) -> Starlette:
    """Return what the admin address serves: the same, and `/metrics`."""

    async def metrics(_request: Request) -> Response:
        return Response(await scrape(), media_type=CONTENT_TYPE)

    return Starlette(routes=[*health_routes(ready), Route("/metrics", metrics, methods=["GET"])])
