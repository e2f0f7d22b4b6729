"""The program that a newcomer copies out of README.md works as it stands there."""

import asyncio
import re
import sys
from pathlib import Path

import pytest

README = Path(__file__).resolve().parent.parent / "README.md"

# The program itself waits for at most 60 s.
PATIENCE_S = 55.0


def first_program() -> str:
    found = re.search(r"^```python\n(.*?)^```$", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert found, "README.md shows no Python program"
    return found[1]


@pytest.mark.process
async def test_first_program_of_the_readme_runs(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(first_program(), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "program.py"),
        cwd=tmp_path,
        env={"TMPDIR": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert errors.decode() == ""
    assert output.decode() == "+12025550101: on my way\n"
    assert process.returncode == 0
