"""What an app says about the network, from any thread, and what it sees of the connection."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from onebar import Client, InputError, NotRegisteredError, OnebarError
from onebar.core.engine import Engine
from onebar.core.turn import Attention, Input, Instant, NetworkChanged, Turn
from onebar.errors import CaptivePortalError
from onebar.models import NETWORK_CHARS_MAX, Drained, LinkStatus, Reach
from onebar.testing import WeakNetwork, profile
from onebar_mockserver import MockServer
from tests.sdk.clients import ALICE, BOB, HASTY, NOWHERE, PATIENCE_S, pair, registered


async def link_that(client: Client, wanted: Callable[[LinkStatus], bool]) -> LinkStatus:
    """Wait for a connection that is like that."""
    async with asyncio.timeout(PATIENCE_S):
        async for link in client.link_changes():
            if wanted(link):
                return link
    raise AssertionError("the client was closed")


async def test_hints_come_through_from_any_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Input] = []
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    real = Engine.turn

    def turn(self: Engine, inputs: Sequence[Input], now: Instant) -> Turn:
        heard.extend(item for item in inputs if isinstance(item, NetworkChanged | Attention))
        if len(heard) == 7:
            loop.call_soon_threadsafe(told.set)
        return real(self, inputs, now)

    monkeypatch.setattr(Engine, "turn", turn)
    async with Client.open(tmp_path / "alice.db", server=NOWHERE) as alice:

        def say() -> None:
            alice.network_changed()
            alice.network_changed("wifi:1f2e")
            alice.try_now()
            alice.background()
            alice.network_changed(None)
            alice.try_now()
            alice.foreground()

        await asyncio.to_thread(say)
        async with asyncio.timeout(PATIENCE_S):
            await told.wait()
    assert heard == [
        NetworkChanged(),
        NetworkChanged("wifi:1f2e"),
        NetworkChanged("wifi:1f2e"),  # the same network: the user only does not want to wait
        Attention(foreground=False),
        NetworkChanged(offline=True),
        NetworkChanged(),  # the user knows better
        Attention(foreground=True),
    ]
    assert "1f2e" not in repr(heard)
    with pytest.raises(OnebarError, match="closed"):
        alice.network_changed()


async def test_a_hint_that_comes_too_late_is_ignored(tmp_path: Path) -> None:
    async with Client.open(tmp_path / "alice.db", server=NOWHERE) as alice:
        alice.foreground()  # the loop gets to it when the client is closed
    await asyncio.sleep(0)


@pytest.mark.parametrize("name", ["n" * (NETWORK_CHARS_MAX + 1), 5])
async def test_a_network_without_a_proper_name_is_refused(tmp_path: Path, name: str) -> None:
    async with Client.open(tmp_path / "alice.db", server=NOWHERE) as alice:
        with pytest.raises(InputError, match=f"NETWORK_CHARS_MAX = {NETWORK_CHARS_MAX}"):
            alice.network_changed(name)


async def test_a_guest_says_that_the_connection_is_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "alice.db"
    async with Client.open(path, server=NOWHERE) as holder, Client.open(path, server=NOWHERE) as guest:
        assert (await link_that(guest, lambda link: True)).sentence(0) == "another process has the connection"
        await holder.close()
        assert (await link_that(guest, lambda link: link.state is not Reach.ELSEWHERE)).state is Reach.UNREGISTERED


async def test_a_login_page_is_named_and_once_passed_the_message_goes(tmp_path: Path, server: MockServer) -> None:
    """Over the weak network: never a server error, nothing is lost, and the "try now" button works."""
    network = WeakNetwork(profile("perfect"), ("127.0.0.1", server.port))
    async with (
        network,
        registered(tmp_path / "bob.db", BOB, server),
        Client.open(tmp_path / "alice.db", server=f"http://127.0.0.1:{network.port}", config=HASTY) as alice,
    ):
        await alice.register(ALICE, code=lambda: server.sms(ALICE))
        await link_that(alice, lambda link: link.state is Reach.OPEN)
        network.profile = profile("captive")
        network.reset()
        link = await link_that(alice, lambda link: link.portal and link.state is Reach.WAITING)
        assert link.reason == "this network wants you to sign in first: open any page in a browser"
        assert link.sentence(link.next_try_ms or 0) == "waiting for you to sign in to this network, next try in 0 s"
        with pytest.raises(CaptivePortalError, match="sign in first"):
            await alice.request_code(ALICE)
        message = await alice.chat(BOB).send("from the hotel")
        network.profile = profile("perfect")
        alice.try_now()
        await message.delivered(timeout_s=PATIENCE_S)
        assert not alice.link.portal


async def test_the_server_is_reached_by_another_way(tmp_path: Path, server: MockServer) -> None:
    """The server's own name leads nowhere, for registration and for the link; what it signs is for that name."""
    url = "http://127.0.0.2:9"
    async with Client.open(tmp_path / "a.db", server=url, endpoints=[f"127.0.0.1:{server.port}"]) as alice:
        await alice.register(ALICE, code=lambda: server.sms(ALICE))
        assert (await link_that(alice, lambda link: link.state is Reach.OPEN)).waits_for == ""


