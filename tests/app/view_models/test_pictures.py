"""Photos: the small one at once, the real one when it was read."""

import asyncio

from onebar import Client
from onebar_app.demo import mountains
from onebar_app.view_models.pictures import Pictures, preview
from onebar_app.view_models.session import Session
from tests.app.view_models.conftest import BOB


async def test_the_preview_comes_first_and_then_the_photo(session: Session, bob: Client) -> None:
    await session.client.chat(BOB).send_photo(mountains(800, 600))
    (message,) = await session.client.chat(BOB).history()
    pictures, better = Pictures(session), asyncio.Event()
    kind, small = pictures.get(message, better.set)
    assert kind == "preview"
    assert small is not None
    async with asyncio.timeout(20):
        await better.wait()
    kind, photo = pictures.get(message, better.set)
    assert kind == "photo"
    assert photo is not None
    assert max(photo.size) == 720
    assert (await pictures.full(message, 400)).size == (400, 300)


def test_a_damaged_preview_is_none() -> None:
    assert preview(b"no picture") is None
    assert preview(b"") is None
