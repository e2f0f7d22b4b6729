"""What the command line takes."""

from pathlib import Path

import pytest

from onebar_app.__main__ import arguments


def test_a_server_is_enough() -> None:
    options = arguments().parse_args(["--server", "https://chat.example.org"])
    assert options.database == Path.home() / ".onebar" / "onebar.db"
    assert not options.developer
    assert options.left is None


def test_without_a_server_it_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        arguments().parse_args([])
    assert "--server" in capsys.readouterr().err
