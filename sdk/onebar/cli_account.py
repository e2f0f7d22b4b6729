"""Commands about the account and about whose messages are wanted; each returns the lines that it prints."""

import argparse
import asyncio
import contextlib
import getpass
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from onebar.cli_arguments import FLUSH_S
from onebar.client import Client
from onebar.errors import InputError, WaitTimeoutError
from onebar.models import Standing
from onebar.terminal import InputLines


def first_line(file: Path) -> str:
    """Return the first line of a file, such as one with a PIN.

    Raises:
        InputError: It is no text in UTF-8.
        OSError: It cannot be read.
    """
    try:
        return next(iter(file.read_text("utf-8").splitlines()), "")
    except UnicodeDecodeError:
        raise InputError(f"{file}: it is read as text in UTF-8") from None


async def _pin(client: Client, args: argparse.Namespace) -> Sequence[str]:
    if args.remove:
        await client.account.remove_pin()
        return ()
    if args.pin_file is not None:
        pin = first_line(args.pin_file)
    elif sys.stdin.isatty():
        pin = await asyncio.to_thread(getpass.getpass, "The new PIN: ")
    else:
        pin = (await InputLines().next() or b"").decode(errors="replace").strip()
    await client.account.set_pin(pin)
    return ()


async def _totp(client: Client, args: argparse.Namespace) -> Sequence[str]:
    if args.remove:
        await client.account.remove_totp()
        return ()
    totp = client.account.new_totp()
    sys.stdout.write(f"{totp.uri}\n")  # now: what the app makes of it is asked for next
    sys.stdout.flush()
    if sys.stdin.isatty():
        sys.stderr.write("What the app shows: ")
        sys.stderr.flush()
    await client.account.set_totp(totp, (await InputLines().next() or b"").decode(errors="replace").strip())
    return ()


async def _name_device(client: Client, args: argparse.Namespace) -> Sequence[str]:
    await client.account.name_device(args.number, args.name)
    return ()


async def _delete_account(client: Client, args: argparse.Namespace) -> Sequence[str]:
    if not args.yes:
        raise InputError("this cannot be undone: say --yes if you mean it")
    await client.account.delete()
    return ()


async def _requests(client: Client, args: argparse.Namespace) -> Sequence[str]:
    chats = [chat for chat in await client.chats() if chat.standing is Standing.REQUESTED]
    fields = ("phone", "messages", "unread", "standing")
    return [json.dumps({name: getattr(chat, name) for name in fields}) if args.json else chat.phone for chat in chats]


async def _accept(client: Client, args: argparse.Namespace) -> Sequence[str]:
    await client.chat(args.phone).accept()
    return ()


async def _block(client: Client, args: argparse.Namespace) -> Sequence[str]:
    chat = client.chat(args.phone)
    await chat.block()
    await _tell_blocks(client)
    if args.report:
        came = [message for message in await chat.history() if not message.outgoing]
        if not came:
            raise InputError("it is blocked; there is no message to report")
        await chat.report(came[-1])
    return ()


async def _unblock(client: Client, args: argparse.Namespace) -> Sequence[str]:
    await client.chat(args.phone).unblock()
    await _tell_blocks(client)
    return ()


async def _tell_blocks(client: Client) -> None:
    """Give the server a moment: it answers in order, so it knows of every block before it tells them all."""
    with contextlib.suppress(WaitTimeoutError):  # else the next command that has a network tells it
        await client.account.blocked(FLUSH_S)


async def _blocked(client: Client, args: argparse.Namespace) -> Sequence[str]:  # noqa: ARG001 - like all commands
    return await client.account.blocked()


ACCOUNT_COMMANDS: Final[dict[str, Callable[[Client, argparse.Namespace], Awaitable[Sequence[str]]]]] = {
    "pin": _pin,
    "totp": _totp,
    "name-device": _name_device,
    "delete-account": _delete_account,
    "requests": _requests,
    "accept": _accept,
    "block": _block,
    "unblock": _unblock,
    "blocked": _blocked,
}
"""The commands of this module, by name."""
