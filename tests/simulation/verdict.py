"""The judgement at the end of a run: all has drained, it stays quiet, and everything said is accounted for."""

from functools import partial
from typing import TYPE_CHECKING, Final

from onebar.core.frames import Ack, Submit, Void, decode_client
from onebar.events import DeviceReplaced
from onebar.models import MessageState
from tests.simulation import profiles
from tests.simulation.faults import DAY_S, MALICE, REJECTING, SERVER, Kind

if TYPE_CHECKING:
    from tests.simulation.app import Saying
    from tests.simulation.phone import Phone
    from tests.simulation.world import World

REJECTED: Final = 2
"""The verdict of an envelope that the server rejected, in the store's schema; 1 is accepted."""

LIVENESS_S: Final = 420.0
"""Within this time of peace all queues drain: TCP's silence, a hedge, a pause, and four requests for what did not open
(R11) one after another."""

NOTICE_S: Final = 45.0
"""Within this time a link that is dead, silent and owed nothing is noticed: 30 s to its next keepalive, 10 s for the
answer that does not come, and a pause."""

LOOK_EVERY_S: Final = 5.0
"""How often to look whether all queues have drained."""

QUIET_S: Final = 100.0
"""How long to listen whether it stays quiet."""

ANSWERED_S: Final = 91 * DAY_S
"""By this age a message is delivered, or has ended: 30 days in the outbox, 60 until nobody can open it any more (R23),
and an hour until it is looked at again."""

DIALS_BASE: Final = 12
"""Connections that a phone may need without any fault: the first, the last, and what hedging and slow networks add."""

DIALS_PER_FAULT: Final = 4
"""Connections that one fault may cost."""

DIAL_EVERY_S: Final = 6.0
"""A phone that cannot connect tries this often at most, on average: with full jitter up to 30 s it is 15 s."""


def judge(world: "World") -> None:
    """Judge a run that is at peace.

    Raises:
        ViolationError: Something that must hold does not.
    """
    _drain(world)
    for phone in world.in_use:
        phone.app.look()
        while phone.app.consume():
            pass
    for phone in world.in_use:
        _storage(world, phone)
        _told(world, phone)
        _ledger(world, phone)
        _verdicts(world, phone)
        _history(world, phone)
        contradiction = phone.app.seen.contradicts(phone)
        world.checks.look("unread-is-true", not contradiction, f"{phone.name}: {contradiction}")
        _dials(world, phone)
    for saying in world.sayings.values():
        _account_for(world, saying)
    profiles.judge(world)
    if world.plan.files:
        _files(world)
    _stay_quiet(world)


def _drain(world: "World") -> None:
    if SERVER in world.touched.get(Kind.RESTORE, ()):  # whose link died before it learns of it late, and then says more
        world.clock.run_until(world.clock.now_s + NOTICE_S)
    ends_s = world.clock.now_s + LIVENESS_S + max((_put_off_s(phone) for phone in world.in_use), default=0.0)
    waiting = _waiting(world)
    while waiting and world.clock.now_s < ends_s:
        world.clock.run_until(world.clock.now_s + LOOK_EVERY_S)
        waiting = _waiting(world)
    world.checks.look("goes-quiet", not waiting, f"after {LIVENESS_S} s of peace: {waiting}")


def _put_off_s(phone: "Phone") -> float:
    """How long a phone has yet to wait because it met one of the server's limits in the trouble before."""
    pauses = phone.engine._state.postponed.values()
    return max((pause.until_s - phone.now.monotonic_s for pause in pauses if pause.limited), default=0.0)


def _waiting(world: "World") -> list[str]:
    """Say what is still to be done."""
    found = []
    for phone in world.in_use:
        if phone.removed:
            continue
        connection = phone.database.connection
        for what, sql in _QUEUES.items():
            count = connection.execute(sql).fetchone()[0]
            if count:
                found.append(f"{phone.name}: {count} {what}")
        if any(link.requests or link.held for link in phone.engine._state.links.values()):
            found.append(f"{phone.name}: questions without an answer, or mail that waits for one")
        if phone.app.pending:
            found.append(f"{phone.name}: {len(phone.app.pending)} not stored")
        if not any(state.value == "open" for state in phone.engine.links.values()):
            found.append(f"{phone.name}: no link")
        mailbox = world.server.engine.connection.execute(_MAILBOX, (phone.engine.device.device,)).fetchone()[0]
        if mailbox:
            found.append(f"{phone.name}: {mailbox} entries in the mailbox")
    return found


