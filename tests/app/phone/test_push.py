"""The token of Firebase reaches the server, and a build without Firebase goes without."""

from types import SimpleNamespace

import pytest

from onebar import OnebarError
from onebar_app.phone import push
from onebar_mockserver import MockServer
from onebar_mockserver.pytest_plugin import MakePhone

ALICE, BOB = "+12025550101", "+12025550102"


async def test_a_phone_with_firebase_is_woken(onebar_server: MockServer, onebar_phone: MakePhone) -> None:
    alice, bob = await onebar_phone(ALICE), await onebar_phone(BOB)
    assert await push.register(bob, SimpleNamespace(token=lambda: "token-of-firebase"))
    await (await alice.chat(BOB).send("are you there?")).delivered(20)
    bob.background()
    async for link in bob.link_changes():
        if link.state == "sleeping":
            break
    await alice.chat(BOB).send("wake up")
    await onebar_server.woken(BOB)
    assert (await bob.handle_push()).received == 1


async def test_without_firebase_or_a_token_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Client:
        async def register_push(self, kind: str, token: str) -> None:
            raise OnebarError(f"another process has the connection: {kind} {token}")

    client = Client()
    assert push.bridge() is None  # this is no phone
    assert not await push.register(client, None)
    assert not await push.register(client, SimpleNamespace(token=lambda: None))
    assert not await push.register(client, SimpleNamespace(token=lambda: "token"))
    classes = {push.BRIDGE: "the class"}
    monkeypatch.setattr(push, "java", classes.__getitem__)
    assert push.bridge() == "the class"
