"""A build knows its server, or says that it has none."""

from pathlib import Path

import pytest

from onebar_app.phone.start import server_of


def test_the_server_of_a_build(tmp_path: Path) -> None:
    (tmp_path / "server.json").write_text('{"server": "https://chat.example.org"}')
    assert server_of(tmp_path / "server.json") == "https://chat.example.org"
    with pytest.raises(FileNotFoundError):
        server_of(tmp_path / "none.json")
