"""The keys that the server shows to the gateways: read once, checked by name, shown to nobody."""

from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

KEY_FILE_BYTES_MAX: Final = 64 * 1024
"""Longest file with a key: an RSA key of 4,096 bits with what Google puts around it has 4 kB."""


class PushKeyError(ValueError):
    """A key cannot be used; the text names the file and what is wrong with it, never what is in it."""


class ApnsKey:
    """An authentication key of Apple's, as their `AuthKey_….p8` has it, and what it stands for."""

    def __init__(self, private: EllipticCurvePrivateKey, key_id: str, team_id: str) -> None:
        self.private = private
        self.key_id = key_id
        self.team_id = team_id

    def __repr__(self) -> str:
        """Show no key."""
        return f"<ApnsKey {self.key_id}>"


class ServiceAccount:
    """A service account of Google's, as its JSON file has it."""

    def __init__(self, private: RSAPrivateKey, key_id: str, email: str, project: str, token_url: str) -> None:
        self.private = private
        self.key_id = key_id
        self.email = email
        self.project = project
        self.token_url = token_url

    def __repr__(self) -> str:
        """Show no key."""
        return f"<ServiceAccount {self.email}>"


class _AccountFile(msgspec.Struct):
    type: str
    project_id: str
    private_key_id: str
    private_key: str
    client_email: str
    token_uri: str


def read_apns_key(file: Path, key_id: str, team_id: str) -> ApnsKey:
    """Return the key in a file.

    Raises:
        PushKeyError: The file cannot be read, or holds no key for ES256.
    """
    private = _private_key(_content(file), file)
    if not isinstance(private, EllipticCurvePrivateKey) or not isinstance(private.curve, SECP256R1):
        raise PushKeyError(f"{file} holds no key on the curve P-256: give the AuthKey_….p8 of Apple")
    return ApnsKey(private, key_id, team_id)


def read_service_account(file: Path) -> ServiceAccount:
    """Return the service account in a file.

    Raises:
        PushKeyError: The file cannot be read, or is no key of a service account.
    """
    try:
        found = msgspec.json.decode(_content(file), type=_AccountFile)
    except msgspec.ValidationError as error:
        raise PushKeyError(f"{file} is no key of a service account: {error}") from None
    except msgspec.DecodeError:  # whose text may show the place
        raise PushKeyError(f"{file} is no JSON: give the key of a service account as Google made it") from None
    if found.type != "service_account":
        raise PushKeyError(f"{file} is no key of a service account: its type is another one")
    if urlsplit(found.token_uri).scheme not in {"https", "http"}:
        raise PushKeyError(f"{file} is no key of a service account: its token_uri is no URL")
    private = _private_key(found.private_key.encode(), file)
    if not isinstance(private, RSAPrivateKey):
        raise PushKeyError(f"{file} is no key of a service account: its private_key is none of RSA")
    return ServiceAccount(private, found.private_key_id, found.client_email, found.project_id, found.token_uri)


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            content = opened.read(KEY_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise PushKeyError(f"{file} cannot be read: {error.strerror}") from None
    if len(content) > KEY_FILE_BYTES_MAX:
        raise PushKeyError(f"{file} is no key: it has more than KEY_FILE_BYTES_MAX = {KEY_FILE_BYTES_MAX} bytes")
    return content


def _private_key(pem: bytes, file: Path) -> Any:
    try:
        return load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # their texts may quote the file
        raise PushKeyError(f"{file} holds no private key in PEM without a passphrase") from None
