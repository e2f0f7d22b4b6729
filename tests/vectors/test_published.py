"""The vectors that `cryptography-vectors` carries (RFC 4231, 5869, 7748, 8032, 8439, ML-KEM's known answers)."""

import hmac

import cryptography_vectors
import pytest

from onebar.crypto.kem import find_kem
from onebar.crypto.keys import BOX_KEY_CONTEXT, DeviceKeys, PeerKeys, verify
from onebar.crypto.primitives import agree, decrypt, encrypt, hkdf
from onebar.crypto.suites import chain_step
from onebar.errors import DecryptionError
from tests.sdk.crypto.conftest import device_keys
from tests.vectors.reading import giving, records, value

# Every encoding of a point of order 1, 2, 4 or 8, in canonical form and not (RFC 7748 §6.1 and §7; cr.yp.to/ecdh.html).
P = 2**255 - 19
ORDER_8 = (
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
)
LOW_ORDER = [u + top for u in (0, 1, *ORDER_8, P - 1, P, P + 1) for top in (0, 2**255)]


def test_x25519_of_rfc_7748() -> None:
    found = list(records("asymmetric/X25519/rfc7748.txt", "count"))
    for vector in found:
        secret, public, shared = (value(vector[name]) for name in ("input_scalar", "input_u", "output_u"))
        assert agree(secret, public) == shared
    assert len(found) == 3


@pytest.mark.parametrize("point", LOW_ORDER)
def test_every_low_order_point_is_refused(point: int) -> None:
    public, eve = point.to_bytes(32, "little"), device_keys("eve")
    with pytest.raises(DecryptionError, match="low-order"):
        agree(eve.box_secret, public)
    assert not PeerKeys(eve.public().identity_key, public, eve.sign(BOX_KEY_CONTEXT + public)).valid


def test_ed25519_signs_and_verifies() -> None:
    lines = 0
    with cryptography_vectors.open_vector_file("asymmetric/Ed25519/sign.input", "r") as file:
        for line in file:
            pair, public, message, signed = (bytes.fromhex(part) for part in line.strip().split(":")[:4])
            signature = DeviceKeys(pair[:32], bytes(32)).sign(message)
            assert signature + message == signed
            assert verify(public, signature, message)
            assert not verify(public, signature, message + b"\0")
            lines += 1
    assert lines == 1024


def test_chacha20_poly1305_of_boringssl() -> None:
    found = list(records("ciphers/ChaCha20Poly1305/boringssl.txt", "count"))
    for vector in found:
        key, nonce, plain, bound, sealed, tag = (
            value(vector[name]) for name in ("key", "nonce", "in", "ad", "ct", "tag")
        )
        assert encrypt(key, nonce, plain, bound) == sealed + tag
        assert decrypt(key, nonce, sealed + tag, bound) == plain
    assert len(found) == 66


def test_chacha20_poly1305_of_openssl() -> None:
    found = list(records("ciphers/ChaCha20Poly1305/openssl.txt", "count"))
    for vector in found:
        key, nonce, bound, tag, plain, sealed = (
            value(vector[name]) for name in ("key", "iv", "aad", "tag", "plaintext", "ciphertext")
        )
        if "result" in vector:
            with pytest.raises(DecryptionError):
                decrypt(key, nonce, sealed + tag, bound)
        else:
            assert encrypt(key, nonce, plain, bound) == sealed + tag
            assert decrypt(key, nonce, sealed + tag, bound) == plain
    assert [vector.get("result") for vector in found] == [None, "CIPHERFINAL_ERROR", None, None, None]


@pytest.mark.parametrize(("name", "count"), [("KDF/rfc-5869-HKDF-SHA256.txt", 3), ("KDF/hkdf-generated.txt", 1)])
def test_hkdf_of_rfc_5869(name: str, count: int) -> None:
    found = list(records(name, "count"))
    for vector in found:
        secret, salt, info, expected = (value(vector[field]) for field in ("ikm", "salt", "info", "okm"))
        assert hkdf(salt, secret, info, int(vector["l"])) == expected
    assert len(found) == count


def test_hmac_of_rfc_4231_is_what_a_chain_steps_with() -> None:
    found = list(records("HMAC/rfc-4231-sha256.txt", "len"))
    for vector in found:
        key, message, expected = (value(vector[field]) for field in ("key", "msg", "md"))
        assert hmac.digest(key, message, "sha256") == expected
        assert chain_step(key) == (hmac.digest(key, b"\2", "sha256"), hmac.digest(key, b"\1", "sha256"))
    assert len(found) == 6


def test_ml_kem_768_gives_its_known_answers() -> None:
    kem = find_kem()
    if kem is None:
        pytest.skip("no library here has ML-KEM-768")
    found = list(records("asymmetric/MLKEM/kat_MLKEM_768.rsp", "count"))
    for vector in found:
        d, z, public = (value(vector[field]) for field in ("d", "z", "pk"))
        made, secret = kem.keypair(giving(d + z))
        assert made == public
        assert kem.decapsulate(secret, value(vector["ct"])) == value(vector["ss"])
        assert kem.decapsulate(secret, value(vector["ct_n"])) == value(vector["ss_n"])  # changed: another secret
    assert len(found) == 1000
