"""Who sees everything that the phones of a process do, and writes it down: ledger, rows, samples."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from onebar.errors import OnebarError
from onebar.events import (
    AttachmentFailed,
    AttachmentReceived,
    Event,
    MessageDelivered,
    MessageEvent,
    MessageFailed,
    MessageRead,
    MessageReceived,
    MessageSent,
    MessageUnreadable,
    RateLimited,
)
from onebar_loadtest import rows
from onebar_loadtest.accounting import Ledger, is_photo, key_of
from onebar_loadtest.crowd import Crowd
from onebar_loadtest.phones import Phone
from onebar_loadtest.photos import content_of
from onebar_loadtest.record import Record

LAG_EVERY_S: Final = 0.02
"""How often the loop's lag is looked at."""

ROGUE: Final = "~"
"""How the texts of misbehaving phones begin: nobody accounts for them."""

OF_THE_RUN: Final = frozenset({rows.CONNECT, rows.RESUME, rows.RECOVER, rows.LOOP_LAG})
"""Rows that say nothing once people have stopped talking."""

Observe = Callable[[str, float], None]
"""Is told each time of a row: (row, seconds)."""


def ignore(row: str, took_s: float) -> None:
    """Hear a time, and do nothing."""


@dataclass(slots=True)
class _Own:
    """A message of a phone, as long as ticks for it may come; times of the loop."""

    reader: Phone
    said_s: float
    first: bool
    """Whether the two phones had not met."""
    photo: bool = False
    sent_s: float = 0.0
    read_s: float = 0.0


