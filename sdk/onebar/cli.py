"""The `onebar` command, for bots, scripts and tests: a thin shell around `Client`."""

import argparse
import asyncio
import enum
import json
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from onebar.client import Client, SentMessage
from onebar.drivers.tls import Tls
from onebar.errors import (
    InputError,
    MessageFailedError,
    NotRegisteredError,
    OnebarError,
    RegistrationError,
    RemoteProtocolError,
    TransportError,
    WaitTimeoutError,
)
from onebar.events import DeviceRemoved, Event, MessageEvent, MessageFailed, MessageReceived
from onebar.models import Message, check_key, check_phone, check_text
from onebar.terminal import InputLines, printable, write_line
from onebar.version import __version__

DEFAULT_SERVER: Final = "http://127.0.0.1:8440"
"""Where `onebar-mockserver` listens when it is started without options."""

DATABASE_NAME: Final = "onebar.db"
"""The database's name inside the home directory."""

FLUSH_S: Final = 5.0
"""How long a `send` without --wait stays for the server's answer: on EDGE, two connections with TLS."""

WAIT_S: Final = 60.0
"""How long `send --wait` waits unless told otherwise: longer than any retry pause (DESIGN D8)."""

PAGE_MESSAGES: Final = 500
"""Messages read at a time when a whole history is wanted: one page is some 100 kB."""

_EPILOG: Final = """\
exit codes:
  0    done (a `send` without --wait: stored, and sent if the server answered within 5 s)
  1    a message ended as rejected, expired or undeliverable
  2    the command line or a text is not valid
  3    this home is not registered, its device was removed, or the registration was refused
  4    no network, no server, or not in time; what you sent stays in the outbox
  5    the database cannot be used, or another process must do it
  130  Ctrl-C     143  SIGTERM     141  the reader of the output went away

environment: ONEBAR_HOME, ONEBAR_SERVER stand in for --home and --server.

A message is stored before it is sent. Whatever could not go out stays in the outbox, and goes with the next
`onebar send`, or as soon as `onebar listen` runs. Several commands may use one home at the same time.
"""

_SEND_EPILOG: Final = """\
Without TEXT, or with -, every line of standard input becomes a message as soon as it is read. Blank lines are
left out; a line that is no UTF-8 or too long is reported, left out, and makes the exit code 2.
A TEXT that begins with a dash goes behind --:   onebar send +12025550102 -- "-5 degrees"

--key makes repeating safe: the same key never sends a second message. Lines of standard input get KEY-1,
KEY-2, … by their line number, so a broken run can be repeated with the same key and the same input.

Without --wait the command stays for up to 5 s (or --timeout) until the server has the message, because
nothing else would send it unless `onebar listen` runs on the same home. If that is too short, the message
stays queued, a note on standard error says so, and the exit code is 0.
"""


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


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line; its errors end the process with code 2."""
    parser = argparse.ArgumentParser(
        prog="onebar",
        description="Messages that get through on one bar of signal.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"onebar {__version__}")
    _add_common(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def add(name: str, help_text: str, epilog: str | None = None) -> argparse.ArgumentParser:
        command = commands.add_parser(
            name,
            help=help_text,
            description=help_text,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        _add_common(command)
        return command

    register = add("register", "get an account for a phone number; asks for the code that comes by SMS")
    register.add_argument("phone", metavar="PHONE", help="like +12025550101")
    register.add_argument("--code", help="the code, if you have it already")
    send = add("send", "send one message, or one for each line of standard input", _SEND_EPILOG)
    send.add_argument("phone", metavar="PHONE")
    send.add_argument("text", metavar="TEXT", nargs="?", default="-")
    send.add_argument("--wait", choices=("sent", "delivered"), help="wait until it is there, or has failed")
    send.add_argument("--timeout", metavar="S", type=_seconds, help=f"longest wait, in seconds ({WAIT_S:g})")
    send.add_argument("--key", metavar="K", help="idempotency key: repeating it sends nothing twice")
    listen = add("listen", "print what happens, until Ctrl-C; keeps the link and sends what is queued")
    listen.add_argument("--json", action="store_true", help="one JSON object a line, with its event_no")
    listen.add_argument("--consumer", metavar="NAME", default="cli", help="each name gets every event (cli)")
    history = add("history", "print a chat's messages, oldest first; needs no network")
    history.add_argument("phone", metavar="PHONE")
    history.add_argument("--json", action="store_true", help="one JSON object a line")
    history.add_argument("--limit", metavar="N", type=_count, help="only the newest N")
    outbox = add("outbox", "print what the server has not acknowledged yet")
    outbox.add_argument("--json", action="store_true", help="one JSON object a line")
    add("whoami", "print this home's phone number").add_argument("--json", action="store_true")
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    """Add the options that may stand before or after the subcommand."""
    absent = argparse.SUPPRESS  # or the subcommand's default would overwrite what stood before it
    parser.add_argument("--home", metavar="DIR", type=Path, default=absent, help="(~/.onebar)")
    parser.add_argument("--server", metavar="URL", default=absent, help=f"({DEFAULT_SERVER})")
    parser.add_argument("--ca", metavar="FILE", default=absent, help="trust the certificates in FILE, not the system's")
    parser.add_argument("--log", action="store_true", default=absent, help="log to standard error, without content")


def _seconds(value: str) -> float:
    seconds = float(value)
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError("a number of seconds, 0 or more")
    return seconds


def _count(value: str) -> int:
    count = int(value)
    if count < 1:
        raise argparse.ArgumentTypeError("a number from 1")
    return count


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line and fill in the environment's values and the defaults."""
    args = build_parser().parse_args(argv)
    home = getattr(args, "home", None) or os.environ.get("ONEBAR_HOME") or "~/.onebar"
    args.home = Path(home).expanduser()
    args.server = getattr(args, "server", None) or os.environ.get("ONEBAR_SERVER") or DEFAULT_SERVER
    args.ca = getattr(args, "ca", None)
    args.log = getattr(args, "log", False)
    return args


