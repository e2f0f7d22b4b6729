"""The `onebar` command, for bots, scripts and tests: a thin shell around `Client`."""

import argparse
import asyncio
import contextlib
import enum
import json
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from onebar.cli_account import ACCOUNT_COMMANDS, first_line
from onebar.cli_arguments import FLUSH_S, WAIT_S, parse
from onebar.cli_chats import CHAT_COMMANDS
from onebar.cli_lines import device_line, event_line, message_line, safety_lines
from onebar.client import Client
from onebar.conversation import Conversation
from onebar.drivers.tls import Tls
from onebar.errors import (
    InputError,
    MessageFailedError,
    NotRegisteredError,
    OnebarError,
    RefusedError,
    RegistrationError,
    RemoteProtocolError,
    TransportError,
    WaitTimeoutError,
)
from onebar.events import DeviceRemoved
from onebar.models import Message, TransferState, check_key, check_phone, check_text
from onebar.sent_message import SentMessage
from onebar.terminal import InputLines, write_line

DATABASE_NAME: Final = "onebar.db"
"""The database's name inside the home directory."""

PAGE_MESSAGES: Final = 500
"""Messages read at a time when a whole history is wanted: one page is some 100 kB."""


class ExitCode(enum.IntEnum):
    """What the command's exit code says; `onebar --help` explains each."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_REGISTERED = 3
    NO_NETWORK = 4
    DATABASE = 5
    INTERRUPTED = 130
    PIPE_CLOSED = 141
    TERMINATED = 143


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended, and what it has to say on standard output."""

    code: ExitCode = ExitCode.OK
    lines: Sequence[str] = ()


def _note(text: str) -> None:
    print(f"onebar: {text}", file=sys.stderr, flush=True)


async def _register(client: Client, args: argparse.Namespace) -> Outcome:
    lines = InputLines()

    async def ask() -> str:
        if args.code is not None:
            return str(args.code)
        if sys.stdin.isatty():
            print(f"The code that came to {args.phone}: ", end="", file=sys.stderr, flush=True)
        return (await lines.next() or b"").decode(errors="replace").strip()

    pin = None if args.pin_file is None else first_line(args.pin_file)
    await client.register(args.phone, code=ask, pin=pin, totp=args.totp, device_name=args.device_name)
    return Outcome(lines=[f"registered as {args.phone}"])


async def _send(client: Client, args: argparse.Namespace) -> Outcome:
    chat = client.chat(args.phone)
    messages: list[SentMessage] = []
    refused = False
    if args.file is not None:
        messages.append(await _send_file(chat, args))
    elif args.text != "-":
        messages.append(await chat.send(args.text, key=args.key))
    else:
        lines, number = InputLines(), 0
        while (line := await lines.next()) is not None:
            number += 1
            try:
                text = line.decode()
                if text.strip():
                    key = None if args.key is None else check_key(f"{args.key}-{number}")
                    messages.append(await chat.send(check_text(text), key=key))
            except (InputError, UnicodeDecodeError) as error:
                refused = True
                _note(f"line {number} is left out: {error}")
    outcome = await _wait(client, messages, args.wait, args.timeout, FLUSH_S if args.file is None else WAIT_S)
    return Outcome(ExitCode.USAGE, outcome.lines) if refused and outcome.code is ExitCode.OK else outcome


async def _send_file(chat: Conversation, args: argparse.Namespace) -> SentMessage:
    kind, path = args.file
    caption = "" if args.text == "-" else args.text
    match kind:
        case "photo":
            return await chat.send_photo(path, caption=caption, key=args.key)
        case "video":
            return await chat.send_video(path, caption=caption, key=args.key)
        case "voice":
            return await chat.send_voice_note(path, key=args.key)
        case _:
            return await chat.send_file(path, caption=caption, key=args.key)


async def _save(client: Client, args: argparse.Namespace) -> Outcome:
    """Write a message's file to a path, waiting for it if it is on its way."""
    file = client.file(args.number)
    if (await file.look()).state is not TransferState.DONE and client.holding:
        await file.fetch()
    try:
        async with asyncio.timeout(WAIT_S if args.timeout is None else args.timeout):
            async for at in file.progress():
                if at.state is TransferState.FAILED:
                    _note(f"the file of message {args.number} will not come: {at.reason}")
                    return Outcome(ExitCode.FAILED)
    except TimeoutError:
        raise WaitTimeoutError(f"the file of message {args.number} has not come in time; it stays on its way") from None
    await file.save(args.path)
    return Outcome(lines=[f"saved {args.path}"])


