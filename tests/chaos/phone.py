"""A phone: the smallest program that embeds the SDK, driven by JSON lines on its standard input.

    {"do": "register", "phone": "+12025550101"}          asks with {"is": "code_wanted"}
    {"do": "code", "code": "123456"}                     ends in {"is": "registered"}
    {"do": "send", "key": "…", "to": "+1…", "text": "…"} ends in {"is": "queued", "key": "…", "message_no": 7}
    {"do": "send_file", "kind": "photo", "key": "…", "to": "+1…", "path": "…"} ends in {"is": "file_queued", …}
    {"do": "hint"}                                       there is another network, as a phone's system tells apps

It reports {"is": "open"} first, then every event as {"is": "event", "event": "MessageReceived", …}, and each file
that came as {"is": "file", "message_no": 7, "sha256": "…"}.
The end of its input ends it. It keeps nothing by itself: whoever kills it loses only what no database has.
"""

import argparse
import asyncio
import hashlib
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict
from typing import Any, Final

from onebar.client import Client
from onebar.events import AttachmentReceived, ChatRequested
from onebar.sent_message import SentMessage

COMMAND_BYTES_MAX: Final = 1 << 20
"""Longest command line: a text of 4,096 bytes with every character escaped is 25 kB."""


def report(**fields: Any) -> None:
    """Write one JSON line; when this returns, the pipe has it, and no kill can take it back."""
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


async def commands() -> AsyncIterator[dict[str, Any]]:
    """Yield the commands that come on standard input, until it ends."""
    reader = asyncio.StreamReader(limit=COMMAND_BYTES_MAX)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield json.loads(line)


async def tell_events(client: Client) -> None:
    """Report every event; asking for the next one confirms it."""
    async for event in client.events(consumer="harness"):
        report(**{"is": "event", "event": type(event).__name__, **asdict(event)})
        if isinstance(event, ChatRequested):
            await client.chat(event.chat).accept()
        if isinstance(event, AttachmentReceived):
            report(**{"is": "file", "message_no": event.message_no, "sha256": await digest(client, event.message_no)})


async def digest(client: Client, message_no: int) -> str:
    """Return the SHA-256 of the file of a message."""
    return hashlib.sha256(await client.file(message_no).read()).hexdigest()


async def obey(client: Client) -> None:
    """Do what the commands say, one after the other."""
    loop = asyncio.get_running_loop()
    code: asyncio.Future[str] = loop.create_future()

    async def ask() -> str:
        report(**{"is": "code_wanted"})
        return await code

    async def register(phone: str) -> None:
        await client.register(phone, code=ask)
        report(**{"is": "registered"})

    async def send_file(command: dict[str, str]) -> None:
        chat, key = client.chat(command["to"]), command["key"]
        ways: dict[str, Callable[..., Awaitable[SentMessage]]]
        ways = {"photo": chat.send_photo, "voice": chat.send_voice_note, "file": chat.send_file}
        message = await ways[command["kind"]](command["path"], key=key)
        report(**{"is": "file_queued", "key": key, "sha256": await digest(client, message.message_no)})

    async with asyncio.TaskGroup() as group:
        events = group.create_task(tell_events(client))
        async for command in commands():
            match command["do"]:
                case "register":
                    group.create_task(register(command["phone"]))
                case "code":
                    code.set_result(command["code"])
                case "send":
                    message = await client.chat(command["to"]).send(command["text"], key=command["key"])
                    report(**{"is": "queued", "key": command["key"], "message_no": message.message_no})
                case "send_file":
                    group.create_task(send_file(command))
                case "hint":
                    client.network_changed()
        events.cancel()


async def main() -> None:
    """Open the database and obey until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.phone")
    parser.add_argument("--database", required=True)
    parser.add_argument("--server", required=True)
    args = parser.parse_args()
    async with Client.open(args.database, server=args.server) as client:
        report(**{"is": "open", "registered": client.registered})
        await obey(client)


if __name__ == "__main__":
    asyncio.run(main())
