import re
from pathlib import Path

import pytest

from onebar import cli
from onebar.cli_arguments import parse
from onebar.errors import (
    InputError,
    MessageFailedError,
    NotRegisteredError,
    OnebarError,
    PinError,
    RefusedError,
    RegistrationError,
    RemoteProtocolError,
    StoreDamagedError,
    TransportError,
    WaitTimeoutError,
)

BOB = "+12025550102"


def test_help_explains_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert all(re.search(rf"^ .*\b{code.value}  ", text, re.MULTILINE) for code in cli.ExitCode)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("x"), cli.ExitCode.USAGE),
        (MessageFailedError("expired", "x"), cli.ExitCode.FAILED),
        (NotRegisteredError("x"), cli.ExitCode.NOT_REGISTERED),
        (RefusedError("x"), cli.ExitCode.FAILED),
        (RegistrationError("wrong_code", "x"), cli.ExitCode.NOT_REGISTERED),
        (PinError("wrong_pin", "x", 1, 1), cli.ExitCode.NOT_REGISTERED),
        (RegistrationError("unavailable", "x"), cli.ExitCode.NO_NETWORK),
        (TransportError("x"), cli.ExitCode.NO_NETWORK),
        (WaitTimeoutError("x"), cli.ExitCode.NO_NETWORK),
        (RemoteProtocolError("x"), cli.ExitCode.NO_NETWORK),
        (StoreDamagedError("x"), cli.ExitCode.DATABASE),
        (PermissionError("x"), cli.ExitCode.DATABASE),
        (OnebarError("another process must do it"), cli.ExitCode.DATABASE),
    ],
)
def test_every_error_has_its_code(error: OnebarError | OSError, code: cli.ExitCode) -> None:
    assert cli.exit_code_of(error) is code


@pytest.mark.parametrize(
    "command",
    [
        ["send", BOB, "hi"],
        ["listen"],
        ["history", BOB],
        ["outbox"],
        ["whoami"],
        ["read", BOB],
        ["save", "1", "x"],
        ["safety", BOB],
        ["devices"],
        ["remove-device", "2"],
        ["approve", "x"],
        ["join", "x"],
    ],
)
def test_an_empty_home_is_not_registered_and_stays_empty(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "absent"
    assert cli.main(["--home", str(home), *command]) == cli.ExitCode.NOT_REGISTERED
    assert "onebar register" in capsys.readouterr().err
    assert not home.exists()


@pytest.mark.parametrize(
    "command", [["send", "12025550102", "hi"], ["register", "+1"], ["send", BOB, "hi", "--key", ""]]
)
def test_invalid_input_is_code_2(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--home", str(tmp_path), *command]) == cli.ExitCode.USAGE
    assert capsys.readouterr().err.startswith("onebar: ")


def test_a_damaged_database_is_code_5_and_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    database = tmp_path / cli.DATABASE_NAME
    database.write_bytes(b"no database at all\n" * 400)
    before = database.read_bytes()
    assert cli.main(["--home", str(tmp_path), "whoami"]) == cli.ExitCode.DATABASE
    assert cli.DATABASE_NAME in capsys.readouterr().err
    assert database.read_bytes() == before


def test_a_passphrase_file_is_read_to_the_end_of_its_first_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "passphrase"
    file.write_text("correct horse\nbattery staple\n")
    common = ["--home", str(tmp_path / "home"), "--server", "http://127.0.0.1:9"]
    assert cli.main([*common, "request-device", "--passphrase-file", str(file)]) == cli.ExitCode.OK
    request = capsys.readouterr().out
    monkeypatch.setenv("ONEBAR_PASSPHRASE", "correct horse")
    assert cli.main([*common, "request-device"]) == cli.ExitCode.OK
    assert capsys.readouterr().out == request
    monkeypatch.setenv("ONEBAR_PASSPHRASE", "another")
    assert cli.main([*common, "request-device"]) == cli.ExitCode.DATABASE
    assert "passphrase" in capsys.readouterr().err
    file.write_bytes(b"\xff\n")
    assert cli.main([*common, "request-device", "--passphrase-file", str(file)]) == cli.ExitCode.USAGE
    assert "UTF-8" in capsys.readouterr().err
