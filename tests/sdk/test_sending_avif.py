"""AVIF goes to those only whose devices have all announced it, as they are known when a photo is sent."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from onebar import Client, MessageReceived
from onebar.media.photos import Codec, can_make_avif
from onebar_mockserver import MockServer
from tests.sdk.clients import ALICE, BOB, CAROL, HASTY, PATIENCE_S, next_of, registered
from tests.sdk.media.made import with_metadata

AVIF = "image/avif"
SHOWS = replace(HASTY, shows=(AVIF,))
PLAIN = replace(HASTY, shows=())
NUMBERS = count()
PHOTO = with_metadata("JPEG")

pytestmark = pytest.mark.skipif(not can_make_avif(), reason="this Pillow makes no AVIF")


async def answer(author: Client, phone: str, reader: Client) -> None:
    """Say two things: what the author's device can show goes behind the first one, and before the second."""
    heard = reader.events("answer")
    await author.chat(phone).send("Hello!")
    last = await author.chat(phone).send(text := f"and again {next(NUMBERS)}")
    while getattr(await next_of(heard, MessageReceived), "text", "") != text:
        pass
    await last.delivered(PATIENCE_S)


async def knows(client: Client, phone: str) -> None:
    """Wait until all devices of a chat have announced it."""
    home = client._opened()
    async with asyncio.timeout(PATIENCE_S):
        while news := home.news():
            if await home.read(lambda store: store.contacts.all_show(phone, AVIF)):
                return
            await news.wait()


async def sent_as(author: Client, phone: str, codec: Codec | None = None) -> str:
    sent = await author.chat(phone).send_photo(PHOTO, codec=codec)
    return (await sent.file.look()).media_type


async def test_a_photo_is_avif_once_the_other_side_has_announced_it(tmp_path: Path, server: MockServer) -> None:
    async with (
        registered(tmp_path / "alice.db", ALICE, server, SHOWS) as alice,
        registered(tmp_path / "bob.db", BOB, server, SHOWS) as bob,
    ):
        assert await sent_as(alice, BOB) == "image/jpeg", "nothing is known of Bob"
        await (await alice.chat(BOB).send("Hi")).delivered(PATIENCE_S)
        await answer(bob, ALICE, alice)
        sent = await alice.chat(BOB).send_photo(PHOTO)
        assert (await sent.file.look()).media_type == AVIF
        await sent.delivered(PATIENCE_S)
        message = (await bob.chat(ALICE).history())[-1]
        assert message.attachment is not None
        [at async for at in bob.file(message).progress()]
        assert (await bob.file(message).read())[4:12] == b"ftypavif"
        assert await sent_as(alice, BOB, Codec.JPEG) == "image/jpeg", "the app may say so"
        assert await bob.chat(ALICE).profile() is None, "nobody has said anything of themselves"


async def test_it_is_decided_when_the_photo_is_sent_also_without_a_network(tmp_path: Path, server: MockServer) -> None:
    async with (
        registered(tmp_path / "alice.db", ALICE, server, SHOWS) as alice,
        registered(tmp_path / "bob.db", BOB, server, SHOWS) as bob,
    ):
        await (await alice.chat(BOB).send("Hi")).delivered(PATIENCE_S)
        await answer(bob, ALICE, alice)
        await server.stop()
        assert await sent_as(alice, BOB) == AVIF


@pytest.mark.parametrize("config", [PLAIN, HASTY])
async def test_who_has_announced_nothing_gets_jpeg(tmp_path: Path, server: MockServer, config: type) -> None:
    async with (
        registered(tmp_path / "alice.db", ALICE, server, SHOWS) as alice,
        registered(tmp_path / "bob.db", BOB, server, config) as bob,  # type: ignore[arg-type]
    ):
        await (await alice.chat(BOB).send("Hi")).delivered(PATIENCE_S)
        await answer(bob, ALICE, alice)
        assert await sent_as(alice, BOB) == "image/jpeg"
        await answer(alice, BOB, bob)
        assert await sent_as(bob, ALICE) == AVIF, "each for itself"


async def test_an_app_that_shows_less_takes_its_word_back(tmp_path: Path, server: MockServer) -> None:
    async with registered(tmp_path / "alice.db", ALICE, server, SHOWS) as alice:
        async with registered(tmp_path / "bob.db", BOB, server, SHOWS) as bob:
            await (await alice.chat(BOB).send("Hi")).delivered(PATIENCE_S)
            await answer(bob, ALICE, alice)
            assert await sent_as(alice, BOB) == AVIF
        async with Client.open(tmp_path / "bob.db", server=server.url, config=HASTY) as bob:  # a script says nothing
            await answer(bob, ALICE, alice)
            assert await sent_as(alice, BOB) == AVIF
        async with Client.open(tmp_path / "bob.db", server=server.url, config=PLAIN) as bob:
            await answer(bob, ALICE, alice)
            assert await sent_as(alice, BOB) == "image/jpeg"


async def test_all_devices_of_both_sides_count(tmp_path: Path, server: MockServer) -> None:
    async with AsyncExitStack() as stack:
        alice = await stack.enter_async_context(registered(tmp_path / "alice.db", ALICE, server, SHOWS))
        bob = await stack.enter_async_context(registered(tmp_path / "bob.db", BOB, server, SHOWS))
        await (await alice.chat(BOB).send("Hi")).delivered(PATIENCE_S)
        await answer(bob, ALICE, alice)
        assert await sent_as(alice, BOB) == AVIF
        tablet = await stack.enter_async_context(Client.open(tmp_path / "tablet.db", server=server.url, config=SHOWS))
        await tablet.join(await alice.approve_device(await tablet.device_request(), timeout_s=PATIENCE_S))
        assert await sent_as(alice, BOB) == "image/jpeg", "her own tablet has said nothing yet"
        await answer(bob, ALICE, tablet)  # who writes to the tablet can be answered by it
        await answer(alice, BOB, bob)  # and it gets a copy of that
        for reader, phone in ((bob, ALICE), (alice, BOB)):
            await knows(reader, phone)
        assert await sent_as(bob, ALICE) == AVIF, "the tablet has only read so far"
        assert await sent_as(alice, BOB) == AVIF


async def test_a_photo_is_forwarded_as_its_readers_can_show_it(tmp_path: Path, server: MockServer) -> None:
    async with AsyncExitStack() as stack:
        alice = await stack.enter_async_context(registered(tmp_path / "alice.db", ALICE, server, SHOWS))
        bob = await stack.enter_async_context(registered(tmp_path / "bob.db", BOB, server, SHOWS))
        await stack.enter_async_context(registered(tmp_path / "carol.db", CAROL, server))
        await (await alice.chat(BOB).send("Hi")).delivered(PATIENCE_S)
        await answer(bob, ALICE, alice)
        sent = await alice.chat(BOB).send_photo(PHOTO, caption="look")
        await sent.delivered(PATIENCE_S)
        on = await alice.chat(CAROL).forward(sent.message_no)
        shown = await on.file.look()
        assert (shown.media_type, shown.width, shown.height) == ("image/jpeg", 320, 240)
        assert (await alice.message(on.message_no)).text == "look"  # type: ignore[union-attr]
        back = await alice.chat(BOB).forward(sent.message_no)
        assert (await back.file.look()).media_type == AVIF
