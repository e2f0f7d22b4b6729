import json
import re
from pathlib import Path

import pytest

from onebar import cli
from onebar.errors import (
    InputError,
    MessageFailedError,
    NotRegisteredError,
    OnebarError,
    RegistrationError,
    RemoteProtocolError,
    StoreDamagedError,
    TransportError,
    WaitTimeoutError,
)
from onebar.events import DeviceRemoved, MessageFailed, MessageReceived, MessageSent, Resync
from onebar.models import Message, MessageState

BOB = "+12025550102"


def test_options_stand_before_or_after_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ONEBAR_SERVER", "http://from.environment")
    monkeypatch.setenv("ONEBAR_HOME", str(tmp_path))
    before = cli.parse(["--home", "/a", "--server", "http://b", "--log", "outbox", "--json"])
    after = cli.parse(["outbox", "--json", "--home", "/a", "--server", "http://b", "--log"])
    assert before == after
    assert (after.home, after.server, after.log) == (Path("/a"), "http://b", True)
    absent = cli.parse(["outbox"])
    assert (absent.home, absent.server, absent.log) == (tmp_path, "http://from.environment", False)


def test_defaults_without_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONEBAR_SERVER", raising=False)
    monkeypatch.delenv("ONEBAR_HOME", raising=False)
    args = cli.parse(["send", BOB, "--wait", "sent"])
    assert (args.home, args.server) == (Path.home() / ".onebar", cli.DEFAULT_SERVER)
    assert (args.text, args.wait, args.timeout, args.key) == ("-", "sent", None, None)
    assert cli.parse(["send", BOB, "--", "-5 degrees"]).text == "-5 degrees"


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["dance"],
        ["send"],
        ["send", BOB, "hi", "--wait", "read"],
        ["send", BOB, "hi", "--timeout", "-1"],
        ["send", BOB, "hi", "--timeout", "nan"],
        ["history", BOB, "--limit", "0"],
    ],
)
def test_a_wrong_command_line_is_code_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.parse(argv)
    assert ended.value.code == cli.ExitCode.USAGE
    assert "usage: onebar" in capsys.readouterr().err


def test_help_explains_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.parse(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert all(re.search(rf"^ .*\b{code.value}  ", text, re.MULTILINE) for code in cli.ExitCode)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("x"), cli.ExitCode.USAGE),
        (MessageFailedError("expired", "x"), cli.ExitCode.FAILED),
        (NotRegisteredError("x"), cli.ExitCode.NOT_REGISTERED),
        (RegistrationError("wrong_code", "x"), cli.ExitCode.NOT_REGISTERED),
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


def test_events_as_lines() -> None:
    received = MessageReceived(5, 2, BOB, "hi\x1b[2J ü")
    assert cli.event_line(received, as_json=False) == f"{BOB}: hi\\u001b[2J ü"
    line = cli.event_line(received, as_json=True)
    assert line.isascii()
    assert json.loads(line) == {
        "event_no": 5,
        "event": "MessageReceived",
        "message_no": 2,
        "chat": BOB,
        "text": "hi\x1b[2J ü",
    }
    assert cli.event_line(MessageSent(6, 3, BOB), as_json=False) == f"{BOB}: message 3 sent"
    failed = MessageFailed(7, 3, BOB, "expired", "too_old")
    assert cli.event_line(failed, as_json=False) == f"{BOB}: message 3 expired (too_old)"
    assert "removed" in cli.event_line(DeviceRemoved(8, "device_removed"), as_json=False)
    assert cli.event_line(Resync(9), as_json=False) == "Resync"


def test_messages_as_lines() -> None:
    message = Message(4, BOB, True, MessageState.REJECTED, "hi\nyou", 1_700_000_000_000, "mailbox_full")
    assert cli.message_line(message, as_json=False) == f"4 > {BOB} rejected (mailbox_full): hi\\u000ayou"
    assert json.loads(cli.message_line(message, as_json=True))["state"] == "rejected"
    received = Message(5, BOB, False, MessageState.RECEIVED, "hi", 1_700_000_000_000)
    assert cli.message_line(received, as_json=False) == f"5 < {BOB} received: hi"


@pytest.mark.parametrize("command", [["send", BOB, "hi"], ["listen"], ["history", BOB], ["outbox"], ["whoami"]])
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
