"""Waiting for what view-models tell."""

import asyncio
from collections.abc import Callable

from onebar_app.view_models.observable import Observable

PATIENCE_S = 20


async def until(model: Observable, true: Callable[[], object]) -> None:
    """Wait until something is so, looking at each change that the model tells; fail loudly."""
    news = asyncio.Event()
    unwatch = model.watch(news.set)
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not true():
                await news.wait()
                news.clear()
    finally:
        unwatch()
