"""python-doubleratchet (Syndace) runs the suite that ships, on OpenSSL; written from docs/protocol.md."""

import warnings
from collections.abc import Coroutine
from random import Random
from secrets import token_bytes
from typing import Any, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from doubleratchet import DoubleRatchet, EncryptedMessage, Header
from doubleratchet.aead import AEAD, AuthenticationFailedException
from doubleratchet.diffie_hellman_ratchet import DoSProtectionException, DuplicateMessageException
from doubleratchet.recommended import HashFunction, diffie_hellman_ratchet_curve25519, kdf_hkdf, kdf_separate_hmacs

from onebar.crypto.double_ratchet import start_as_initiator, start_as_responder
from onebar.crypto.primitives import public_of
from onebar.crypto.suites import ONEBAR_V1
from tests.interop.conversation import RefusedError, Side
from tests.interop.our_side import OurSide

PACKAGE = "doubleratchet"
"""Its name in the registry."""

_MESSAGE = b"\x20"
_SALT_BYTES = 6
_Result = TypeVar("_Result")


class RootKdf(kdf_hkdf.KDF):
    """HKDF-SHA256 with our purpose."""

    @staticmethod
    def _get_hash_function() -> HashFunction:
        return HashFunction.SHA_256

    @staticmethod
    def _get_info() -> bytes:
        return b"onebar ratchet root 1\0"


class ChainKdf(kdf_separate_hmacs.KDF):
    """HMAC-SHA256 of 2 and of 1."""

    @staticmethod
    def _get_hash_function() -> HashFunction:
        return HashFunction.SHA_256


class Cipher(AEAD):
    """ChaCha20-Poly1305 with key and nonce from HKDF; the salt is what the ciphertext begins with."""

    @staticmethod
    def _cipher(key: bytes, salt: bytes) -> tuple[ChaCha20Poly1305, bytes]:
        material = HKDF(SHA256(), 44, salt, b"onebar ratchet message 1\0").derive(key)
        return ChaCha20Poly1305(material[:32]), material[32:]

    @staticmethod
    async def encrypt(plaintext: bytes, key: bytes, associated_data: bytes) -> bytes:
        """Seal."""
        salt = token_bytes(_SALT_BYTES)
        cipher, nonce = Cipher._cipher(key, salt)
        return salt + cipher.encrypt(nonce, plaintext, _with_salt(associated_data, salt))

    @staticmethod
    async def decrypt(ciphertext: bytes, key: bytes, associated_data: bytes) -> bytes:
        """Open."""
        salt, body = ciphertext[:_SALT_BYTES], ciphertext[_SALT_BYTES:]
        cipher, nonce = Cipher._cipher(key, salt)
        try:
            return cipher.decrypt(nonce, body, _with_salt(associated_data, salt))
        except InvalidTag as error:
            raise AuthenticationFailedException from error


def _leb128(number: int) -> bytes:
    return bytes((number & 0x7F | 0x80,)) + _leb128(number >> 7) if number > 0x7F else bytes((number,))


def _read_leb128(data: bytes, at: int) -> tuple[int, int]:
    end = next(place for place in range(at, len(data)) if data[place] < 0x80) + 1
    return sum((byte & 0x7F) << 7 * place for place, byte in enumerate(data[at:end])), end


def _front(header: Header) -> bytes:
    counters = _leb128(header.previous_sending_chain_length) + _leb128(header.sending_chain_length)
    return _MESSAGE + header.ratchet_pub + counters


def _with_salt(associated_data: bytes, salt: bytes) -> bytes:
    """Put the salt where it travels: between the header's counters and the caller's data."""
    _, at = _read_leb128(associated_data, 33)
    _, at = _read_leb128(associated_data, at)
    return associated_data[:at] + salt + associated_data[at:]


class TheirRatchet(DoubleRatchet):
    """Authenticates our header before the caller's data."""

    @staticmethod
    def _build_associated_data(associated_data: bytes, header: Header) -> bytes:
        return _front(header) + associated_data


