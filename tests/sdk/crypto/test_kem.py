"""ML-KEM-768 comes from a library or not at all, and both libraries look the same from outside."""

import hashlib
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey

from onebar.crypto import kem as module
from onebar.crypto.kem import (
    CIPHERTEXT_BYTES,
    PUBLIC_BYTES,
    SECRET_BYTES,
    SHARED_BYTES,
    Kem,
    KemError,
    OpensslKem,
    SodiumKem,
    find_kem,
    find_openssl,
    find_sodium,
    is_ml_kem,
)

cffi = import_module("cffi")  # it has no types
FFI = cffi.FFI()


class LikeSodium:
    """libsodium's three functions, by their header: OpenSSL does the work, and the long key holds the seed."""

    def crypto_kem_mlkem768_seed_keypair(self, pk: Any, sk: Any, seed: bytes) -> int:
        assert len(sk) == 2400
        pk[0:PUBLIC_BYTES] = MLKEM768PrivateKey.from_seed_bytes(seed).public_key().public_bytes_raw()
        sk[0:2400] = seed + bytes(2400 - len(seed))
        return 0

    def crypto_kem_mlkem768_enc(self, ct: Any, ss: Any, pk: bytes) -> int:
        try:
            shared, ciphertext = MLKEM768PublicKey.from_public_bytes(pk).encapsulate()
        except ValueError:
            return -1
        ct[0:CIPHERTEXT_BYTES], ss[0:SHARED_BYTES] = ciphertext, shared
        return 0

    def crypto_kem_mlkem768_dec(self, ss: Any, ct: bytes, sk: Any) -> int:
        seed = bytes(FFI.buffer(sk))[:SECRET_BYTES]
        ss[0:SHARED_BYTES] = MLKEM768PrivateKey.from_seed_bytes(seed).decapsulate(ct)
        return 0


class Refusing(LikeSodium):
    """A libsodium that is out of memory."""

    def crypto_kem_mlkem768_seed_keypair(self, pk: Any, sk: Any, seed: bytes) -> int:
        return -1


class RefusingToOpen(LikeSodium):
    """One that only opens nothing."""

    def crypto_kem_mlkem768_dec(self, ss: Any, ct: bytes, sk: Any) -> int:
        return -1


def entropy_of(text: bytes) -> Callable[[int], bytes]:
    return lambda size: hashlib.shake_256(text).digest(size)


BOTH = pytest.mark.parametrize("kem", [OpensslKem(), SodiumKem(FFI, LikeSodium())], ids=["openssl", "like libsodium"])


@BOTH
def test_who_has_the_secret_finds_what_was_shared(kem: Kem) -> None:
    public, secret = kem.keypair(entropy_of(b"bob"))
    shared, ciphertext = kem.encapsulate(public)
    assert (len(public), len(secret), len(ciphertext), len(shared)) == (1184, 64, 1088, 32)
    assert kem.decapsulate(secret, ciphertext) == shared


@BOTH
def test_nobody_else_does_and_a_changed_ciphertext_is_another_secret(kem: Kem) -> None:
    public, secret = kem.keypair(entropy_of(b"bob"))
    _, eves = kem.keypair(entropy_of(b"eve"))
    shared, ciphertext = kem.encapsulate(public)
    changed = bytes((ciphertext[0] ^ 1,)) + ciphertext[1:]
    assert len({shared, kem.decapsulate(eves, ciphertext), kem.decapsulate(secret, changed)}) == 3


@BOTH
def test_each_encapsulation_is_new_and_a_key_is_what_its_entropy_was(kem: Kem) -> None:
    public, secret = kem.keypair(entropy_of(b"bob"))
    assert secret == entropy_of(b"bob")(SECRET_BYTES)
    assert kem.keypair(entropy_of(b"bob")) == (public, secret)
    assert kem.encapsulate(public) != kem.encapsulate(public)


def test_one_library_opens_what_another_made() -> None:
    first, second = OpensslKem(), SodiumKem(FFI, LikeSodium())
    public, secret = first.keypair(entropy_of(b"bob"))
    assert second.keypair(entropy_of(b"bob")) == (public, secret)
    shared, ciphertext = second.encapsulate(public)
    assert first.decapsulate(secret, ciphertext) == second.decapsulate(secret, ciphertext) == shared


