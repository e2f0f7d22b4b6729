"""What each frame does: a turn takes the inputs of all links, commits them at once, and returns what to say.

The router waits for its ports only. It knows no sockets, no clock and no engine.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from math import ceil
from typing import Final, NamedTuple

import msgspec

from onebar.core import frames
from onebar.core.frames import (
    Accepted,
    Ack,
    ClientFrame,
    Hello,
    Ping,
    Request,
    Submit,
    Unreadable,
    Void,
    Welcome,
)
from onebar.core.questions import METHODS, Question
from onebar_mockserver.flight import is_signed_by
from onebar_mockserver.isolation import answer_one_by_one, apply_one_by_one
from onebar_mockserver.limits import LATE_MS, ServerLimits
from onebar_mockserver.links import FENCED, PROTOCOL_ERROR, REFUSED, Link, Outgoing
from onebar_mockserver.ports import (
    Acked,
    Answer,
    Appended,
    Asked,
    Attached,
    BatchFailedError,
    Bell,
    Fenced,
    Judged,
    Ledger,
    Mailbox,
    Op,
    Outcome,
    Refusal,
    Result,
    Silence,
    Slowed,
    Want,
)
from onebar_mockserver.rivals import Rivals


class Boarded(NamedTuple):
    """Input: a link brought its flight; the frames behind its Hello follow as `Received`."""

    link: int
    host: str
    signature: bytes
    message: bytes
    hello: Hello


class Received(NamedTuple):
    """Input: a frame came on a link."""

    link: int
    frame: ClientFrame | Unreadable


class Ended(NamedTuple):
    """Input: a link is gone."""

    link: int


class Woken(NamedTuple):
    """Input: these mailboxes have grown outside of the turns."""

    devices: tuple[int, ...]


class Removed(NamedTuple):
    """Input: these devices are out of use."""

    devices: tuple[int, ...]


Input = Boarded | Received | Ended | Woken | Removed
Turn = dict[int, Outgoing]

NOTHING: Final = b"\xc0"
"""Nil, encoded: the result of an error."""

_KINDS: Final = {method: kind for kind, method in METHODS.items()}


class Router:
    """The links of this process. `orphaned` hears that mail of removed devices waits, `bell` wakes devices."""

    def __init__(
        self,
        ledger: Ledger,
        mailbox: Mailbox,
        limits: ServerLimits,
        orphaned: Callable[[], None] = lambda: None,
        bell: Bell | None = None,
    ) -> None:
        self._ledger = ledger
        self._mailbox = mailbox
        self._limits = limits
        self._orphaned = orphaned
        self._bell = bell or Silence()
        self._links: dict[int, Link] = {}
        self._by_device: dict[int, Rivals] = {}
        self.rejected: Counter[str] = Counter()
        """Messages that got no plain verdict, by the reason that their sender was told."""
        self.refused: Counter[str] = Counter()
        """Links that were refused, by the reason."""
        self._behind: dict[int, Link] = {}  # so that a turn does not look at thousands of links that are up to date

    @property
    def unfinished(self) -> bool:
        """Whether another turn has work to do without any input: a page was cut short."""
        return any(link.wants_mail for link in self._behind.values())

    def reset(self) -> None:
        """Forget every link, after the engine was lost."""
        self._links.clear()
        self._by_device.clear()
        self._behind.clear()
        self._bell.missed()

    def unheard_ms(self, device: int, now_ms: int) -> int | None:
        """Return how long a device has been silent under a message, 0 if it is not; None: it has no link."""
        return min((now_ms - (link.owed_ms or now_ms) for link in self._attached_of(device)), default=None)

    async def turn(self, inputs: Sequence[Input], now_ms: int) -> Turn:
        """Handle the inputs in order and return what to say, once all of it is durable.

        Raises:
            EngineLostError: Nothing may be said; close every link, `reset`, and reopen the engine.
        """
        turn: Turn = {}
        genuine = await self._verify([item for item in inputs if isinstance(item, Boarded)])
        ops: list[Op] = []
        requests: list[Received] = []
        for item in inputs:
            if isinstance(item, Received):
                self._sort(turn, item, ops, requests)
            elif isinstance(item, Boarded):
                self._board(turn, item, item.link in genuine, ops)
            elif isinstance(item, Ended):
                self._drop(item.link)
            elif isinstance(item, Woken):
                self._wake(item.devices)
            else:
                self._remove(turn, item.devices)
        if ops:
            await self._commit(turn, ops, now_ms)
        if requests:
            await self._answer(turn, requests, now_ms)
        await self._deliver(turn, now_ms)
        return turn

    # The inputs

    async def _verify(self, flights: list[Boarded]) -> set[int]:
        """Return the links whose flight is signed by the device that it names."""
        if not flights:
            return set()
        known = await self._ledger.identities([flight.hello.device for flight in flights])
        genuine = set()
        for flight in flights:
            identity = known.get(flight.hello.device)
            if (
                identity is not None
                and identity.account == flight.hello.account
                and is_signed_by(identity.identity_key, flight.host, flight.signature, flight.message)
            ):
                genuine.add(flight.link)
        return genuine

    def _board(self, turn: Turn, flight: Boarded, genuine: bool, ops: list[Op]) -> None:
        if not genuine:
            self._refuse(turn, flight.link, "unauthenticated", 0)
            return
        hello = flight.hello
        link = Link(flight.link, hello.account, hello.device, hello.connection_no)
        self._links[link.link] = link
        self._by_device.setdefault(link.device, Rivals()).add(link)
        ops.append(Op(flight.link, hello.device, hello.connection_no, hello))

    def _sort(self, turn: Turn, item: Received, ops: list[Op], requests: list[Received]) -> None:
        link, frame = self._links.get(item.link), item.frame
        if link is None:  # refused or closed before this frame's turn
            return
        rivals = self._by_device[link.device]
        if rivals.rival and not self._hear_rival(turn, rivals, link, frame):
            return
        if isinstance(frame, Submit | Void | Ack):
            ops.append(Op(link.link, link.device, link.connection_no, frame, link.attached))
        elif isinstance(frame, Request):
            requests.append(item)
        elif isinstance(frame, Ping):
            _outgoing(turn, item.link).answers.append(frames.Pong(frame.nonce))
        elif not (isinstance(frame, Unreadable) and frame.unknown_tag):
            self._close(turn, item.link, PROTOCOL_ERROR)

    def _hear_rival(self, turn: Turn, rivals: Rivals, link: Link, frame: ClientFrame | Unreadable) -> bool:
        """Judge a frame of a link beside others: it may be from another copy of the device; else it may fence (R16)."""
        if isinstance(frame, Submit) and not rivals.note(frame):
            newest = max(other.connection_no for other in rivals.links)
            self._refuse(turn, link.link, "connection_number", newest)
            return False
        if link.attached:
            self._fence(turn, rivals.older(link))
        return True

    def _fence(self, turn: Turn, links: Sequence[Link]) -> None:
        for link in links:
            self._close(turn, link.link, FENCED)

    def _wake(self, devices: tuple[int, ...]) -> None:
        for link in self._attached(devices):
            self._leave_behind(link)

    def _remove(self, turn: Turn, devices: tuple[int, ...], why: str = "device_removed") -> None:
        for link in self._attached(devices):
            self._refuse(turn, link.link, why, link.connection_no)

    def _attached(self, devices: Sequence[int]) -> list[Link]:
        return [link for device in devices for link in self._attached_of(device)]

    def _attached_of(self, device: int) -> list[Link]:
        rivals = self._by_device.get(device)
        return [] if rivals is None else [link for link in rivals.links if link.attached]

    # The commit and its results

    async def _commit(self, turn: Turn, ops: list[Op], now_ms: int) -> None:
        outcome = await self._apply(ops, now_ms)
        for op, result in zip(ops, outcome.results, strict=True):
            self._conclude(turn, op, result, now_ms)
        for appended in outcome.appended:
            self._pass_on(turn, appended, now_ms)

    async def _apply(self, ops: list[Op], now_ms: int) -> Outcome:
        try:
            return await self._mailbox.apply(ops, now_ms)
        except BatchFailedError:
            return await apply_one_by_one(self._mailbox, ops, now_ms)

    def _conclude(self, turn: Turn, op: Op, result: Result, now_ms: int) -> None:
        link = self._links.get(op.link)
        if link is None:
            return
        if isinstance(result, Judged | Slowed):
            if isinstance(result, Judged) and result.answered:
                self._count(link, op, result)
            _tell_verdict(_outgoing(turn, op.link), result)
        elif isinstance(result, Acked):
            if isinstance(op.frame, Ack):
                if link.acknowledge(op.frame.epoch, op.frame.cursor, now_ms) > LATE_MS:
                    self._bell.answered(link.device)
                self._fence(turn, self._by_device[link.device].overtaken(link, op.frame.cursor))
        elif isinstance(result, Attached):
            self._welcome(turn, link, result, now_ms)
        elif isinstance(result, Refusal):
            self._refuse(turn, op.link, result.reason, result.connection_no)
        else:
            self._close(turn, op.link, FENCED if isinstance(result, Fenced) else PROTOCOL_ERROR)

    def _count(self, link: Link, op: Op, judged: Judged) -> None:
        """Count a rejection once on a link, however often the client asks: the newest note is the last one."""
        if judged.notes and isinstance(op.frame, Submit):
            note = judged.notes[-1]
            if note.reason and note.out_no == op.frame.out_no > link.rejected:
                link.rejected = note.out_no
                self.rejected[note.reason] += 1

    def _welcome(self, turn: Turn, link: Link, place: Attached, now_ms: int) -> None:
        link.attach(place.epoch, place.cursor)
        self._fence(turn, self._by_device[link.device].surplus)
        self._bell.answered(link.device)
        self._leave_behind(link)
        _outgoing(turn, link.link).welcome = Welcome(
            *(now_ms, link.connection_no, place.epoch, place.cursor, place.mark, place.mark_hash, place.notes),
            *(self._limits.announced(), place.floor, place.stock),
        )

    def _pass_on(self, turn: Turn, appended: Appended, now_ms: int) -> None:
        """Say a new entry at once to a link that has everything before it; others fetch it later."""
        links, rings = self._attached_of(appended.device), appended.entry.rings
        if rings and not links:
            self._bell.ring(appended.device)
        for link in links:
            if rings:
                link.rings = appended.entry.seq
            if link.behind or link.credit <= 0 or appended.head != link.seen:
                self._leave_behind(link)
            else:
                link.seen = appended.entry.seq
                _outgoing(turn, link.link).mail.append(link.deliver(appended.entry))
            self._expect(link, now_ms)

    def _expect(self, link: Link, now_ms: int) -> None:
        """Let a device be woken that does not acknowledge what it was told: it may be frozen, or its link dead."""
        if link.owe(now_ms):
            self._bell.ring(link.device, soon=True)

    def _leave_behind(self, link: Link) -> None:
        """Note that the mailbox may hold what the link was not sent; pages will bring it."""
        link.behind = True
        self._behind[link.link] = link

    # Answers and mail

    async def _answer(self, turn: Turn, requests: list[Received], now_ms: int) -> None:
        heard: list[tuple[int, int]] = []
        asked: list[Asked] = []
        for item in requests:
            link = self._links.get(item.link)
            if link is None or not isinstance(item.frame, Request):
                continue
            try:
                asked.append(Asked(link.account, link.device, _question(item.frame)))
                heard.append((item.link, item.frame.no))
            except (LookupError, frames.MessageError) as error:
                name = "unknown_method" if isinstance(error, LookupError) else "bad_request"
                _outgoing(turn, item.link).answers.append(frames.Response(item.frame.no, name))
        answers = await self._ask(asked, now_ms) if asked else []
        for (number, no), answer in zip(heard, answers, strict=True):
            result = msgspec.Raw(answer.result or NOTHING)
            _outgoing(turn, number).answers.append(frames.Response(no, answer.error, result))
        for answer in answers:
            if answer.removed:
                self._remove(turn, answer.removed, answer.why)
                self._orphaned()

    async def _ask(self, asked: list[Asked], now_ms: int) -> list[Answer]:
        try:
            return await self._ledger.answer(asked, now_ms)
        except BatchFailedError:
            return await answer_one_by_one(self._ledger, asked, now_ms)

    async def _deliver(self, turn: Turn, now_ms: int) -> None:
        waiting = [link for link in self._behind.values() if link.wants_mail]
        if not waiting:
            return
        pages = await self._mailbox.fetch([Want(link.device, link.sent, link.credit) for link in waiting])
        for link, page in zip(waiting, pages, strict=True):
            mail = _outgoing(turn, link.link).mail
            mail.extend(link.deliver(entry) for entry in page.entries)
            self._expect(link, now_ms)
            if page.more:
                continue
            link.behind = False
            del self._behind[link.link]
            link.seen = page.head
            if not link.told:
                link.told = True
                mail.append(frames.CaughtUp(link.sent))

    # The ends of links

    def _refuse(self, turn: Turn, link: int, reason: str, connection_no: int) -> None:
        self.refused[reason] += 1
        turn[link] = Outgoing(answers=[frames.Refused(reason, connection_no)], close=REFUSED)
        self._drop(link)

    def _close(self, turn: Turn, link: int, code: int) -> None:
        _outgoing(turn, link).close = code
        self._drop(link)

    def _drop(self, number: int) -> None:
        link = self._links.pop(number, None)
        self._behind.pop(number, None)
        if link is not None and not self._by_device[link.device].remove(link):
            del self._by_device[link.device]
        if link is not None and link.owes and not self._attached_of(link.device):
            self._bell.ring(link.device, soon=True)


def _tell_verdict(outgoing: Outgoing, result: Judged | Slowed) -> None:
    if isinstance(result, Slowed):
        outgoing.answers.append(frames.Slow(result.out_no, result.limit, ceil(result.wait_s * 1000)))
    elif result.answered:
        outgoing.accepted = Accepted(result.mark, result.notes)


def _outgoing(turn: Turn, link: int) -> Outgoing:
    if (outgoing := turn.get(link)) is None:  # `setdefault` would make one each time
        outgoing = turn[link] = Outgoing()
    return outgoing


def _question(request: Request) -> Question:
    question: Question = frames.decode_as(_KINDS[request.method], request.params)
    return question
