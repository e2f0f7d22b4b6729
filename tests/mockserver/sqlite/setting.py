"""A database with devices in it, driven without threads: each call is one transaction."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from onebar.core.frames import Ack, Hello, Stock, Submit, Void, decode_as
from onebar.core.questions import AccountInfo, AddDevice, Added, Bundle, FindBundle, FindDevice, Publish, Question
from onebar.crypto.keys import DeviceKeys
from onebar_mockserver.buckets import Buckets
from onebar_mockserver.limits import ServerLimits
from onebar_mockserver.ports import Answer, Asked, Attached, Code, Entry, Judged, Keys, Page, Refusal, Registered, Want
from onebar_mockserver.sqlite import codes, mailboxes, registry, verdicts
from onebar_mockserver.sqlite.answers import answer
from onebar_mockserver.sqlite.batch import Batch, DeviceRow
from onebar_mockserver.sqlite.code_key import KEY_BYTES
from onebar_mockserver.sqlite.database import open_database
from onebar_mockserver.sqlite.sweeping import sweep
from tests.mockserver.rawclient import submit
from tests.mockserver.signer import Signer

T = TypeVar("T")

ENDLESS = 10**9
CODE_KEY = b"k" * KEY_BYTES


def keys(number: int) -> Keys:
    public = DeviceKeys(number.to_bytes(32, "big"), number.to_bytes(32, "big")).public()
    return Keys(public.identity_key, public.box_key, public.key_signature)


@dataclass
class Setting:
    path: Path = Path(":memory:")
    limits: ServerLimits = field(default_factory=ServerLimits)
    now_ms: int = 1_000_000

    def __post_init__(self) -> None:
        self.connection = open_database(self.path)
        self.judged: set[int] = set()
        self.buckets = Buckets({})

    def reopen(self) -> None:
        self.connection.close()
        self.use(open_database(self.path))

    def use(self, connection: sqlite3.Connection) -> None:
        """Go on with another database, as an engine does that opens one."""
        self.connection = connection
        self.judged = set()

    def image(self) -> sqlite3.Connection:
        """Copy the database, as a backup does."""
        target = sqlite3.connect(":memory:", isolation_level=None)
        self.connection.backup(target)
        return target

    def run(self, work: Callable[[Batch], T], *, crash: bool = False) -> T:
        self.connection.execute("BEGIN IMMEDIATE")
        batch = Batch(self.connection, self.now_ms, self.limits, self.judged, buckets=self.buckets)
        try:
            result = work(batch)
            batch.flush()
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("ROLLBACK" if crash else "COMMIT")
        if not crash:
            self.judged |= batch.greeted
        return result

    def register(self, phone: str, number: int) -> Registered:
        def work(batch: Batch) -> Registered:
            code = codes.issue(batch.connection, CODE_KEY, phone, b"seed", self.now_ms)
            assert isinstance(code, Code), code
            answer = registry.register(batch.connection, CODE_KEY, phone, code.code, keys(number), self.now_ms)
            assert isinstance(answer, Registered), answer
            return answer

        return self.run(work)

    def replace(self, phone: Registered, number: int) -> Registered:
        def work(batch: Batch) -> Registered:
            replaced = registry.replace(batch.connection, *phone[:2], keys(number), self.now_ms)
            assert isinstance(replaced, Registered), replaced
            return replaced

        return self.run(work)

    def ask(self, by: Registered, question: Question, *, crash: bool = False) -> Answer:
        """Ask on behalf of a device; each question is one transaction."""
        asked = Asked(by.account, by.device, question)
        return self.run(lambda batch: answer(batch.connection, asked, self.now_ms), crash=crash)

    def publish(self, by: Registered, what: Publish) -> Stock:
        return decode_as(Stock, self.ask(by, what).result)

    def bundle(self, by: Registered, of: Registered) -> Bundle:
        return decode_as(Bundle, self.ask(by, FindBundle(of.account, of.device)).result)

    def add(self, by: Registered, number: int) -> Registered:
        """Reserve a number for a further device of this one's account."""
        return Registered(by.account, decode_as(Added, self.ask(by, AddDevice(*keys(number))).result).device)

    def info(self, of: Registered) -> AccountInfo:
        return decode_as(AccountInfo, self.ask(of, FindDevice(of.account, of.device)).result)

    def judge(self, device: int, frame: Submit | Void, *, crash: bool = False) -> Judged:
        def work(batch: Batch) -> Judged:
            answer = verdicts.judge(batch, row_of(batch, device), frame)
            assert isinstance(answer, Judged)
            return answer

        return self.run(work, crash=crash)

    def attach(self, device: int, **changes: int) -> Attached | Refusal:
        values = {"connection_no": 1, "time_ms": 0, "epoch": 1, "cursor": 0, "floor": 0} | changes

        def work(batch: Batch) -> Attached | Refusal:
            row = row_of(batch, device)
            hello = Hello(row.account, device, unopened=(), **values)
            return mailboxes.attach(batch, row, hello)

        return self.run(work)

    def attached(self, device: int) -> Attached:
        place = self.attach(device)
        assert isinstance(place, Attached)
        return place

    def ack(
        self,
        device: int,
        cursor: int,
        unopened: tuple[int, ...] = (),
        *,
        epoch: int = 1,
        crash: bool = False,
    ) -> None:
        self.run(
            lambda batch: mailboxes.acknowledge(batch, row_of(batch, device), Ack(epoch, cursor, unopened)),
            crash=crash,
        )

    def page(self, device: int, after: int = 0, bytes_max: int = ENDLESS) -> Page:
        return mailboxes.fetch(self.connection, Want(device, after, bytes_max))

    def mail(self, device: int) -> list[Entry]:
        entries: list[Entry] = []
        while True:
            page = self.page(device, entries[-1].seq if entries else 0)
            entries += page.entries
            if not page.more:
                return entries

    def sweep(self) -> frozenset[int]:
        woken: frozenset[int] = frozenset()
        while True:
            swept = self.run(sweep)
            woken |= swept.woken
            if swept.done:
                return woken

    def notes(self, device: int) -> set[int]:
        return self.run(lambda batch: set(batch.notes(row_of(batch, device))))

    def row(self, device: int) -> DeviceRow:
        return self.run(lambda batch: row_of(batch, device))


def family(setting: Setting, phone: Registered, own: int = 2, further: int = 3) -> Registered:
    """Give an account, whose device has the keys `own`, a second device, and list both."""
    signer = Signer(phone.account)
    setting.publish(phone, Publish(devices=signer.sign({phone.device: keys(own)})))
    second = setting.add(phone, further)
    both = {phone.device: keys(own), second.device: keys(further)}
    setting.publish(phone, Publish(devices=signer.sign(both)))
    return second


def row_of(batch: Batch, device: int) -> DeviceRow:
    row = batch.device(device)
    assert row is not None
    return row


def said(out_no: int, *readers: Registered, flags: int = 0) -> Submit:
    """Return an envelope for these devices."""
    accounts: dict[int, list[tuple[int, bytes]]] = {}
    for reader in readers:
        accounts.setdefault(reader.account, []).append((reader.device, b"sealed"))
    return submit(out_no, *accounts.items(), flags=flags)
