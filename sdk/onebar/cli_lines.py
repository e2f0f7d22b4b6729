"""What `onebar` prints of events, messages and devices: sentences for people, or one JSON object a line."""

import base64
import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final

from onebar.core.records import Trust
from onebar.crypto.safety_numbers import SafetyNumber
from onebar.events import (
    AttachmentFailed,
    AttachmentReceived,
    ChatChanged,
    ChatEvent,
    ChatRequested,
    DeviceRemoved,
    DeviceReplaced,
    DevicesChanged,
    Event,
    MessageEvent,
    MessageFailed,
    MessageReceived,
    ProfileChanged,
    SafetyNumberChanged,
    SessionHealed,
)
from onebar.models import AccountDevice, Message, TransferState
from onebar.terminal import printable

_CHAT_NEWS: Final[dict[type[ChatEvent], str]] = {
    ChatChanged: "the chat was read or set otherwise; see `onebar chats`",
    ProfileChanged: "there is another name or photo; see `onebar profile`",
    SafetyNumberChanged: "the safety number has changed; see `onebar safety`",
    DevicesChanged: "a device was added or removed",
    SessionHealed: "a message did not open; it is asked for again",
}

_MESSAGE_NEWS: Final[dict[type[MessageEvent], str]] = {
    ChatRequested: "a stranger writes; see `onebar requests`",
    AttachmentReceived: "the file of message {} is here; see `onebar save`",
}

_GROUP_DIGITS: Final = 5  # of a safety number, as people read it aloud


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
        case AttachmentFailed():
            return f"{event.chat}: the file of message {event.message_no} will not come ({event.reason})"
        case MessageEvent():
            news = _MESSAGE_NEWS.get(type(event), f"message {{}} {name.removeprefix('Message').lower()}")
            return f"{event.chat}: {news.format(event.message_no)}"
        case ChatEvent():
            return f"{event.chat}: {_CHAT_NEWS[type(event)]}"
        case DeviceReplaced():
            return "this device goes on under a new number: its database was an old copy, or the server forgot it"
        case DeviceRemoved():
            return f"this device was removed from its account ({event.reason})"
        case _:
            return name


def message_line(message: Message, *, as_json: bool) -> str:
    """Return one message of a history or of the outbox as a line."""
    if as_json:
        return json.dumps(asdict(message), default=_base64)
    arrow = ">" if message.outgoing else "<"
    reason = f" ({message.reason})" if message.reason else ""
    said = _file_words(message) + printable(message.text)
    return f"{message.message_no} {arrow} {message.chat} {message.state}{reason}: {said}"


def _file_words(message: Message) -> str:
    """Say what a message brings, and how far that is."""
    file = message.attachment
    if file is None:
        return ""
    name = f" {printable(file.name)}" if file.name else ""
    percent = 100 * file.bytes_done // file.bytes_total
    stands = "" if file.state is TransferState.DONE else f", {file.state} {percent} %"
    return f"[{printable(file.kind)}{name}, {file.file_bytes} bytes{stands}] "


def _base64(value: object) -> str:
    assert isinstance(value, bytes)
    return base64.b64encode(value).decode()


def safety_lines(phone: str, number: SafetyNumber, trust: Trust, *, as_json: bool) -> list[str]:
    """Return a safety number as people compare it: three lines of four groups, and what the user thinks of it."""
    digits = number.digits
    if as_json:
        return [json.dumps({"chat": phone, "digits": digits, "trust": trust})]
    groups = [digits[at : at + _GROUP_DIGITS] for at in range(0, len(digits), _GROUP_DIGITS)]
    return [*(" ".join(groups[at : at + 4]) for at in range(0, len(groups), 4)), str(trust)]


def device_line(device: AccountDevice, *, as_json: bool) -> str:
    """Return one device of the account as a line."""
    if as_json:
        return json.dumps(asdict(device))
    since = datetime.fromtimestamp(device.created_ms / 1000, UTC).date().isoformat()
    name = f" {printable(device.name)}" if device.name else ""
    return f"{device.number}{name} since {since}{' (this one)' if device.this else ''}"
