"""What a `Tls` takes, what it comes to, and what a pin is."""

import base64
import hashlib
import ssl
from contextlib import suppress
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate
from hypothesis import given
from hypothesis import strategies as st

from onebar import Client, Config, InputError, Tls
from onebar.cli_arguments import parse
from onebar.drivers.tls import PinError, ResumingContext, Trust, check_pins, explain, pin_of, public_key_info
from tests.sdk.drivers.authority import NAME, WRONG_PIN, Authority, der_of


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, trustme.CA())


@pytest.mark.parametrize("key_type", ["ECDSA", "RSA"])
def test_the_key_is_what_the_standard_says(authority: Authority, key_type: str) -> None:
    file = authority.issue(NAME, key_type=key_type)
    key = load_pem_x509_certificate(file.read_bytes()).public_key()
    info = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert public_key_info(der_of(file)) == info
    assert pin_of(der_of(file)) == "sha256/" + base64.b64encode(hashlib.sha256(info).digest()).decode()


@given(st.binary(max_size=200))
def test_what_is_no_certificate_has_no_key(data: bytes) -> None:
    with suppress(ValueError):
        assert public_key_info(data) in data


@pytest.mark.parametrize(
    "pin", ["", "sha256/", "sha256/AAAA", "md5/" + WRONG_PIN[7:], WRONG_PIN[7:], WRONG_PIN[:-1], WRONG_PIN + "ü", None]
)
def test_pins_are_checked_at_once(pin: str) -> None:
    with pytest.raises(InputError, match="a pin is sha256/"):
        Tls(pins=(pin,))


def test_a_single_pin_is_no_tuple() -> None:
    with pytest.raises(InputError, match="tuple"):
        Tls(pins=WRONG_PIN)  # type: ignore[arg-type]


def test_a_file_of_authorities_is_checked_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        Client.open(tmp_path / "a.db", server="https://h", tls=Tls(tmp_path / "absent.pem"))
    (tmp_path / "empty.pem").write_text("nothing")
    with pytest.raises(InputError, match="holds no certificates in PEM"):
        Client.open(tmp_path / "a.db", server="https://h", tls=Tls(tmp_path / "empty.pem"))


def test_trust_without_tls_is_refused(tmp_path: Path) -> None:
    """A pin that nobody looks at would be a false comfort."""
    with pytest.raises(InputError, match="https://"):
        Client.open(tmp_path / "a.db", server="http://h", tls=Tls(), config=Config())


def test_old_versions_are_off() -> None:
    assert Trust(Tls()).context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_reasons_that_no_test_can_make() -> None:
    error = ssl.SSLCertVerificationError(1, "x")
    assert "is not valid (no reason given)" in (explain(error, NAME) or "")
    assert "broke off (SSLError)" in (explain(ssl.SSLError(1, "x"), NAME) or "")
    assert explain(OSError("x"), NAME) is None


def test_a_certificate_that_cannot_be_read_is_not_the_pinned_one() -> None:
    with pytest.raises(PinError):
        check_pins(b"\x30", (bytes(32),))
    with pytest.raises(PinError):
        check_pins(None, (bytes(32),))


def test_a_python_without_system_roots_has_those_of_certifi(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a phone: nothing where OpenSSL looks."""
    nothing = ssl.DefaultVerifyPaths(None, None, "", "", "", "")  # type: ignore[arg-type]
    monkeypatch.setattr("onebar.drivers.tls.ssl.get_default_verify_paths", lambda: nothing)
    monkeypatch.setattr(ResumingContext, "load_default_certs", lambda self: None)
    assert Trust(Tls()).context.cert_store_stats()["x509_ca"] > 50


def test_the_option_of_the_command_line() -> None:
    assert parse(["--ca", "ca.pem", "outbox"]).ca == "ca.pem"
    assert parse(["outbox", "--ca", "ca.pem"]).ca == "ca.pem"
    assert parse(["outbox"]).ca is None
