"""What the harness knows: each text is written down here before any phone is told to send it."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class Entry:
    """One text on its way."""

    key: str
    """The idempotency key of its `send`."""
    sender: str
    """Name of the phone that sends it."""
    recipient: str
    """Name of the phone that it is for."""
    text: str
    """What it says."""
    logged_at_s: float
    """When it was written down, by the harness's clock."""
    told: bool = False
    """Whether the phone was told to send it."""
    message_no: int | None = None
    """Its number in the sender's database, once the sender has reported it."""
    delivered_at_s: float | None = None
    """When the sender reported it delivered."""
    failed: str = ""
    """The failure state that the sender reported."""


@dataclass(slots=True)
class _PhoneView:
    """What one phone has reported."""

    entries: list[Entry] = field(default_factory=list)
    by_message_no: dict[int, Entry] = field(default_factory=dict)
    early: dict[int, dict[str, Any]] = field(default_factory=dict)  # events ahead of their `queued` report
    events_seen: set[int] = field(default_factory=set)
    received: list[str] = field(default_factory=list)
    repeated_events: int = 0


class Ledger:
    """All texts, in the order in which they were written down."""

    def __init__(self, path: Path, names: tuple[str, str]) -> None:
        """Begin a ledger for two phones; it is a file of JSON lines too, to read after a failure."""
        self.entries: list[Entry] = []
        self.delivered = 0
        self.problems: list[str] = []
        self._file = path.open("a", encoding="utf-8")
        self._by_key: dict[str, Entry] = {}
        self._views = {name: _PhoneView() for name in names}

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def log(self, sender: str, recipient: str, text: str, now_s: float) -> Entry:
        """Write a text down; when this returns, the operating system has it."""
        entry = Entry(f"{sender}-{len(self._views[sender].entries) + 1}", sender, recipient, text, now_s)
        self._file.write(json.dumps(asdict(entry)) + "\n")
        self._file.flush()
        self.entries.append(entry)
        self._views[sender].entries.append(entry)
        self._by_key[entry.key] = entry
        return entry

    def sent_by(self, name: str) -> list[Entry]:
        """Return the texts of one phone, in order."""
        return self._views[name].entries

    def undelivered_of(self, name: str) -> list[Entry]:
        """Return the texts of one phone that it has not reported as delivered, in order."""
        return [entry for entry in self._views[name].entries if entry.delivered_at_s is None]

    def received_by(self, name: str) -> list[str]:
        """Return the texts that one phone has reported as received, in order, each event once."""
        return self._views[name].received

    def repeated_events(self) -> int:
        """Return how many events came again, because a phone died before it confirmed them."""
        return sum(view.repeated_events for view in self._views.values())

    def failures(self) -> list[Entry]:
        """Return the texts that their senders reported as failed."""
        return [entry for entry in self.entries if entry.failed]

    def in_flight(self, name: str) -> int:
        """Return how many texts that a process has to do with were told and are not known to be delivered.

        The backend has to do with all of them.
        """
        open_entries = [entry for entry in self.entries if entry.told and entry.delivered_at_s is None]
        if name not in self._views:
            return len(open_entries)
        return sum(name in {entry.sender, entry.recipient} for entry in open_entries)

    def settled(self) -> bool:
        """Whether every text is reported as delivered by its sender and as received by its recipient."""
        if self.delivered < len(self.entries):
            return False
        expected = dict.fromkeys(self._views, 0)
        for entry in self.entries:
            expected[entry.recipient] += 1
        return all(len(self._views[name].received) >= count for name, count in expected.items())

    def queued(self, name: str, key: str, message_no: int, now_s: float) -> None:
        """Take a phone's report that a text is committed under this number."""
        view, entry = self._views[name], self._by_key[key]
        if entry.message_no is not None and entry.message_no != message_no:
            self.problems.append(f"{key} was message {entry.message_no}, is now {message_no}: sent twice")
        entry.message_no = message_no
        view.by_message_no[message_no] = entry
        if message_no in view.early:
            self._apply(entry, view.early.pop(message_no), now_s)

    def event(self, name: str, event: dict[str, Any], now_s: float) -> None:
        """Take an event that a phone reported; one that was reported before is only counted."""
        view = self._views[name]
        if event["event_no"] in view.events_seen:
            view.repeated_events += 1
            return
        view.events_seen.add(event["event_no"])
        match event["event"]:
            case "MessageReceived":
                view.received.append(event["text"])
            case "MessageDelivered" | "MessageFailed":
                entry = view.by_message_no.get(event["message_no"])
                if entry is None:
                    view.early[event["message_no"]] = event
                else:
                    self._apply(entry, event, now_s)

    def _apply(self, entry: Entry, event: dict[str, Any], now_s: float) -> None:
        if event["event"] == "MessageFailed":
            entry.failed = f"{event['state']} ({event['reason']})"
        elif entry.delivered_at_s is None:
            entry.delivered_at_s = now_s
            self.delivered += 1