_QUEUES: Final = {
    "messages queued": "SELECT count(*) FROM message WHERE state = 'queued'",
    "numbers without a verdict": "SELECT count(*) FROM envelope WHERE verdict = 0",
    "top-ups due": "SELECT count(*) FROM top_up",
    "receipts due": "SELECT count(*) FROM receipt JOIN contact USING (account) JOIN chat USING (phone)"
    " WHERE due > told AND standing = 'accepted'",
    "files to be moved": "SELECT count(*) FROM attachment WHERE state = 'waiting' OR wanted > 0 OR notice <> ''",
    "profiles due": "SELECT count(*) FROM profile_told WHERE due",
    "in quarantine": "SELECT count(*) FROM quarantine WHERE shown IS NULL",
}
_MAILBOX: Final = "SELECT count(*) FROM entries WHERE device = ?"


def _storage(world: "World", phone: "Phone") -> None:
    """Judge what a phone and the server still hold for it."""
    notes = world.server.engine.connection.execute(
        "SELECT count(*) FROM notes WHERE device = ?", (phone.engine.device.device,)
    ).fetchone()[0]
    world.checks.look("storage-bounded", notes <= phone.world.window, f"{notes} notes of {phone.name}")
    held = sum(len(link.held) + len(link.requests) for link in phone.engine._state.links.values())
    world.checks.look("storage-bounded", not held, f"{held} held by {phone.name}")
    sealed = phone.database.connection.execute(
        "SELECT count(*) FROM envelope e WHERE verdict > 0 AND message_no > 0 AND EXISTS"
        " (SELECT 1 FROM message m WHERE m.message_no = e.message_no AND m.state IN ('delivered', 'read'))"
        " AND NOT EXISTS (SELECT 1 FROM envelope_device d WHERE d.out_no = e.out_no)"
    ).fetchone()[0]
    world.checks.look("storage-bounded", sealed == 0, f"{sealed} envelopes of {phone.name} that nobody waits for")


def _files(world: "World") -> None:
    """Judge what became of the files."""
    for phone in world.in_use:
        rows = phone.database.connection.execute(_FETCHED).fetchall()
        for digest, state, reason in rows:
            good = state == "done" and digest in phone.courier.disk
            world.checks.look("files-arrive", good or world.file_excused(phone), f"{phone.name}: {state} {reason}")
    anew = any(world.file_excused(phone) for phone in world.in_use) or world.retired or world.further
    kept = [blob for blob_id, blob in world.blobs.kept.items() if blob_id not in world.blobs.dropped]
    world.checks.look("no-blob-leaked", not kept or bool(anew), f"{kept}")


_FETCHED: Final = "SELECT digest, state, reason FROM attachment WHERE NOT outgoing"


def _told(world: "World", phone: "Phone") -> None:
    told = phone.app.told.count(DeviceReplaced.__name__)
    same = phone.engine.device.device == phone.first_device
    world.checks.look("restore-is-told", same or told >= 1, f"{phone.name} is another device and was told {told} times")


def _ledger(world: "World", phone: "Phone") -> None:
    effects = [text for _, text in phone.app.effects]
    world.checks.look("ledger-exact", effects == phone.app.heard, f"{phone.name}: {len(effects)} effects")


def _verdicts(world: "World", phone: "Phone") -> None:
    device = phone.engine.device.device
    rows = phone.database.connection.execute("SELECT out_no, verdict FROM envelope WHERE verdict > 0").fetchall()
    for out_no, verdict in rows:
        given = world.server.engine.verdicts.get((device, out_no))
        agreed = given is not None and (verdict == REJECTED) == bool(given)
        world.checks.look("verdicts-agree", agreed, f"{phone.name} number {out_no}: {verdict}, server {given!r}")


