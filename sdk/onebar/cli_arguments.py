"""The command line of `onebar`: what it takes, and what its help says."""

import argparse
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from onebar.version import __version__

DEFAULT_SERVER: Final = "http://127.0.0.1:8440"
"""Where `onebar-mockserver` listens when it is started without options."""

FLUSH_S: Final = 5.0
"""How long a `send` without --wait stays for the server's answer: on EDGE, two connections with TLS."""

WAIT_S: Final = 60.0
"""How long `send --wait` waits unless told otherwise: longer than any retry pause (DESIGN D8)."""

_EPILOG: Final = """\
exit codes:
  0    done (a `send` without --wait: stored, and sent if the server answered within 5 s)
  1    a message ended as rejected, expired or undeliverable, or the server refused what was asked
  2    the command line or a text is not valid
  3    this home is not registered, its device was removed, or the registration was refused
  4    no network, no server, or not in time; what you sent stays in the outbox
  5    the database cannot be used, or another process must do it
  130  Ctrl-C     143  SIGTERM     141  the reader of the output went away

environment: ONEBAR_HOME, ONEBAR_SERVER stand in for --home and --server. ONEBAR_PASSPHRASE, or the first line of
--passphrase-file, opens the home's keys; give it from the first command on, or never.

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
nothing else would send it unless `onebar listen` runs on the same home; with a file, for up to 60 s. If that is too
short, the message stays queued, a note on standard error says so, and the exit code is 0. A file that was cut goes on
where it stopped.
"""


_SAFETY_EPILOG: Final = """\
If the digits are the same on the other side's screen, nobody sits between the two of you. Say so by repeating
them (spaces do not matter):   onebar safety +12025550102 --verified "12345 67890 …"
If the number has changed meanwhile, that is refused. In a verified chat whose number changes, messages wait
until you compare it again, or go on with --accept.
"""

_PIN_EPILOG: Final = """\
The PIN is asked for while a device of the account has been heard of within the last seven days. Nobody can tell it to
you again. It is never an argument, which other users of this machine would see.
"""

_JSON: Final = "one JSON object a line"

_Add = Callable[..., argparse.ArgumentParser]


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

    _add_account_commands(add)
    _add_standing_commands(add)
    _add_message_commands(add)
    _add_chat_commands(add)
    return parser


def _add_account_commands(add: _Add) -> None:
    register = add("register", "get an account for a phone number; asks for the code that comes by SMS")
    register.add_argument("phone", metavar="PHONE", help="like +12025550101")
    register.add_argument("--code", help="the code, if you have it already")
    _add_pin_file(register, "where the number is protected by a PIN: its first line is the PIN")
    register.add_argument("--totp", metavar="CODE", help="what the authenticator app shows, where one is wanted")
    register.add_argument("--device-name", metavar="NAME", default="", help="what `devices` calls this one")
    add("whoami", "print this home's phone number").add_argument("--json", action="store_true")
    add("request-device", "print what this new device shows the account's first one, which runs `approve` with it")
    approve = add("approve", "make a further device one of this account; prints what it runs `join` with")
    approve.add_argument("request", metavar="REQUEST", help="what `request-device` printed there")
    approve.add_argument("--timeout", metavar="S", type=_seconds, help=f"longest wait, in seconds ({WAIT_S:g})")
    join = add("join", "become a device of the account whose first device approved this one")
    join.add_argument("approval", metavar="APPROVAL", help="what `approve` printed there")
    add("devices", "print the account's devices").add_argument("--json", action="store_true", help=_JSON)
    name = add("name-device", "call a device of the account by a name, which its devices and the server see")
    name.add_argument("number", metavar="NUMBER", type=_count, help="as `devices` prints it")
    name.add_argument("name", metavar="NAME", help="one line of at most 64 characters; an empty one for none")
    remove = add("remove-device", "take a device out of the account; the server is told when there is a network")
    remove.add_argument("number", metavar="NUMBER", type=_count, help="as `devices` prints it")

    pin = add("pin", "protect the number: who registers it anew needs the SMS and a PIN of 4 to 20 digits", _PIN_EPILOG)
    choice = pin.add_mutually_exclusive_group()
    _add_pin_file(choice, "its first line is the PIN; without it the PIN is asked for")
    choice.add_argument("--remove", action="store_true", help="let the SMS be enough again")
    totp = add("totp", "protect the number by an authenticator app: prints what it reads, and asks for what it shows")
    totp.add_argument("--remove", action="store_true", help="ask for no one-time password any more")
    delete = add("delete-account", "delete the account at the server, for good; the messages of this home stay")
    delete.add_argument("--yes", action="store_true", help="you mean it")


def _add_pin_file(parser: argparse._ActionsContainer, help_text: str) -> None:
    parser.add_argument("--pin-file", metavar="FILE", type=Path, help=help_text)


def _add_standing_commands(add: _Add) -> None:
    add("requests", "print the chats that strangers began and nobody has answered").add_argument(
        "--json", action="store_true", help=_JSON
    )
    accept = add("accept", "accept a request; sending a message does it as well")
    block = add("block", "take nothing from a number any more; the other side is not told")
    block.add_argument("--report", action="store_true", help="and report the last message that came from it")
    unblock = add("unblock", "take messages from a number again")
    for command in (accept, block, unblock):
        command.add_argument("phone", metavar="PHONE")
    add("blocked", "print the numbers that the account has blocked; needs a network")