_REACHED: Final = {
    None: SentMessage.sent,
    "sent": SentMessage.sent,
    "delivered": SentMessage.delivered,
    "read": SentMessage.read,
}
"""What `send` waits for, by its --wait."""


async def _wait(client: Client, messages: Sequence[SentMessage], wait: str | None, timeout_s: float | None,
                flush_s: float = FLUSH_S) -> Outcome:  # fmt: skip
    """Wait for all messages together; one that is late ends it, because the others stand behind it."""
    now = asyncio.get_running_loop().time
    deadline_s = now() + (timeout_s if timeout_s is not None else WAIT_S if wait else flush_s)
    code, lines = ExitCode.OK, []
    for place, message in enumerate(messages):
        left_s = max(0.0, deadline_s - now())
        try:
            await _REACHED[wait](message, left_s)
            lines.append(f"message {message.message_no} {wait or 'sent'}")
        except MessageFailedError as error:
            code = ExitCode.FAILED
            _note(f"message {message.message_no}: {error}")
        except WaitTimeoutError:
            late = len(messages) - place
            why = f" ({client.link.reason})" if client.link.reason else ""
            if wait is None:
                _note(f"{late} queued{why}; will go when `onebar listen` or the next command runs")
            else:
                _note(f"{late} not {wait} in time{why}; nothing is lost, they stay in the outbox until sent")
                code = code or ExitCode.NO_NETWORK
            break
    return Outcome(code, lines)


async def _listen(client: Client, args: argparse.Namespace) -> Outcome:
    async for event in client.events(consumer=args.consumer):
        await write_line(event_line(event, as_json=args.json))  # asking for the next one confirms this one
        if isinstance(event, DeviceRemoved):
            return Outcome(ExitCode.NOT_REGISTERED)
    return Outcome()


async def history_lines(client: Client, args: argparse.Namespace) -> list[str]:
    """Return a chat's messages as lines, oldest first: all of them, or the newest `args.limit`."""
    chat = client.chat(args.phone)
    pages: list[list[Message]] = []
    before, left = None, args.limit
    while left is None or left > 0:
        size = PAGE_MESSAGES if left is None else min(left, PAGE_MESSAGES)
        page = await chat.history(limit=size, before=before)
        pages.append(page)
        if len(page) < size:
            break
        before = page[0].place
        left = None if left is None else left - len(page)
    messages = [message for page in reversed(pages) for message in page]
    messages = messages if args.limit is None else messages[-args.limit :]
    return [message_line(message, as_json=args.json) for message in messages]


async def _history(client: Client, args: argparse.Namespace) -> Outcome:
    return Outcome(lines=await history_lines(client, args))


async def _outbox(client: Client, args: argparse.Namespace) -> Outcome:
    return Outcome(lines=[message_line(message, as_json=args.json) for message in await client.outbox()])


async def _read(client: Client, args: argparse.Namespace) -> Outcome:
    await client.chat(args.phone).mark_read()
    return Outcome()


async def _safety(client: Client, args: argparse.Namespace) -> Outcome:
    chat = client.chat(args.phone)
    number = await chat.safety_number()
    compared = args.verified or args.accept
    if compared is not None and "".join(compared.split()) != number.digits:
        raise InputError("this is not the safety number of this chat: print it again, and compare it again")
    if args.verified is not None:
        await chat.mark_verified(number)
    elif args.accept is not None:
        await chat.accept_safety_number(number)
    return Outcome(lines=safety_lines(args.phone, number, await chat.trust(), as_json=args.json))


async def _request_device(client: Client, args: argparse.Namespace) -> Outcome:  # noqa: ARG001 - like all commands
    return Outcome(lines=[await client.device_request()])


async def _approve(client: Client, args: argparse.Namespace) -> Outcome:
    return Outcome(lines=[await client.approve_device(args.request, WAIT_S if args.timeout is None else args.timeout)])


async def _join(client: Client, args: argparse.Namespace) -> Outcome:
    await client.join(args.approval)
    return Outcome(lines=[f"joined {client.phone}"])