def _history(world: "World", phone: "Phone") -> None:
    """Judge order, doubles and gaps in each chat."""
    for number in world.numbers:
        page = [message for message in phone.store.history(number, 10_000) if not message.outgoing]
        texts = [message.text for message in page if message.text]
        world.checks.look("nothing-twice", len(set(texts)) == len(texts), f"{phone.name} has a text twice")
        author = world.phones[world.numbers.index(number)]
        said = [text for (text,) in author.database.connection.execute(_SAID)]
        known = set(said)
        came = [text for text in texts if text in known]
        ordered = sorted(came, key=said.index)
        disturbed = world.deceived(phone.no - 1) or phone.no in world.touched.get(Kind.POISON, ())
        disturbed |= bool(REJECTING & world.fired_kinds.keys())  # what was rejected is said again by a restored phone
        # A reader who has lost what it had opened gets the rest from the author's new device only.
        disturbed |= world.excused(phone.no - 1) or phone.no in world.touched.get(Kind.REINSTALL, ())
        disturbed |= bool(world.plan.files)  # a file that was begun on one device is sealed on the next one
        two_devices = world.excused(author.no - 1) and disturbed  # order is promised for each
        world.checks.look(
            "order-kept", two_devices or came == ordered, f"{phone.name} from {author.name}: {[t[:4] for t in came]}"
        )
    rows = phone.database.connection.execute(_PLACES).fetchall()
    for before, row in zip([None, *rows], rows, strict=False):
        if before is not None and before[:3] == row[:3]:
            # a phone that was restored or copied goes on counting: another device of the account may fill the gap
            filled = {other[3] for other in rows if other[:2] == row[:2] and before[3] < other[3] < row[3]}
            gap = row[3] - before[3] - 1 - len(filled | _empty(phone, before, row))
            world.checks.look("gaps-are-seen", row[4] >= gap or gap <= 0, f"{phone.name}: {before} {row}")
            _closed(world, phone, before, row)


Place = tuple[int, int, int, int, int]


def _empty(phone: "Phone", before: Place, row: Place) -> set[int]:
    """Return the places between two messages of which their author has said, on any device, that nothing comes."""
    return {place for (place,) in phone.database.connection.execute(_EMPTY, (*row[:2], before[3], row[3]))}


def _closed(world: "World", phone: "Phone", before: Place, row: Place) -> None:
    """Judge whether a reader still waits for what was given up: its author says so once, like a receipt."""
    no = next((no for no, author in enumerate(world.phones) if author.engine.device.device == row[2]), None)
    if not row[4] or no is None or world.excused(no, phone.no - 1):
        world.checks.look("gaps-are-closed", good=True, detail="")
        return
    told_in_vain = {*REJECTING, *MALICE, Kind.POISON} & world.touched.keys()
    told_in_vain |= {Kind.RESTORE} if SERVER in world.touched.get(Kind.RESTORE, ()) else set()
    if (
        world.clock.now_s >= world.server.limits.retention_s
    ):  # what its author said of it waited too long for the reader
        told_in_vain |= {Kind.NIGHT} & world.touched.keys()
    empty = _empty(phone, before, row)
    rows = world.phones[no].database.connection.execute(_GIVEN_UP, (phone.number, before[3], row[3])).fetchall()
    waits = [place for place in rows if place[0] not in empty]
    heard = row[4] <= row[3] - before[3] - 1 - len(empty)  # what it was told of is not counted as missing
    good = heard and (not waits or bool(told_in_vain))
    world.checks.look("gaps-are-closed", good, f"{phone.name} waits for {waits or row[4]} between {before} and {row}")


_SAID: Final = "SELECT key FROM message WHERE account = 0 AND device = 0 ORDER BY message_no"
_EMPTY: Final = """
    SELECT chat_no FROM empty_place WHERE chat_id = ? AND account = ? AND chat_no > ? AND chat_no < ?"""
_GIVEN_UP: Final = """
    SELECT m.chat_no, m.state, m.reason FROM message m JOIN chat c USING (chat_id)
    WHERE c.phone = ? AND m.account = 0 AND m.device = 0 AND m.out_no IS NULL
    AND m.state IN ('expired', 'undeliverable') AND m.chat_no > ? AND m.chat_no < ?"""
_PLACES: Final = """
    SELECT chat_id, account, device, chat_no, missing_before FROM message WHERE account > 0 AND state = 'received'
    ORDER BY chat_id, account, device, chat_no"""


def _dials(world: "World", phone: "Phone") -> None:
    faults = sum(world.fired_kinds.values())
    awake_s = world.clock.now_s
    allowed = DIALS_BASE + DIALS_PER_FAULT * faults + awake_s / DIAL_EVERY_S
    world.checks.look("dials-bounded", phone.dials <= allowed, f"{phone.name}: {phone.dials} dials, {faults} faults")


