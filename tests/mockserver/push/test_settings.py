"""The table `[push]`: which gateways come of it, and what is said of each mistake."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from onebar_mockserver.__main__ import main
from onebar_mockserver.push.settings import PushSettings
from tests.mockserver.push.keys import KEY_ID, PROJECT, TEAM_ID, TOPIC, written_account, written_apns_key


@dataclass
class Files:
    apns: dict[str, Any]
    fcm: Path


@pytest.fixture
def files(tmp_path: Path) -> Files:
    key = written_apns_key(tmp_path)
    apns = {"apns_key": key, "apns_key_id": KEY_ID, "apns_team_id": TEAM_ID, "apns_topic": TOPIC}
    return Files(apns, written_account(tmp_path, "https://oauth2.googleapis.com/token"))


def test_there_are_as_many_gateways_as_are_set(files: Files) -> None:
    assert PushSettings().gateways() == []
    assert repr(PushSettings(**files.apns).gateways()) == f"[<ApnsGateway {TOPIC}>]"
    both = PushSettings(**files.apns, apns_host="sandbox", fcm_service_account=files.fcm)
    assert [gateway.kind for gateway in both.gateways()] == ["apns", "fcm"]
    assert PROJECT in repr(both.gateways())


@pytest.mark.parametrize("absent", ["apns_key", "apns_key_id", "apns_team_id", "apns_topic"])
def test_half_of_apns_is_not_enough(files: Files, absent: str) -> None:
    del files.apns[absent]
    with pytest.raises(ValueError, match=f"push.{absent} is missing"):
        PushSettings(**files.apns).gateways()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("apns_host", "staging", "push.apns_host = 'staging' cannot be used: give production, sandbox or a URL"),
        ("apns_host", "http://a", "push.apns_host = 'http://a' cannot be used"),
        ("fcm_url", "https://a/v1", "push.fcm_url = 'https://a/v1' cannot be used"),
        ("apns_key", Path("/absent.p8"), "push.apns_key: /absent.p8 cannot be read"),
        ("fcm_service_account", Path("/absent.json"), "push.fcm_service_account: /absent.json cannot be read"),
    ],
)
def test_a_mistake_is_named(files: Files, name: str, value: object, said: str) -> None:
    settings = {**files.apns, "fcm_service_account": files.fcm, name: value}
    with pytest.raises(ValueError, match=said):
        PushSettings(**settings).gateways()


def test_a_wrong_key_ends_the_process_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "key.p8").write_text("secret")
    file = tmp_path / "onebar.toml"
    file.write_text('[push]\napns_key = "key.p8"\napns_key_id = "K"\napns_team_id = "T"\napns_topic = "org.example"\n')
    assert main(["--config", str(file)]) == 2
    said = capsys.readouterr().err
    assert f"the settings of push cannot be used: push.apns_key: {tmp_path / 'key.p8'} holds no private key" in said
    assert "secret" not in said
