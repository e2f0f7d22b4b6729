"""Uploads whose handler is given up."""

import asyncio

import pytest
from starlette.requests import Request
from starlette.types import Message

from onebar_mockserver import uploads


async def test_a_handler_that_is_given_up_leaves_no_task_behind() -> None:
    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    before = asyncio.all_tasks()
    request = Request({"type": "http"}, receive)
    handler = asyncio.ensure_future(anext(uploads._parts(request, asyncio.Event())))
    while len(asyncio.all_tasks() - before) < 3:  # noqa: ASYNC110 - tasks have no event
        await asyncio.sleep(0)
    handler.cancel()
    with pytest.raises(asyncio.CancelledError):
        await handler
    async with asyncio.timeout(5):
        while asyncio.all_tasks() - before:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)