async def _devices(client: Client, args: argparse.Namespace) -> Outcome:
    with contextlib.suppress(OnebarError):  # where it cannot be asked now, they are called what they were
        await client.account.device_names(FLUSH_S)
    return Outcome(lines=[device_line(device, as_json=args.json) for device in await client.devices()])


async def _remove_device(client: Client, args: argparse.Namespace) -> Outcome:
    await client.remove_device(args.number)
    return Outcome()


async def _whoami(client: Client, args: argparse.Namespace) -> Outcome:
    fields = {"phone": client.phone, "registered": client.registered, "home": str(args.home)}
    return Outcome(lines=[json.dumps(fields) if args.json else str(client.phone)])


_COMMANDS: Final[dict[str, Callable[[Client, argparse.Namespace], Awaitable[Outcome]]]] = {
    "register": _register,
    "send": _send,
    "listen": _listen,
    "history": _history,
    "save": _save,
    "outbox": _outbox,
    "whoami": _whoami,
    "read": _read,
    "safety": _safety,
    "request-device": _request_device,
    "approve": _approve,
    "join": _join,
    "devices": _devices,
    "remove-device": _remove_device,
}


async def _run(args: argparse.Namespace) -> Outcome:
    """Check the input, open the client, run the command; a signal cancels whatever is going on."""
    ended_by: list[ExitCode] = []
    task = asyncio.current_task()

    def end(code: ExitCode) -> None:
        ended_by.append(code)
        if task is not None:
            task.cancel()

    if sys.platform != "win32":  # there Ctrl-C raises KeyboardInterrupt instead
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, end, ExitCode.INTERRUPTED)
        loop.add_signal_handler(signal.SIGTERM, end, ExitCode.TERMINATED)
    try:
        return await _run_command(args)
    except asyncio.CancelledError:
        return Outcome(ended_by[0] if ended_by else ExitCode.INTERRUPTED)


async def _run_command(args: argparse.Namespace) -> Outcome:
    if "phone" in args:
        check_phone(args.phone)
    check_key(getattr(args, "key", None))
    database = args.home / DATABASE_NAME
    if args.command in {"register", "request-device"}:
        args.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    elif not database.exists():
        raise NotRegisteredError(f"nothing in {args.home} yet: run `onebar register` first, or see --home")
    tls = None if args.ca is None else Tls(ca_file=args.ca)
    passphrase = _passphrase(args.passphrase_file)
    async with Client.open(database, server=args.server, tls=tls, passphrase=passphrase) as client:
        if args.command in {"send", "listen", "whoami"} and not client.registered:
            raise NotRegisteredError(f"{args.home} is not registered, or no longer: run `onebar register`")
        others = ACCOUNT_COMMANDS | CHAT_COMMANDS
        if args.command in others:
            return Outcome(lines=await others[args.command](client, args))
        return await _COMMANDS[args.command](client, args)


def _passphrase(file: Path | None) -> str | None:
    return os.environ.get("ONEBAR_PASSPHRASE") or None if file is None else first_line(file)


def exit_code_of(error: OnebarError | OSError) -> ExitCode:
    """Return what the process's exit code says about an error."""
    match error:
        case InputError():
            return ExitCode.USAGE
        case RegistrationError(reason="unavailable") | TransportError() | WaitTimeoutError() | RemoteProtocolError():
            return ExitCode.NO_NETWORK
        case NotRegisteredError() | RegistrationError():
            return ExitCode.NOT_REGISTERED
        case MessageFailedError() | RefusedError():
            return ExitCode.FAILED
        case _:
            return ExitCode.DATABASE


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    args = parse(argv)
    if args.log:
        logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(name)s %(levelname)s %(message)s")
        logging.getLogger("onebar").setLevel(logging.DEBUG)
    try:
        outcome = asyncio.run(_run(args))
        for line in outcome.lines:
            print(line.encode(sys.stdout.encoding, "backslashreplace").decode(sys.stdout.encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # so that the interpreter's last flush does not fail as well
        return ExitCode.PIPE_CLOSED
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except (OnebarError, OSError) as error:
        _note(str(error))
        return exit_code_of(error)
    return outcome.code


if __name__ == "__main__":
    sys.exit(main())
