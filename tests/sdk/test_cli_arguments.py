"""Options stand anywhere, the environment stands in for them, and a wrong command line says so."""

from pathlib import Path

import pytest

from onebar.cli_arguments import DEFAULT_SERVER, parse

BOB = "+12025550102"


def test_options_stand_before_or_after_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ONEBAR_SERVER", "http://from.environment")
    monkeypatch.setenv("ONEBAR_HOME", str(tmp_path))
    before = parse(["--home", "/a", "--server", "http://b", "--log", "outbox", "--json"])
    after = parse(["outbox", "--json", "--home", "/a", "--server", "http://b", "--log"])
    assert before == after
    assert (after.home, after.server, after.log) == (Path("/a"), "http://b", True)
    absent = parse(["outbox"])
    assert (absent.home, absent.server, absent.log) == (tmp_path, "http://from.environment", False)


def test_defaults_without_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONEBAR_SERVER", raising=False)
    monkeypatch.delenv("ONEBAR_HOME", raising=False)
    args = parse(["send", BOB, "--wait", "sent"])
    assert (args.home, args.server) == (Path.home() / ".onebar", DEFAULT_SERVER)
    assert args.passphrase_file is None
    assert (args.text, args.wait, args.timeout, args.key) == ("-", "sent", None, None)
    assert parse(["send", BOB, "--", "-5 degrees"]).text == "-5 degrees"


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["dance"],
        ["send"],
        ["send", BOB, "hi", "--wait", "seen"],
        ["send", BOB, "hi", "--timeout", "-1"],
        ["send", BOB, "hi", "--timeout", "nan"],
        ["history", BOB, "--limit", "0"],
        ["remove-device", "0"],
        ["approve"],
        ["safety", BOB, "--verified", "1", "--accept", "1"],
    ],
)
def test_a_wrong_command_line_is_code_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(argv)
    assert ended.value.code == 2
    assert "usage: onebar" in capsys.readouterr().err
