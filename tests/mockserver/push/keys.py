"""Keys for the fakes and their clients: made once, like those that Apple and Google give out."""

import json
import ssl
from functools import cache
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from onebar_mockserver.push.credentials import ApnsKey, ServiceAccount

KEY_ID, TEAM_ID, TOPIC = "ABC123DEFG", "TEAM123456", "org.example.chat"
PROJECT, EMAIL, ACCOUNT_KEY_ID = "chat-1234", "pusher@chat-1234.iam.gserviceaccount.com", "0f1e2d3c4b5a"


@cache
def apple() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def google() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@cache
def authority() -> trustme.CA:
    return trustme.CA()


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def apns_key() -> ApnsKey:
    return ApnsKey(apple(), KEY_ID, TEAM_ID)


def service_account(token_url: str) -> ServiceAccount:
    return ServiceAccount(google(), ACCOUNT_KEY_ID, EMAIL, PROJECT, token_url)


def account_file(token_url: str) -> dict[str, str]:
    return {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": ACCOUNT_KEY_ID,
        "private_key": pem(google()),
        "client_email": EMAIL,
        "client_id": "1",
        "token_uri": token_url,
    }


def written_account(folder: Path, token_url: str) -> Path:
    file = folder / "service-account.json"
    file.write_text(json.dumps(account_file(token_url)))
    return file


def written_apns_key(folder: Path) -> Path:
    file = folder / f"AuthKey_{KEY_ID}.p8"
    file.write_text(pem(apple()))
    return file


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority().configure_trust(context)
    return context


def written_certificate(folder: Path) -> tuple[Path, Path, Path]:
    """Return the files of a certificate for this machine, of its key, and of who has signed it."""
    leaf = authority().issue_cert("127.0.0.1", "localhost")
    certificate, key, signer = folder / "cert.pem", folder / "key.pem", folder / "ca.pem"
    certificate.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    leaf.private_key_pem.write_to_path(str(key))
    authority().cert_pem.write_to_path(str(signer))
    return certificate, key, signer