class TheirSide:
    """Their end of a session."""

    def __init__(self, root_key: bytes, associated_data: bytes, own_secret: bytes | None, our_public: bytes) -> None:
        self._associated_data, self._own_secret, self._our_public = associated_data, own_secret, our_public
        self._ratchet: TheirRatchet | None = None
        self._parameters: dict[str, Any] = {
            "diffie_hellman_ratchet_class": diffie_hellman_ratchet_curve25519.DiffieHellmanRatchet,
            "root_chain_kdf": RootKdf,
            "message_chain_kdf": ChainKdf,
            "message_chain_constant": b"\2\1",
            "dos_protection_threshold": 1_000,
            "max_num_skipped_message_keys": 2_000,
            "aead": Cipher,
            "shared_secret": root_key,
            "associated_data": associated_data,
        }

    def seal(self, plain: bytes) -> bytes:
        """Seal with their ratchet."""
        if self._ratchet is None:
            first = TheirRatchet.encrypt_initial_message(
                **self._parameters, recipient_ratchet_pub=self._our_public, message=plain
            )
            self._ratchet, sealed = _done(first)
        else:
            sealed = _done(self._ratchet.encrypt_message(plain, self._associated_data))
        return _front(sealed.header) + sealed.ciphertext

    def open(self, envelope: bytes) -> bytes:
        """Open with their ratchet."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a number that is too high is warned of, beside the exception
            return self._open(envelope)

    def _open(self, envelope: bytes) -> bytes:
        try:
            message = self._parse(envelope)
            if self._ratchet is not None:
                return _done(self._ratchet.decrypt_message(message, self._associated_data))
            assert self._own_secret is not None
            first = TheirRatchet.decrypt_initial_message(
                **self._parameters, own_ratchet_priv=self._own_secret, message=message
            )
            self._ratchet, plain = _done(first)
        except (AuthenticationFailedException, DoSProtectionException, DuplicateMessageException, ValueError) as error:
            raise RefusedError(str(error)) from error
        return plain

    def authenticated(self, envelope: bytes) -> range:
        """Every byte of a message is authenticated."""
        return range(len(envelope))

    def _parse(self, envelope: bytes) -> EncryptedMessage:
        if envelope[:1] != _MESSAGE:
            raise ValueError("not a message")
        try:
            previous, at = _read_leb128(envelope, 33)
            number, at = _read_leb128(envelope, at)
        except StopIteration:
            raise ValueError("cut short") from None
        return EncryptedMessage(Header(envelope[1:33], previous, number), envelope[at:])


class OurResponder(OurSide):
    """Our end when they speak first."""

    def __init__(self, dice: Random, root_key: bytes, associated_data: bytes, own_secret: bytes) -> None:
        super().__init__(ONEBAR_V1, dice, associated_data, associated_data)
        self.start(start_as_responder(ONEBAR_V1, root_key, own_secret))


def pair(dice: Random, we_begin: bool) -> tuple[OurSide, tuple[Side, Side]]:
    """Return our side, and both in the order in which they speak."""
    root_key, associated_data, secret = dice.randbytes(32), dice.randbytes(32), dice.randbytes(32)
    if not we_begin:
        ours: OurSide = OurResponder(dice, root_key, associated_data, secret)
        return ours, (TheirSide(root_key, associated_data, None, public_of(secret)), ours)
    ours = OurSide(ONEBAR_V1, dice, associated_data, associated_data)
    ours.start(start_as_initiator(ONEBAR_V1, root_key, public_of(secret), ours.entropy))
    return ours, (ours, TheirSide(root_key, associated_data, secret, b""))


def _done(coroutine: Coroutine[Any, Any, _Result]) -> _Result:
    """Run what is asynchronous in name only."""
    try:
        coroutine.send(None)
    except StopIteration as stopped:
        result: _Result = stopped.value
        return result
    raise AssertionError("it waits for something")
