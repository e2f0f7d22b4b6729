"""The commands about the account and about whose messages are wanted, on a client that stays open."""

from pathlib import Path

import pyotp
import pytest

from onebar import Client, InputError
from onebar.cli import _run_command
from onebar.cli_account import ACCOUNT_COMMANDS, first_line
from onebar.cli_arguments import parse
from onebar.crypto import pins
from onebar.errors import PinError
from onebar_mockserver import MockServer
from tests.sdk.clients import ALICE, BOB, PATIENCE_S, pair


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pins, "PIN_MEMORY_BYTES", 8 * 1024 * pins.PIN_PASSES)  # a PIN costs nothing here


async def run(client: Client, *words: str) -> list[str]:
    args = parse(words)
    return list(await ACCOUNT_COMMANDS[args.command](client, args))


async def test_who_is_wanted(tmp_path: Path, server: MockServer) -> None:
    async with pair(tmp_path, server) as (alice, bob):
        await (await bob.chat(ALICE).send("hello")).delivered(PATIENCE_S)
        assert await run(alice, "requests") == [BOB]
        await run(alice, "accept", BOB)
        assert await run(alice, "requests", "--json") == []
        await run(alice, "block", "--report", BOB)
        assert await run(alice, "blocked") == [BOB]
        await run(alice, "unblock", BOB)
        assert await run(alice, "blocked") == []
        with pytest.raises(InputError, match="no message to report"):
            await run(bob, "block", "--report", ALICE)


async def test_an_authenticator_app(
    tmp_path: Path, server: MockServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class App:
        async def next(self) -> bytes:
            app = pyotp.parse_uri(capsys.readouterr().out.strip())
            assert isinstance(app, pyotp.TOTP)
            return app.now().encode()

    monkeypatch.setattr("onebar.cli_account.InputLines", App)
    async with pair(tmp_path, server) as (alice, bob):
        assert await run(alice, "totp") == []
        await bob.request_code(ALICE)
        register = ["--home", str(tmp_path), "--server", server.url, "register", ALICE, "--code", server.sms(ALICE)]
        for words, reason in (([], "totp_required"), (["--totp", "000 000"], "wrong_totp")):
            with pytest.raises(PinError) as caught:
                await _run_command(parse([*register, *words]))
            assert caught.value.reason == reason
        await run(alice, "totp", "--remove")
        done = await _run_command(parse(register))
        assert done.lines == [f"registered as {ALICE}"]


async def test_a_device_is_called_by_a_name(tmp_path: Path, server: MockServer) -> None:
    async with pair(tmp_path, server) as (alice, _):
        (device,) = await alice.devices()
        await run(alice, "name-device", str(device.number), "kitchen")
        assert [one.name for one in await alice.devices()] == ["kitchen"]


async def test_a_pin_and_the_end(tmp_path: Path, server: MockServer) -> None:
    secret = tmp_path / "pin"
    secret.write_text("2718\nnot this\n")
    async with pair(tmp_path, server) as (alice, bob):
        await run(alice, "pin", "--pin-file", str(secret))
        await bob.request_code(ALICE)
        register = ["--home", str(tmp_path), "--server", server.url, "register", ALICE, "--code", server.sms(ALICE)]
        with pytest.raises(PinError):
            await _run_command(parse(register))
        done = await _run_command(parse([*register, "--pin-file", str(secret)]))
        assert done.lines == [f"registered as {ALICE}"]
        await run(bob, "pin", "--remove")
        with pytest.raises(InputError, match="--yes"):
            await run(bob, "delete-account")
        await run(bob, "delete-account", "--yes")
        assert not bob.registered


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "pin").write_bytes(b"\xff\n")
    with pytest.raises(InputError, match="UTF-8"):
        first_line(tmp_path / "pin")
