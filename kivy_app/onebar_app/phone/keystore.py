"""The master key on Android: it never leaves the keystore; what wraps the secrets is wrapped under it in a file.

The keystore's own AES key (AES-256-GCM, not exportable) encrypts 32 random bytes. Those are the key of the SDK's vault.
A desktop has no keystore: there the SDK's own key file beside the database does (`Client.open` without `vault`).
"""

import os
from pathlib import Path
from typing import Any, Final, Protocol

from onebar.crypto.wrapping import KEY_BYTES, KeyVault, WrappingKey
from onebar_app.phone.android import java

ALIAS: Final = "onebar.master"
"""The key's name in the keystore."""

NONCE_BYTES: Final = 12
"""Length of what the keystore chooses anew for each encryption (GCM)."""

_TAG_BITS: Final = 128
_ENCRYPT, _DECRYPT = 1, 2  # javax.crypto.Cipher's modes
_PURPOSES: Final = 3  # KeyProperties.PURPOSE_ENCRYPT | PURPOSE_DECRYPT


class MasterCipher(Protocol):
    """Encrypts under a key that nobody can take out."""

    def encrypt(self, plain: bytes) -> bytes:
        """Return nonce and ciphertext."""

    def decrypt(self, sealed: bytes) -> bytes:
        """Return the plaintext; raises if it was changed or the key is gone."""


class KeystoreCipher:
    """The keystore of Android, through pyjnius."""

    def __init__(self) -> None:
        store = java("java.security.KeyStore").getInstance("AndroidKeyStore")
        store.load(None)
        if not store.containsAlias(ALIAS):
            _make_key()
        self._key = store.getKey(ALIAS, None)

    def encrypt(self, plain: bytes) -> bytes:
        """Return nonce and ciphertext."""
        cipher = java("javax.crypto.Cipher").getInstance("AES/GCM/NoPadding")
        cipher.init(_ENCRYPT, self._key)
        return _bytes(cipher.getIV()) + _bytes(cipher.doFinal(plain))

    def decrypt(self, sealed: bytes) -> bytes:
        """Return the plaintext."""
        cipher = java("javax.crypto.Cipher").getInstance("AES/GCM/NoPadding")
        spec = java("javax.crypto.spec.GCMParameterSpec")(_TAG_BITS, sealed[:NONCE_BYTES])
        cipher.init(_DECRYPT, self._key, spec)
        return _bytes(cipher.doFinal(sealed[NONCE_BYTES:]))


def _make_key() -> None:
    builder = java("android.security.keystore.KeyGenParameterSpec$Builder")(ALIAS, _PURPOSES)
    builder.setBlockModes(["GCM"]).setEncryptionPaddings(["NoPadding"]).setKeySize(256)
    generator = java("javax.crypto.KeyGenerator").getInstance("AES", "AndroidKeyStore")
    generator.init(builder.build())
    generator.generateKey()


def _bytes(array: Any) -> bytes:
    return bytes(byte & 0xFF for byte in array)


def vault(path: Path, cipher: MasterCipher) -> KeyVault:
    """Return the vault for `Client.open`, and make its key at the first start.

    Args:
        path: Where the wrapped key is; losing it loses the device's secrets.
        cipher: The keystore.

    Raises:
        OSError: The file cannot be read or written.
    """
    if not path.exists():
        part = path.with_suffix(".part")
        part.write_bytes(cipher.encrypt(os.urandom(KEY_BYTES)))
        part.chmod(0o600)
        part.replace(path)
    return WrappingKey(cipher.decrypt(path.read_bytes()), os.urandom)
