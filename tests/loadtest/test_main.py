import pytest

from onebar_loadtest.__main__ import LOCUSTFILE, command


def after(line: list[str], option: str) -> str:
    return line[line.index(option) + 1]


def test_variables_become_options() -> None:
    line = command({"PHONES": "50", "MINUTES": "0.5", "WEATHER": "edge", "SEED": "", "HOME": "/"})
    assert after(line, "-f") == str(LOCUSTFILE)
    assert LOCUSTFILE.exists()
    assert (after(line, "-u"), after(line, "-t"), after(line, "--weather")) == ("50", "41s", "edge")
    assert "--backend" in line
    assert "--seed" not in line


def test_a_shape_with_a_curve_has_no_start_and_a_host_needs_no_backend() -> None:
    line = command({"SHAPE": "ramp", "MINUTES": "1", "HOST": "https://chat.example.org"})
    assert (after(line, "-t"), after(line, "--host"), after(line, "-u")) == ("60s", "https://chat.example.org", "500")
    assert "--backend" not in line


def test_a_number_that_is_none_is_told() -> None:
    with pytest.raises(ValueError, match="many"):
        command({"PHONES": "many"})