class Onlooker:
    """The `Witness` of all phones of a fleet."""

    def __init__(self, phones: Sequence[Phone], observe: Observe = ignore) -> None:
        """Look at these phones, whose list may grow; `observe` is told each time as it is taken."""
        self.ledger = Ledger()
        self.measuring = False
        """Whether times count; before, only those of first links do."""
        self.settling = False
        """Whether the run is over and only messages on their way count: links are made anew then, and all at once."""
        self._phones, self._observe = phones, observe
        self._record = Record()
        self._own: dict[tuple[int, int], _Own] = {}
        self._firsts: set[str] = set()  # keys of what was said before two phones had met
        self._coming: dict[str, float] = {}  # by key: when the messages came whose photos are to come
        self._unread: dict[str, _Own] = {}  # by keys: what people will look at
        self._shown: dict[tuple[int, str], list[_Own]] = {}  # by phone and chat: what came and was not looked at
        self._watching: list[asyncio.Task[None]] = []

    def start(self, crowd: Crowd) -> None:
        """Begin to look, at what light devices say, too."""
        watches = self._watch_lag(), self._watch_seconds(crowd)
        self._watching = [asyncio.create_task(watch) for watch in watches]

    async def close(self) -> None:
        """Look no more."""
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)

    def take_record(self, process: str) -> Record:
        """Return what is new since the last time, with the tally so far under the name of this process."""
        record, self._record = self._record, Record()
        record.tallies[process] = self.ledger.tally
        return Record.from_data(record.to_data())  # which no later event changes

    def say(self, author: Phone, reader: Phone, words: str, *, photo: bool = False) -> None:
        """Let a phone send a text to another one, or a photo with one, and account for it."""
        at_s = asyncio.get_running_loop().time()
        first = not self.ledger.met(author.no, reader.no)
        key = self.ledger.say(author.no, reader.no, at_s, photo=photo)
        if first and not photo:
            self._firsts.add(key)

        def committed(result: asyncio.Future[object]) -> None:
            if result.cancelled() or isinstance(result.exception(), OnebarError):
                self.ledger.take_back(key)
            else:
                self._record.second(int(time.time())).sent += 1
                own = self._own[author.no, int(str(result.result()))] = _Own(reader, at_s, first, photo)
                if reader.reads and not photo:
                    self._unread[key] = own

        text = f"{key} {words}"
        saying = author.show(reader.number, text, content_of(key)) if photo else author.say(reader.number, text)
        saying.add_done_callback(committed)

    def opened(self, took_s: float, *, first: bool) -> None:
        """See `Witness`."""
        self._note(rows.CONNECT if first else rows.RESUME, took_s)

    def reached_again(self, took_s: float) -> None:
        """See `Witness`."""
        self._note(rows.RECOVER, took_s)

    def happened(self, phone: Phone, event: Event, at_s: float) -> None:
        """See `Witness`."""
        if isinstance(event, MessageReceived):
            self._received(phone, event, at_s)
        elif isinstance(event, AttachmentReceived):
            self._completed(phone, event, at_s)
        elif isinstance(event, AttachmentFailed):
            self.ledger.no_photo(phone.no, event.reason)
        elif isinstance(event, RateLimited):
            self.ledger.limit(event.limit)
            self._record.second(int(time.time())).limited += 1
        elif isinstance(event, MessageUnreadable):
            self.ledger.unreadable(phone.no)
        elif isinstance(event, MessageEvent) and (own := self._own.get((phone.no, event.message_no))) is not None:
            self._ticked(phone, event, own, at_s)

    def looked(self, phone: Phone, chat: str, at_s: float) -> None:
        """See `Witness`."""
        for own in self._shown.pop((phone.no, chat), ()):
            own.read_s = at_s

    def _received(self, phone: Phone, event: MessageReceived, at_s: float) -> None:
        if event.text.startswith(ROGUE):
            return
        key = key_of(event.text)
        if is_photo(event.text):
            self._coming[key] = at_s  # it has arrived when the photo is there
            return
        self._arrived(phone, event.text, at_s)
        own = self._unread.pop(key, None)
        if own is not None:
            self._shown.setdefault((phone.no, event.chat), []).append(own)

    def _completed(self, phone: Phone, event: AttachmentReceived, at_s: float) -> None:
        text = phone.text_of(event.message_no)
        if phone.photo_of(event.message_no) != content_of(key_of(text)):
            self.ledger.no_photo(phone.no, "it is another one")
            return
        self._note(rows.DOWNLOAD, at_s - self._coming.pop(key_of(text), at_s))
        self._arrived(phone, text, at_s)

    def _arrived(self, phone: Phone, text: str, at_s: float) -> None:
        key, author = key_of(text), self.ledger.author(text)
        back_s = max(phone.back_s, self._phones[author].back_s) if 0 <= author < len(self._phones) else phone.back_s
        took_s = self.ledger.arrive(phone.no, text, at_s, back_s)
        if took_s is None:
            return
        sample = self._record.second(int(time.time()))
        sample.delivered += 1
        if key in self._firsts:
            self._firsts.remove(key)
            self._note(rows.FIRST_CONTACT, took_s)
        elif not is_photo(text):
            sample.end_to_end.add(took_s)
            self._note(rows.END_TO_END, took_s)

    def _ticked(self, phone: Phone, event: MessageEvent, own: _Own, at_s: float) -> None:
        over = False
        match event:
            case MessageSent():
                self.ledger.accept()
                own.sent_s = at_s
                if own.photo:
                    self._note(rows.UPLOAD, at_s - own.said_s)
                elif not own.first:
                    self._note(rows.QUEUED_SENT_PROXIED if phone.proxied else rows.QUEUED_SENT, at_s - own.said_s)
            case MessageDelivered():
                if not own.first and not own.photo:
                    self._note(rows.SENT_DELIVERED, at_s - (own.sent_s or at_s))
                over = own.photo or not own.reader.reads
            case MessageRead():
                if own.read_s:
                    self._note(rows.READ_TOLD, at_s - own.read_s)
                over = True
            case MessageFailed():
                self.ledger.fail(phone.text_of(event.message_no), own.reader.no, event.reason)
                over = True
        if over:
            del self._own[phone.no, event.message_no]

    def _note(self, row: str, took_s: float) -> None:
        if self.settling and row in OF_THE_RUN:
            return
        if self.measuring or row == rows.CONNECT:
            self._record.row(row).add(took_s)
            self._observe(row, took_s)

    async def _watch_lag(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + LAG_EVERY_S
            await asyncio.sleep(LAG_EVERY_S)
            late_s = loop.time() - due_s
            self._note(rows.LOOP_LAG, late_s)
            sample = self._record.second(int(time.time()))
            sample.lag_ms = max(sample.lag_ms, late_s * 1000)

    async def _watch_seconds(self, crowd: Crowd) -> None:
        while True:
            await asyncio.sleep(1 - time.time() % 1)
            sample = self._record.second(int(time.time()) - 1)
            sample.phones = sum(not phone.left for phone in self._phones)
            sample.online = sum(phone.online and not phone.dark for phone in self._phones)
            tally = self.ledger.tally
            sample.waiting = tally.sent - tally.accepted - sum(tally.failed.values())
            beside, tally.beside = tally.beside, crowd.arrived
            sample.beside, sample.beside_took = tally.beside - beside, crowd.take_times()
