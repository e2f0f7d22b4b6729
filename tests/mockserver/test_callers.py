"""A token lets its device in, until it expires or the device is removed, at this host only."""

import pytest

from onebar.crypto.http_tokens import TOKEN_LIFE_MS, authorization
from onebar.crypto.keys import DeviceKeys
from onebar_mockserver import MockServer
from onebar_mockserver.app import now_ms
from onebar_mockserver.callers import TOKEN_LIFE_MAX_MS, Caller, TokenCheck, UnauthenticatedError
from onebar_mockserver.ports import Ledger
from tests.mockserver.rawclient import Keys, Phone, register

HOST = "chat.example:8440"


def token(phone: Phone, *, host: str = HOST, now: int | None = None, device: int | None = None) -> str:
    keys = DeviceKeys(bytes(phone.keys.signing), bytes(32))
    return authorization(keys, host, phone.account, device or phone.device, now_ms() if now is None else now)


@pytest.fixture
def check(server: MockServer) -> TokenCheck:
    assert server._backend
    ledger: Ledger = server._backend._engine
    return TokenCheck(ledger, now_ms)


async def refused(check: TokenCheck, host: str, text: str) -> str:
    with pytest.raises(UnauthenticatedError) as told:
        await check(host, text)
    assert "ey" not in told.value.reason
    return told.value.reason


async def test_a_device_is_let_in(check: TokenCheck, alice: Phone, bob: Phone) -> None:
    assert await check(HOST, token(alice)) == Caller(alice.account, alice.device)
    assert await check("CHAT.example:8440", token(bob)) == Caller(bob.account, bob.device)


async def test_anybody_else_is_not(check: TokenCheck, alice: Phone, bob: Phone) -> None:
    good = token(alice)
    assert await refused(check, "other.example", good) == "bad_token"
    assert await refused(check, HOST, token(alice, device=bob.device)) == "device_removed"
    forged = Phone(alice.url, alice.account, alice.device, bob.keys)
    assert await refused(check, HOST, token(forged)) == "bad_token"
    unknown = Phone(alice.url, 2**63 - 1, alice.device, alice.keys)
    assert await refused(check, HOST, token(unknown)) == "device_removed"
    for text in ("", "Bearer x", good[:-1], good + "0", good.replace("Onebar", "onebar"), "Onebar 1.2.3." + "g" * 128):
        assert await refused(check, HOST, text) == "bad_token"
    assert await refused(check, HOST, good.replace("Onebar ", "Onebar 9")) in ("bad_token", "device_removed")


async def test_a_token_lives_for_an_hour(check: TokenCheck, alice: Phone) -> None:
    assert await refused(check, HOST, token(alice, now=now_ms() - TOKEN_LIFE_MS - 1)) == "token_expired"
    assert await refused(check, HOST, token(alice, now=now_ms() + TOKEN_LIFE_MAX_MS)) == "token_expired"
    await check(HOST, token(alice, now=now_ms() - TOKEN_LIFE_MS + 60_000))


async def test_a_removed_device_is_not_let_in(check: TokenCheck, server: MockServer, alice: Phone) -> None:
    again = await register(server, "+4915112345671", Keys())
    assert again.account == alice.account
    assert await refused(check, HOST, token(alice)) == "device_removed"
    assert await check(HOST, token(again)) == Caller(again.account, again.device)