def _add_message_commands(add: _Add) -> None:
    send = add("send", "send one message, or one for each line of standard input", _SEND_EPILOG)
    send.add_argument("phone", metavar="PHONE")
    send.add_argument("text", metavar="TEXT", nargs="?", default="-")
    kinds = send.add_mutually_exclusive_group()
    for kind, what in (("photo", "a photo, made small"), ("video", "a video, made small"),
                       ("voice", "a recording, as a voice note"), ("file", "a file, as it is")):  # fmt: skip
        kinds.add_argument(
            f"--{kind}", metavar="FILE", dest="file", type=partial(_kind_and_path, kind),
            help=f"send {what}; TEXT is its caption" if kind != "voice" else f"send {what}",
        )  # fmt: skip
    send.add_argument("--wait", choices=("sent", "delivered", "read"), help="wait until it is there, or has failed")
    send.add_argument("--timeout", metavar="S", type=_seconds, help=f"longest wait, in seconds ({WAIT_S:g})")
    send.add_argument("--key", metavar="K", help="idempotency key: repeating it sends nothing twice")
    listen = add("listen", "print what happens, until Ctrl-C; keeps the link and sends what is queued")
    listen.add_argument("--json", action="store_true", help="one JSON object a line, with its event_no")
    listen.add_argument("--consumer", metavar="NAME", default="cli", help="each name gets every event (cli)")
    history = add("history", "print a chat's messages, oldest first; needs no network")
    history.add_argument("phone", metavar="PHONE")
    history.add_argument("--json", action="store_true", help=_JSON)
    history.add_argument("--limit", metavar="N", type=_count, help="only the newest N")
    save = add("save", "write the file that a message brings to a path; fetches it if it is not here")
    save.add_argument("number", metavar="NUMBER", type=_count, help="the message's, as `history` prints it")
    save.add_argument("path", metavar="PATH", type=Path)
    save.add_argument("--timeout", metavar="S", type=_seconds, help=f"longest wait, in seconds ({WAIT_S:g})")
    outbox = add("outbox", "print what the server has not acknowledged yet")
    outbox.add_argument("--json", action="store_true", help=_JSON)
    read = add("read", "mark a chat as read; its authors are told when there is a network, if you tell at all")
    read.add_argument("phone", metavar="PHONE")
    safety = add("safety", "print the digits that both sides of a chat compare, and whether you did", _SAFETY_EPILOG)
    safety.add_argument("phone", metavar="PHONE")
    decision = safety.add_mutually_exclusive_group()
    decision.add_argument("--verified", metavar="DIGITS", help="you compared these digits, and they are the same")
    decision.add_argument("--accept", metavar="DIGITS", help="go on with this new number without comparing it")
    safety.add_argument("--json", action="store_true", help=_JSON)


def _add_chat_commands(add: _Add) -> None:
    chats = add("chats", "print the chats: pinned ones first, then by their newest message; needs no network")
    chats.add_argument("--archived", action="store_true", help="those that are archived")
    chat = add("chat", "print one row of `chats`, and set first what is said; it stays in this home")
    chat.add_argument("phone", metavar="PHONE")
    sound = chat.add_mutually_exclusive_group()
    sound.add_argument(
        "--mute", metavar="H", type=_seconds, nargs="?", const=0.0, help="for H hours; without H for good"
    )
    sound.add_argument("--unmute", action="store_true")
    for name, what in (
        ("pin", "let it stand before others"),
        ("archive", "take it out of the list until somebody writes"),
    ):
        chat.add_argument(f"--{name}", action=argparse.BooleanOptionalAction, help=what)
    chat.add_argument("--draft", metavar="TEXT", help="keep a text that is not sent yet; an empty one forgets it")
    search = add("search", "print the newest messages that have all words, or begins of them; needs no network")
    search.add_argument("query", metavar="QUERY")
    search.add_argument("--chat", metavar="PHONE", help="only in this chat")
    search.add_argument("--limit", metavar="N", type=_count, default=50, help="the newest N (50)")
    search.add_argument("--before", metavar="NUMBER", type=_count, help="older than this message: the next page")
    profile = add("profile", "print what an account says of itself; without PHONE your own, and set it first")
    profile.add_argument("phone", metavar="PHONE", nargs="?", default=argparse.SUPPRESS)
    profile.add_argument("--name", help="a line of at most 64 characters")
    profile.add_argument("--about", help="a line of at most 140 characters")
    profile.add_argument("--photo", metavar="FILE", type=Path, help="a picture; its middle is taken. '': none")
    profile.add_argument("--save", metavar="FILE", type=Path, help="write the photo to a file")
    for command in (chats, chat, search, profile):
        command.add_argument("--json", action="store_true", help=_JSON)


def _add_common(parser: argparse.ArgumentParser) -> None:
    """Add the options that may stand before or after the subcommand."""
    absent = argparse.SUPPRESS  # or the subcommand's default would overwrite what stood before it
    parser.add_argument("--home", metavar="DIR", type=Path, default=absent, help="(~/.onebar)")
    parser.add_argument("--server", metavar="URL", default=absent, help=f"({DEFAULT_SERVER})")
    parser.add_argument("--ca", metavar="FILE", default=absent, help="trust the certificates in FILE, not the system's")
    parser.add_argument("--passphrase-file", metavar="FILE", type=Path, default=absent, help="opens this home's keys")
    parser.add_argument("--log", action="store_true", default=absent, help="log to standard error, without content")


def _seconds(value: str) -> float:
    seconds = float(value)
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError("a number of seconds, 0 or more")
    return seconds


def _kind_and_path(kind: str, value: str) -> tuple[str, Path]:
    return kind, Path(value)


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
    args.passphrase_file = getattr(args, "passphrase_file", None)
    return args