def _account_for(world: "World", saying: "Saying") -> None:
    """Find out what became of one thing that was said."""
    author, reader = _said_on(world, saying), saying.reader
    if saying.text in world.orphans or saying.text in author.app.refused:
        return
    row = author.database.connection.execute(
        "SELECT state, reason FROM message WHERE key = ?", (saying.text,)
    ).fetchone()
    world.checks.look("accepted-is-stored", row is not None, f"{saying.no} is not in the database of {author.name}")
    state, reason = MessageState(row[0]), row[1]
    opened = saying.text in world.opened[reader]
    deceived = world.deceived(reader) or world.deceived(saying.author)
    excused = world.excused(saying.author, reader)
    if state in {MessageState.DELIVERED, MessageState.READ}:
        world.checks.look("ticks-are-true", opened or deceived, f"{saying.no} is shown as {state}")
        there = saying.text in world.phones[reader].app.heard
        world.checks.look("nothing-lost", there or excused or deceived, f"{saying.no} is not at {reader}")
    else:
        refused = {MessageState.EXPIRED, MessageState.REJECTED}
        by_faults = (excused or deceived) and (state not in refused or reason == "no_recipients")
        good = by_faults or _may_end_as(world, saying, state)
        world.checks.look("nothing-lost", good, f"{saying.no} ended as {state} {reason}, opened: {opened}")
    if not state.failed:
        _read(world, saying, state)


_UNREAD_BEFORE: Final = """
    SELECT 1 FROM message m JOIN message u USING (chat_id, account, device)
    WHERE m.text = ? AND u.unread AND u.chat_no < m.chat_no"""
"""What `unread-is-true` holds the product to."""


def _said_on(world: "World", saying: "Saying") -> "Phone":
    """Return the phone on which somebody has said something: a second one, if it says that it has it."""
    further = (phone for phone in world.further if phone.no - 1 == saying.author and saying.text in phone.app.stored)
    return next(further, world.phones[saying.author])


def _read(world: "World", saying: "Saying", state: MessageState) -> None:
    """Judge whether what was read is shown so: a receipt is said once, and lost when it is rejected or forgotten."""
    people = saying.author, saying.reader
    lost = {*REJECTING, *MALICE, Kind.NIGHT} & world.touched.keys() or SERVER in world.touched.get(Kind.RESTORE, ())
    if saying.text in world.marked and not lost and not world.excused(*people) and not _held_up(world, saying):
        world.checks.look("reads-are-told", state is MessageState.READ, f"{saying.no} was read and is {state}")


def _held_up(world: "World", saying: "Saying") -> bool:
    """Whether something before it came late and is unread: a receipt says up to where all is read."""
    rows = world.phones[saying.reader].database.connection.execute(_UNREAD_BEFORE, (saying.text,))
    return rows.fetchone() is not None


def _may_end_as(world: "World", saying: "Saying", state: MessageState) -> bool:
    """Whether a message may be in this state: for its age, or because the server was made to reject messages."""
    age_s, limits = world.clock.now_s - saying.at_s, world.server.limits
    if state is MessageState.EXPIRED:
        return age_s >= limits.outbox_s
    if state is MessageState.UNDELIVERABLE and saying.text in world.cancelled:
        return True
    if state is MessageState.UNDELIVERABLE:
        return age_s >= limits.retention_s
    if state is MessageState.REJECTED:  # a restored server may have forgotten every device that was named
        return bool(REJECTING & world.touched.keys()) or SERVER in world.touched.get(Kind.RESTORE, ())
    unsure = saying.author + 1 in world.touched.get(Kind.CLOCK_STEP, ())  # its age counts from when its clock was sure
    return state is MessageState.SENT and age_s >= limits.retention_s and (unsure or age_s < ANSWERED_S)


def _stay_quiet(world: "World") -> None:
    """Listen for a while: only pings and pongs are in order."""
    if world.seed % 4 or Kind.CLONE in world.touched:  # it costs as much as a conversation; two copies have more to say
        return
    said: list[str] = []
    for phone in world.in_use:
        phone.overheard = partial(_overhear, said, [phone.engine.device.cursor - 1])
    world.clock.run_until(world.clock.now_s + QUIET_S)
    world.checks.look("stays-quiet", not said, f"{said[:9]}")


def _overhear(said: list[str], acked: list[int], data: bytes) -> None:
    """Note what is said without need.

    An Ack that gets further is of a notice, such as the end of what a device did not come for; one may be of a tick,
    which waited for a frame to ride with.
    """
    for frame in decode_client(data):
        if isinstance(frame, Ack) and frame.cursor > acked[0]:
            acked[0] = frame.cursor
        elif isinstance(frame, Submit | Void | Ack):
            said.append(type(frame).__name__)
