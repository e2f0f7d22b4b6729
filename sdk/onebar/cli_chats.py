"""Commands about chats: their list, what is set for each, searches, profiles; each returns the lines that it prints."""

import argparse
import base64
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from onebar.chats import FOREVER, ChatSummary, SearchHit
from onebar.cli_lines import message_line
from onebar.client import Client
from onebar.errors import InputError
from onebar.models import Standing
from onebar.terminal import printable

MUTE_HOURS_MAX: Final = 100 * 365 * 24
"""Longest `--mute H`: a hundred years, as good as for good, and a date that every calendar knows."""


async def _chats(client: Client, args: argparse.Namespace) -> Sequence[str]:
    chats = await client.chats(archived=args.archived)
    return [chat_line(chat, datetime.now(UTC), as_json=args.json) for chat in chats]


async def _chat(client: Client, args: argparse.Namespace) -> Sequence[str]:
    chat = client.chat(args.phone)
    if args.mute is not None:
        hours = timedelta(hours=min(args.mute, MUTE_HOURS_MAX))
        await chat.mute(datetime.now(UTC) + hours if hours else FOREVER)
    if args.unmute:
        await chat.mute(None)
    if args.pin is not None:
        await chat.pin(args.pin)
    if args.archive is not None:
        await chat.archive(args.archive)
    if args.draft is not None:
        await chat.set_draft(args.draft)
    row = await chat.summary()
    return [] if row is None else [chat_line(row, datetime.now(UTC), as_json=args.json)]


async def _profile(client: Client, args: argparse.Namespace) -> Sequence[str]:
    phone: str | None = getattr(args, "phone", None)
    photo = args.photo if args.photo != Path() else b""
    if args.name is not None or args.about is not None or photo is not None:
        if phone is not None:
            raise InputError("people say themselves who they are: leave PHONE out to set your own profile")
        await client.account.set_profile(name=args.name, about=args.about, photo=photo)
    said = await (client.account.profile() if phone is None else client.chat(phone).profile())
    if said is None:
        return []
    if args.save is not None:
        args.save.write_bytes(said.photo)
    if args.json:
        fields = {"name": said.name, "about": said.about, "photo": base64.b64encode(said.photo).decode()}
        return [json.dumps(fields)]
    return [printable(line) for line in (said.name, said.about) if line]


async def _search(client: Client, args: argparse.Namespace) -> Sequence[str]:
    hits = await client.search(args.query, chat=args.chat, limit=args.limit, before=args.before)
    return [hit_line(hit, as_json=args.json) for hit in hits]


def chat_line(chat: ChatSummary, now: datetime, *, as_json: bool) -> str:
    """Return one row of the list of chats as a line."""
    if as_json:
        fields = asdict(chat)
        last = None if chat.last is None else json.loads(message_line(chat.last, as_json=True))
        muted = None if chat.muted_until is None else chat.muted_until.isoformat()
        return json.dumps(fields | {"last": last, "muted_until": muted})
    marks = [f"{chat.unread} unread"] if chat.unread else []
    marks += [str(chat.standing)] if chat.standing is not Standing.ACCEPTED else []
    marks += ["muted"] if chat.muted_until is not None and chat.muted_until > now else []
    marks += ["pinned"] if chat.pinned else []
    marks += ["archived"] if chat.archived else []
    name = f" {printable(chat.name)}" if chat.name else ""
    last = "" if chat.last is None else f": {printable(chat.last.text)}"
    draft = f" [draft: {printable(chat.draft)}]" if chat.draft else ""
    said = f" ({', '.join(marks)})" if marks else ""
    return f"{chat.phone}{name}{said}{last}{draft}"


def hit_line(hit: SearchHit, *, as_json: bool) -> str:
    """Return one message that was found as a line."""
    line = message_line(hit.message, as_json=as_json)
    return json.dumps(json.loads(line) | {"spans": hit.spans}) if as_json else line


CHAT_COMMANDS: Final[dict[str, Callable[[Client, argparse.Namespace], Awaitable[Sequence[str]]]]] = {
    "chats": _chats,
    "chat": _chat,
    "search": _search,
    "profile": _profile,
}
"""The commands of this module, by name."""
