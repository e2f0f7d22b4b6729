"""What `pip install onebar` gives is enough to send a text: the wheel, without extras, in an empty environment."""

import asyncio
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from onebar import Client
from onebar.version import __version__
from onebar_mockserver import MockServer

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
ALICE, BOB = "+12025550101", "+12025550102"

# Building takes 1 s and installing 3 s here; on a cold cache the dependencies come over the network first.
PATIENCE_S = 150

PROGRAM = """
import asyncio, importlib.util, sys
import httpx
from onebar import Client

server, alice, bob = sys.argv[1:]
extras = ("phonenumbers", "rich", "starlette", "uvicorn", "uvloop", "pytest")
extras = [name for name in extras if importlib.util.find_spec(name)]
assert not extras, f"the environment is not empty: {extras}"


def read_code():
    return httpx.get(f"{server}/dev/sms", params={"phone": alice}).json()[-1]["code"]


async def main():
    async with Client.open("alice.db", server=server) as client:
        await client.register(alice, code=lambda: asyncio.to_thread(read_code))
        message = await client.chat(bob).send("on my way")
        await message.delivered(timeout_s=30)
    print("delivered")


asyncio.run(main())
"""


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=PATIENCE_S, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """A fresh virtual environment that holds the wheel and what it asks for."""
    folder = tmp_path / "wheel"
    folder.mkdir()
    build = ("-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)
    run(sys.executable, *build, cwd=folder)
    (wheel,) = folder.glob("onebar-*.whl")
    venv.create(folder / "empty", with_pip=False)
    pip = ("-m", "pip", "--python", folder / "empty", "--disable-pip-version-check", "--no-input", "install")
    run(sys.executable, *pip, "--quiet", wheel, cwd=folder)
    return folder / "empty" / "bin"


@pytest.mark.process
@pytest.mark.timeout(3 * PATIENCE_S)
async def test_installed_wheel_sends_a_text(environment: Path, tmp_path: Path) -> None:
    async with MockServer() as server, Client.open(tmp_path / "bob.db", server=server.url) as bob:
        await bob.register(BOB, code=lambda: server.sms(BOB))
        command = (environment / "python", "-I", "-c", PROGRAM, server.url, ALICE, BOB)
        assert await asyncio.to_thread(run, *command, cwd=tmp_path) == "delivered\n"
        (message,) = await bob.chat(ALICE).history()
    assert message.text == "on my way"
    version = await asyncio.to_thread(run, environment / "onebar", "--version", cwd=tmp_path)
    assert version == f"onebar {__version__}\n"