def event_line(event: Event, *, as_json: bool) -> str:
    """Return one event as a line: JSON in ASCII, or a sentence for people."""
    name = type(event).__name__
    if as_json:
        return json.dumps({"event_no": event.event_no, "event": name, **asdict(event)})
    match event:
        case MessageReceived():
            return f"{event.chat}: {printable(event.text)}"
        case MessageFailed():
            return f"{event.chat}: message {event.message_no} {event.state} ({event.reason})"
        case MessageEvent():
            return f"{event.chat}: message {event.message_no} {name.removeprefix('Message').lower()}"
        case DeviceRemoved():
            return f"this device was removed from its account ({event.reason})"
        case _:
            return name


def message_line(message: Message, *, as_json: bool) -> str:
    """Return one message of a history or of the outbox as a line."""
    if as_json:
        return json.dumps(asdict(message))
    arrow = ">" if message.outgoing else "<"
    reason = f" ({message.reason})" if message.reason else ""
    return f"{message.message_no} {arrow} {message.chat} {message.state}{reason}: {printable(message.text)}"


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

    await client.register(args.phone, code=ask)
    return Outcome(lines=[f"registered as {args.phone}"])


async def _send(client: Client, args: argparse.Namespace) -> Outcome:
    chat = client.chat(args.phone)
    messages: list[SentMessage] = []
    refused = False
    if args.text != "-":
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
    outcome = await _wait(client, messages, args.wait, args.timeout)
    return Outcome(ExitCode.USAGE, outcome.lines) if refused and outcome.code is ExitCode.OK else outcome


async def _wait(client: Client, messages: Sequence[SentMessage], wait: str | None, timeout_s: float | None) -> Outcome:
    """Wait for all messages together; one that is late ends it, because the others stand behind it."""
    now = asyncio.get_running_loop().time
    deadline_s = now() + (timeout_s if timeout_s is not None else WAIT_S if wait else FLUSH_S)
    code, lines = ExitCode.OK, []
    for place, message in enumerate(messages):
        left_s = max(0.0, deadline_s - now())
        try:
            await (message.delivered(timeout_s=left_s) if wait == "delivered" else message.sent(timeout_s=left_s))
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


async def _whoami(client: Client, args: argparse.Namespace) -> Outcome:
    fields = {"phone": client.phone, "registered": client.registered, "home": str(args.home)}
    return Outcome(lines=[json.dumps(fields) if args.json else str(client.phone)])


_COMMANDS: Final[dict[str, Callable[[Client, argparse.Namespace], Awaitable[Outcome]]]] = {
    "register": _register,
    "send": _send,
    "listen": _listen,
    "history": _history,
    "outbox": _outbox,
    "whoami": _whoami,
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
    if args.command == "register":
        args.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    elif not database.exists():
        raise NotRegisteredError(f"nothing in {args.home} yet: run `onebar register` first, or see --home")
    tls = None if args.ca is None else Tls(ca_file=args.ca)
    async with Client.open(database, server=args.server, tls=tls) as client:
        if args.command in {"send", "listen", "whoami"} and not client.registered:
            raise NotRegisteredError(f"{args.home} is not registered, or no longer: run `onebar register`")
        return await _COMMANDS[args.command](client, args)


def exit_code_of(error: OnebarError | OSError) -> ExitCode:
    """Return what the process's exit code says about an error."""
    match error:
        case InputError():
            return ExitCode.USAGE
        case RegistrationError(reason="unavailable") | TransportError() | WaitTimeoutError() | RemoteProtocolError():
            return ExitCode.NO_NETWORK
        case NotRegisteredError() | RegistrationError():
            return ExitCode.NOT_REGISTERED
        case MessageFailedError():
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
