"""ML-KEM-768 (FIPS 203) from the library that is there: libsodium or OpenSSL. Never one written in Python.

A secret is the seed `d ‖ z` of FIPS 203 §7.1, which every library understands: what one made, another one opens.
"""

import hashlib
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, Final, Protocol

PUBLIC_BYTES: Final = 1184
"""Length of an encapsulation key (FIPS 203, table 3)."""

SECRET_BYTES: Final = 64
"""Length of a decapsulation key in the form of its seed (FIPS 203 §3.3: a seed may be kept in place of the key)."""

CIPHERTEXT_BYTES: Final = 1088
"""Length of a ciphertext (FIPS 203, table 3)."""

SHARED_BYTES: Final = 32
"""Length of the shared secret (FIPS 203, table 3)."""

_EXPANDED_BYTES: Final = 2400  # a decapsulation key as libsodium wants it (FIPS 203, table 3)

# SHA-256 of the public key of the seed of zeros. A library that says otherwise has another KEM, such as older Kyber.
_ANSWER: Final = bytes.fromhex("f95c185fe5b2335d2fc938dd889c6425944acd74376b6952bf1130f720f6ba99")

_DECLARATIONS: Final = """
int crypto_kem_mlkem768_seed_keypair(unsigned char *pk, unsigned char *sk, const unsigned char *seed);
int crypto_kem_mlkem768_enc(unsigned char *ct, unsigned char *ss, const unsigned char *pk);
int crypto_kem_mlkem768_dec(unsigned char *ss, const unsigned char *ct, const unsigned char *sk);
"""  # libsodium 1.0.22, sodium/crypto_kem_mlkem768.h


class KemError(ValueError):
    """A key or a ciphertext that ML-KEM-768 cannot use; the text says which, and how long it should be."""


class Kem(Protocol):
    """A key encapsulation: who has the public key makes a secret that only the key's owner finds in the ciphertext."""

    name: str
    """Of the library, for the log."""

    def keypair(self, entropy: Callable[[int], bytes]) -> tuple[bytes, bytes]:
        """Return a public key of 1184 bytes and its secret of 64, which is what `entropy` gave (FIPS 203 §7.1)."""

    def encapsulate(self, public: bytes) -> tuple[bytes, bytes]:
        """Return a shared secret of 32 bytes and its ciphertext of 1088 (FIPS 203 §7.2).

        The randomness is the library's own: OpenSSL takes none from its callers.

        Raises:
            KemError: The key has another length or fails the modulus check.
        """

    def decapsulate(self, secret: bytes, ciphertext: bytes) -> bytes:
        """Return the shared secret of 32 bytes (FIPS 203 §7.3).

        A ciphertext that was changed gives another secret and no error: what is sealed with it does not open.

        Raises:
            KemError: The secret or the ciphertext has another length.
        """


class OpensslKem:
    """ML-KEM-768 of OpenSSL, through `cryptography` 48 or later."""

    name = "cryptography"

    def keypair(self, entropy: Callable[[int], bytes]) -> tuple[bytes, bytes]:
        """See `Kem.keypair`."""
        from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey

        secret = _sized("seed", entropy(SECRET_BYTES), SECRET_BYTES)
        return MLKEM768PrivateKey.from_seed_bytes(secret).public_key().public_bytes_raw(), secret

    def encapsulate(self, public: bytes) -> tuple[bytes, bytes]:
        """See `Kem.encapsulate`."""
        from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey

        _sized("public key", public, PUBLIC_BYTES)
        try:
            return MLKEM768PublicKey.from_public_bytes(public).encapsulate()
        except ValueError:
            raise KemError(_MODULUS) from None

    def decapsulate(self, secret: bytes, ciphertext: bytes) -> bytes:
        """See `Kem.decapsulate`."""
        from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey

        _sized("secret", secret, SECRET_BYTES)
        _sized("ciphertext", ciphertext, CIPHERTEXT_BYTES)
        return MLKEM768PrivateKey.from_seed_bytes(secret).decapsulate(ciphertext)