@BOTH
@pytest.mark.parametrize("off_by", [-1, 1])
def test_another_length_is_named_with_the_right_one(kem: Kem, off_by: int) -> None:
    public, secret = kem.keypair(entropy_of(b"bob"))
    _, ciphertext = kem.encapsulate(public)
    with pytest.raises(KemError, match=rf"public key of {1184 + off_by} bytes; it has 1184"):
        kem.encapsulate((public + b"x")[: 1184 + off_by])
    with pytest.raises(KemError, match=rf"secret of {64 + off_by} bytes; it has 64"):
        kem.decapsulate((secret + b"x")[: 64 + off_by], ciphertext)
    with pytest.raises(KemError, match=rf"ciphertext of {1088 + off_by} bytes; it has 1088"):
        kem.decapsulate(secret, (ciphertext + b"x")[: 1088 + off_by])
    with pytest.raises(KemError, match=rf"seed of {64 + off_by} bytes; it has 64"):
        kem.keypair(lambda size: bytes(size + off_by))


@BOTH
def test_a_key_that_fails_the_modulus_check_is_refused(kem: Kem) -> None:
    with pytest.raises(KemError, match="modulus"):
        kem.encapsulate(b"\xff" * PUBLIC_BYTES)


def test_a_library_that_refuses_is_heard() -> None:
    with pytest.raises(KemError, match="no ML-KEM-768 key"):
        SodiumKem(FFI, Refusing()).keypair(bytes)
    with pytest.raises(KemError, match="refused to open"):
        SodiumKem(FFI, RefusingToOpen()).decapsulate(bytes(SECRET_BYTES), bytes(CIPHERTEXT_BYTES))


def test_another_kem_under_the_same_name_is_not_taken() -> None:
    class OtherKem(OpensslKem):
        def keypair(self, entropy: Callable[[int], bytes]) -> tuple[bytes, bytes]:
            return super().keypair(lambda size: b"\1" * size)

    assert is_ml_kem(OpensslKem())
    assert not is_ml_kem(OtherKem())
    assert not is_ml_kem(SodiumKem(FFI, Refusing()))


def provider(found: Kem | None) -> Callable[[], Kem | None]:
    return lambda: found


@pytest.mark.parametrize(
    ("sodium", "openssl", "expected"),
    [
        (SodiumKem(FFI, LikeSodium()), OpensslKem(), "libsodium"),
        (SodiumKem(FFI, Refusing()), OpensslKem(), "cryptography"),
        (None, OpensslKem(), "cryptography"),
        (SodiumKem(FFI, LikeSodium()), None, "libsodium"),
        (None, None, None),
    ],
)
def test_libsodium_comes_first_then_openssl_then_none(
    sodium: Kem | None, openssl: Kem | None, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "find_sodium", provider(sodium))
    monkeypatch.setattr(module, "find_openssl", provider(openssl))
    found = find_kem.__wrapped__()
    assert (found and found.name) == expected


def test_what_is_found_here_works_and_is_looked_for_once() -> None:
    found = find_kem()
    assert found is not None
    assert found is find_kem()
    public, secret = found.keypair(entropy_of(b"x"))
    shared, ciphertext = found.encapsulate(public)
    assert found.decapsulate(secret, ciphertext) == shared


def test_without_cryptography_there_is_no_openssl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.mlkem", None)
    assert find_openssl() is None


def test_a_libsodium_is_taken_only_if_it_has_the_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ffi:
        found: object = object()
        declared = 0

        def cdef(self, declarations: str) -> None:
            FFI.cdef(declarations, override=True)  # raises if it is not C
            self.declared = declarations.count("crypto_kem_mlkem768_")

        def dlopen(self, path: str) -> object:
            assert "_sodium" in path
            assert self.declared == 3
            return self.found

    monkeypatch.setattr(cffi, "FFI", Ffi)
    assert find_sodium() is None
    monkeypatch.setattr(Ffi, "found", LikeSodium())
    assert isinstance(find_sodium(), SodiumKem)
