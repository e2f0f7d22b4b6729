"""A certificate authority for tests."""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate

NAME = "chat.example"
DAY = timedelta(days=1)
WRONG_PIN = "sha256/" + base64.b64encode(bytes(32)).decode()


@dataclass
class Authority:
    """A certificate authority with its files."""

    folder: Path
    ca: trustme.CA

    @property
    def file(self) -> Path:
        path = self.folder / "ca.pem"
        self.ca.cert_pem.write_to_path(str(path))
        return path

    def issue(self, *names: str, lives: tuple[timedelta, timedelta] = (-DAY, DAY), key_type: str = "ECDSA") -> Path:
        """Write a certificate with its chain and its key into one file; the same file each time."""
        now = datetime.now(UTC).replace(microsecond=0)
        leaf = self.ca.issue_cert(
            *names, not_before=now + lives[0], not_after=now + lives[1], key_type=trustme.KeyType[key_type]
        )
        path = self.folder / "server.pem"
        leaf.private_key_and_cert_chain_pem.write_to_path(str(path))
        return path


def der_of(file: Path) -> bytes:
    return load_pem_x509_certificate(file.read_bytes()).public_bytes(Encoding.DER)