class SodiumKem:
    """ML-KEM-768 of libsodium 1.0.22 or later, where PyNaCl was built upon one, as on phones.

    Args:
        ffi: The `cffi.FFI` that makes the buffers.
        library: What has libsodium's three functions.
    """

    name = "libsodium"

    def __init__(self, ffi: Any, library: Any) -> None:
        self._ffi = ffi
        self._library = library

    def keypair(self, entropy: Callable[[int], bytes]) -> tuple[bytes, bytes]:
        """See `Kem.keypair`."""
        secret = _sized("seed", entropy(SECRET_BYTES), SECRET_BYTES)
        public, _ = self._expand(secret)
        return self._bytes(public), secret

    def encapsulate(self, public: bytes) -> tuple[bytes, bytes]:
        """See `Kem.encapsulate`."""
        _sized("public key", public, PUBLIC_BYTES)
        ciphertext, shared = self._buffer(CIPHERTEXT_BYTES), self._buffer(SHARED_BYTES)
        if self._library.crypto_kem_mlkem768_enc(ciphertext, shared, public):
            raise KemError(_MODULUS)
        return self._bytes(shared), self._bytes(ciphertext)

    def decapsulate(self, secret: bytes, ciphertext: bytes) -> bytes:
        """See `Kem.decapsulate`."""
        _sized("secret", secret, SECRET_BYTES)
        _sized("ciphertext", ciphertext, CIPHERTEXT_BYTES)
        _, expanded = self._expand(secret)
        shared = self._buffer(SHARED_BYTES)
        if self._library.crypto_kem_mlkem768_dec(shared, ciphertext, expanded):
            raise KemError("libsodium refused to open an ML-KEM-768 ciphertext")
        return self._bytes(shared)

    def _expand(self, seed: bytes) -> tuple[Any, Any]:
        public, expanded = self._buffer(PUBLIC_BYTES), self._buffer(_EXPANDED_BYTES)
        if self._library.crypto_kem_mlkem768_seed_keypair(public, expanded, seed):
            raise KemError("libsodium made no ML-KEM-768 key of a seed")
        return public, expanded

    def _buffer(self, size: int) -> Any:
        return self._ffi.new("unsigned char[]", size)

    def _bytes(self, buffer: Any) -> bytes:
        return bytes(self._ffi.buffer(buffer))


_MODULUS: Final = "an ML-KEM-768 public key fails the modulus check (FIPS 203 §7.2)"


@cache
def find_kem() -> Kem | None:
    """Return ML-KEM-768 of PyNaCl's libsodium, else of `cryptography` (extra `[pq]`), else None.

    The first call takes about 35 ms, most of it for cffi to read the declarations; call it when a device starts.
    """
    return next((kem for provider in (find_sodium, find_openssl) if (kem := provider()) and is_ml_kem(kem)), None)


def is_ml_kem(kem: Kem) -> bool:
    """Return whether the library makes the key that FIPS 203 makes of the seed of zeros."""
    try:
        public, _ = kem.keypair(bytes)
    except Exception:  # noqa: BLE001  an OpenSSL without ML-KEM has errors of its own for it, and any of them means no
        return False
    return hashlib.sha256(public).digest() == _ANSWER


def find_sodium() -> SodiumKem | None:
    """Return the KEM of the libsodium that PyNaCl is linked to; its wheels from PyPI hold 1.0.20, which has none."""
    from nacl import _sodium

    ffi = import_module("cffi").FFI()  # PyNaCl needs it, so it is there
    ffi.cdef(_DECLARATIONS)
    library = ffi.dlopen(_sodium.__file__)  # loaded already: this adds a handle, and finds what it is linked to as well
    return SodiumKem(ffi, library) if hasattr(library, "crypto_kem_mlkem768_seed_keypair") else None


def find_openssl() -> OpensslKem | None:
    """Return the KEM of `cryptography`, if a version with ML-KEM is installed."""
    try:
        import cryptography.hazmat.primitives.asymmetric.mlkem  # noqa: F401
    except ImportError:
        return None
    return OpensslKem()


def _sized(what: str, value: bytes, size: int) -> bytes:
    if len(value) != size:
        raise KemError(f"an ML-KEM-768 {what} of {len(value)} bytes; it has {size}")
    return value
