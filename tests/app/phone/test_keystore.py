"""The vault's key is wrapped by the keystore, and nothing opens without it. The keystore's own part needs a phone."""

import os
from pathlib import Path

import pytest
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from onebar import Client
from onebar_app.phone.keystore import vault
from onebar_mockserver import MockServer


class Cipher:
    """Stands for the keystore."""

    def __init__(self) -> None:
        self._box = SecretBox(os.urandom(32))

    def encrypt(self, plain: bytes) -> bytes:
        return bytes(self._box.encrypt(plain))

    def decrypt(self, sealed: bytes) -> bytes:
        return self._box.decrypt(sealed)


async def test_a_client_opens_under_the_keystore_and_again(onebar_server: MockServer, tmp_path: Path) -> None:
    cipher, master = Cipher(), tmp_path / "onebar.master"
    async with Client.open(tmp_path / "a.db", server=onebar_server.url, vault=vault(master, cipher)) as client:
        await client.register("+12025550101", code=lambda: onebar_server.sms("+12025550101"))
    assert not list(tmp_path.glob("a.db*.key"))
    async with Client.open(tmp_path / "a.db", server=onebar_server.url, vault=vault(master, cipher)) as client:
        assert client.registered


def test_another_keystore_opens_nothing(tmp_path: Path) -> None:
    master = tmp_path / "onebar.master"
    wrapped = vault(master, (cipher := Cipher())).wrap(b"secret", "here")
    assert vault(master, cipher).unwrap(wrapped, "here") == b"secret"
    with pytest.raises(CryptoError):
        vault(master, Cipher())