async def test_a_phone_in_the_background_sleeps_and_a_push_wakes_it(tmp_path: Path, server: MockServer) -> None:
    async with pair(tmp_path, server) as (alice, bob):
        await (await alice.chat(BOB).send("0")).delivered(PATIENCE_S)
        bob.background()
        await link_that(bob, lambda link: link.state is Reach.SLEEPING)
        for number in range(1, 4):
            await (await alice.chat(BOB).send(f"{number}")).sent(PATIENCE_S)
        assert bob.link.state is Reach.SLEEPING
        assert await bob.drain(PATIENCE_S) == Drained(received=3, waiting=0, done=True)
        await link_that(bob, lambda link: link.state is Reach.SLEEPING)
        await (await bob.chat(ALICE).send("from the background")).sent(PATIENCE_S)
        await link_that(bob, lambda link: link.state is Reach.SLEEPING)
        bob.foreground()
        await link_that(bob, lambda link: link.state is Reach.OPEN)
        assert (await bob.drain(PATIENCE_S)).done, "also with a connection that looks fine"
        await server.stop()
        assert not (await bob.drain(0.1)).done


async def test_a_push_wakes_a_phone_that_connects_drains_and_sleeps_again(tmp_path: Path, server: MockServer) -> None:
    async with registered(tmp_path / "alice.db", ALICE, server) as alice:
        async with Client.open(tmp_path / "bob.db", server=server.url, config=HASTY) as bob:
            await bob.register_push("apns", "AB" * 32)
            await bob.register(BOB, code=lambda: server.sms(BOB))
            await (await alice.chat(BOB).send("first")).delivered(PATIENCE_S)
        for number in range(3):
            await (await alice.chat(BOB).send(f"{number}")).sent(PATIENCE_S)
        [wakeup] = await server.woken(BOB)
        assert (wakeup.kind, wakeup.token) == ("apns", "ab" * 32)
        async with Client.open(tmp_path / "bob.db", server=server.url, config=HASTY) as bob:
            assert await bob.handle_push(PATIENCE_S) == Drained(received=3, waiting=0, done=True)
            await link_that(bob, lambda link: link.state is Reach.SLEEPING)
            await (await alice.chat(BOB).send("another")).sent(PATIENCE_S)
            assert len(await server.woken(BOB, times=2)) == 2
            assert (await bob.handle_push(PATIENCE_S)).received == 1
            bob.foreground()
            assert (await bob.handle_push(PATIENCE_S)).done
            assert (await link_that(bob, lambda link: link.state is not Reach.SLEEPING)).state is Reach.OPEN
            await bob.unregister_push()
            await (await alice.chat(BOB).send("seen")).delivered(PATIENCE_S)
            bob.background()
            await link_that(bob, lambda link: link.state is Reach.SLEEPING)
            assert server.wakeups(BOB) == [], "it has no token any more"


async def test_a_push_token_without_a_kind_or_a_shape_is_refused(tmp_path: Path) -> None:
    async with Client.open(tmp_path / "alice.db", server=NOWHERE) as alice:
        with pytest.raises(InputError, match="there is no push of the kind 'web'; there are apns, fcm"):
            await alice.register_push("web", "x")
        with pytest.raises(InputError, match="no token of apns") as caught:
            await alice.register_push("apns", "not hexadecimal")
        assert "not hexadecimal" not in str(caught.value)
        with pytest.raises(NotRegisteredError):
            await alice.handle_push()
