"""Keys from files: good ones are read, others are named, and nothing of what is in them is said."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from onebar_mockserver.push.credentials import (
    KEY_FILE_BYTES_MAX,
    PushKeyError,
    read_apns_key,
    read_service_account,
)
from tests.mockserver.push.keys import (
    ACCOUNT_KEY_ID,
    EMAIL,
    KEY_ID,
    PROJECT,
    TEAM_ID,
    account_file,
    apple,
    google,
    pem,
    written_account,
    written_apns_key,
)

URL = "https://oauth2.googleapis.com/token"


def test_good_ones_are_read(tmp_path: Path) -> None:
    key = read_apns_key(written_apns_key(tmp_path), KEY_ID, TEAM_ID)
    assert (key.private.private_numbers(), key.key_id, key.team_id) == (apple().private_numbers(), KEY_ID, TEAM_ID)
    account = read_service_account(written_account(tmp_path, URL))
    assert (account.project, account.key_id, account.email, account.token_url) == (PROJECT, ACCOUNT_KEY_ID, EMAIL, URL)
    assert account.private.private_numbers() == google().private_numbers()


SHUT = apple().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")).decode()
OTHER_CURVE = ec.generate_private_key(ec.SECP384R1())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "holds no private key in PEM"),
        ("secret", "holds no private key in PEM"),
        (SHUT, "without a passphrase"),
        (pem(OTHER_CURVE), "no key on the curve P-256"),
        (pem(google()), "no key on the curve P-256"),
        ("x" * (KEY_FILE_BYTES_MAX + 1), f"KEY_FILE_BYTES_MAX = {KEY_FILE_BYTES_MAX}"),
    ],
)
def test_what_is_no_key_of_apples(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "key.p8"
    file.write_text(content)
    with pytest.raises(PushKeyError, match=said) as caught:
        read_apns_key(file, KEY_ID, TEAM_ID)
    assert str(file) in str(caught.value)
    assert not content or content[:60] not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"type": "authorized_user"}, "its type is another one"),
        ({"private_key": pem(apple())}, "none of RSA"),
        ({"private_key": "secret"}, "holds no private key in PEM"),
        ({"private_key": 5}, r"Expected `str`, got `int` - at `\$\.private_key`"),
        ({"client_email": None}, r"\$\.client_email"),
        ({"token_uri": "file:///etc/passwd"}, "token_uri is no URL"),
    ],
)
def test_what_is_no_service_account(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    file = tmp_path / "account.json"
    file.write_text(json.dumps({**account_file(URL), **changes}))
    with pytest.raises(PushKeyError, match=said) as caught:
        read_service_account(file)
    assert pem(google())[40:80] not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(PushKeyError, match="absent cannot be read: No such file"):
        read_apns_key(tmp_path / "absent", KEY_ID, TEAM_ID)
    (tmp_path / "text").write_text("secret")
    with pytest.raises(PushKeyError, match="text is no JSON") as caught:
        read_service_account(tmp_path / "text")
    assert "secret" not in str(caught.value)
