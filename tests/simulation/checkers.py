"""What must hold, one sentence each: looked at whenever it could break, or once all is quiet.

To add a checker: give it a name and a sentence in `SENTENCES`, and `look` at it where the evidence is.
"""

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Final

from onebar.core.dialing import LINKS_MAX
from onebar.core.frames import (
    FRAMES_MAX,
    MESSAGE_BYTES_MAX,
    SUBMIT_BYTES_MAX,
    Accepted,
    Ack,
    ClientFrame,
    Deliver,
    Hello,
    ServerFrame,
    Submit,
    Unreadable,
    Welcome,
    decode_client,
    decode_recipients,
    encode,
)
from onebar.core.questions import Bundle
from onebar.core.resume import FLIGHT_HEADER_BYTES_MAX, encode_header
from onebar.crypto.pqxdh import INITIAL, INITIAL_WITH_KEM, decode_initial
from onebar.crypto.sessions import key_id
from onebar.crypto.suites import SALT_BYTES
from onebar.crypto.values import KEY_BYTES
from onebar_mockserver.limits import CREDIT_BYTES_MAX, ENTRY_OVERHEAD_BYTES
from tests.simulation.faults import Kind

if TYPE_CHECKING:
    from tests.simulation.app import App
    from tests.simulation.backend import Server
    from tests.simulation.network import Wire
    from tests.simulation.phone import Phone
    from tests.simulation.world import World

SENTENCES: Final[dict[str, str]] = {
    "nothing-lost": "what the SDK accepted is delivered, or has ended visibly where a fault excuses that",
    "nothing-twice": "no message has its effect twice, in history or as an event",
    "order-kept": "what one device says in one chat is in that order in the reader's history",
    "accepted-is-stored": "what send() returned for is in the database, whatever happens",
    "states-go-forward": "a message's state never goes back, and a final one stays",
    "reads-are-true": "read is shown only when a reader's app has shown the message, or a later one of its chat",
    "reads-are-told": "what was read is shown as read to its author, when all is drained",
    "unread-is-true": "what counts as unread is exactly what came in and was not shown, whatever came late or twice",
    "profiles-are-true": "what is known of somebody is what they have said of themselves, and never newer than that",
    "profiles-are-told": "who was written to knows the author's newest profile, when all is drained",
    "ticks-are-true": "delivered is shown only when a device of the reader has opened the message",
    "verdicts-agree": "the client's state of each number is the server's verdict",
    "verdicts-are-final": "the server gives each number one verdict for ever",
    "notes-agree": "every answer of the server names all rejections that the phone has not settled, and no others",
    "sealed-in-order": "what one device says in one chat leaves for each device in that order (R4)",
    "right-audience": "nobody but the reader it was meant for ever opens a message",
    "right-author": "a message stands in the chat of the person who wrote it, with the words that were said",
    "commit-before-transmit": "no frame leaves a phone that its committed database does not know",
    "ack-after-commit": "no ack names a place beyond the committed cursor",
    "accepted-after-commit": "no verdict leaves the server that is not committed there",
    "delivered-after-commit": "no envelope leaves the server that is not committed there",
    "sealed-bytes-never-change": "a number is always submitted with the same bytes",
    "keys-used-once": "no message key, ephemeral key or one-time prekey serves two things, over all that ever left",
    "listed-before-heard": "nothing leaves a device before the server has its certificate and its prekeys",
    "header-until-answered": "a session's initial header is repeated until the other side has opened something",
    "limits-hold": "every message, submit, flight, window and number of links is within its limit",
    "credit-bounded": "the server never has more unacknowledged mail on a link than its credit allows",
    "ledger-exact": "an app that stores event numbers with their effects has each effect exactly once",
    "gaps-are-seen": "where a message of an author is missing between others, the history says so",
    "gaps-are-closed": "when all is drained, nobody waits for what its author has given up before it could leave",
    "goes-quiet": "when the network stays up, all queues drain, in bounded time",
    "stays-quiet": "when all is drained, nothing but keepalive is said",
    "storage-bounded": "when all is drained, nothing of it is left in queues, notes, quarantine or mailboxes",
    "dials-bounded": "connections per fault and time are bounded, so that nothing reconnects for ever",
    "progress": "with 10 s of network between cuts, mail gets through all the same",
    "restore-is-told": "an old copy that speaks again tells the app that it is one",
}
"""Name and sentence of every checker that looks at every world."""

FILE_SENTENCES: Final[dict[str, str]] = {
    "files-whole": "a file that arrived is the one that was sent, byte for byte",
    "files-arrive": "when all is drained, every file that a reader was told of is on the reader's phone",
    "kept-until-fetched": "no file leaves the server before every device that it was sealed for has it",
    "no-blob-leaked": "when all is drained, the server has no file that everybody has, and no piece of one",
}
"""The same, of those that look at worlds with files."""

_PLACE: Final = """
    SELECT m.chat_id, m.chat_no FROM envelope e JOIN message m USING (message_no)
    WHERE e.out_no = ? AND coalesce(e.answers, 0) = 0
    AND NOT EXISTS (SELECT 1 FROM attachment a WHERE a.message_no = m.message_no)"""
"""Where a number's message stands, unless it was asked for again (R11), or brings a file: these may come late."""

_RANKS: Final = {"MessageQueued": 0, "MessageSent": 1, "MessageDelivered": 2, "MessageRead": 3, "MessageFailed": 4}
_FINAL: Final = 3

_IS_LISTED: Final = """
    SELECT removed OR (certificate <> x'' AND EXISTS (SELECT 1 FROM bundles b WHERE b.device = d.device))
    FROM devices d WHERE device = ?"""


class ViolationError(AssertionError):
    """Something that must hold does not."""

    def __init__(self, checker: str, detail: str) -> None:
        super().__init__(f"{checker}: {(SENTENCES | FILE_SENTENCES)[checker]}; but {detail}")
        self.checker = checker


class Checks:
    """The checkers of one world, and how often each has looked."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.looks: Counter[str] = Counter()
        self._sealed: dict[tuple[int, int], bytes] = {}
        self._keys_used: dict[bytes, bytes] = {}
        self._headers: dict[bytes, bytes] = {}
        """The initial header of each ephemeral key."""
        self._begun: set[bytes] = set()
        """The ratchet keys that came with an initial header."""
        self._one_time: dict[tuple[int, int], bytes] = {}
        """The ephemeral key that used each one-time prekey: (device, number)."""
        self._handed_out: set[bytes] = set()
        self._unacked: dict[int, dict[int, int]] = {}
        self._said: dict[tuple[int, int, int], tuple[int, int]] = {}
        """The last number and place that left a device for another one in a chat."""

    def look(self, checker: str, good: bool, detail: str) -> None:
        """Look at one thing.

        Raises:
            ViolationError: It is not as it must be.
        """
        self.looks[checker] += 1
        if not good:
            raise ViolationError(checker, detail)

    def phone_says(self, phone: "Phone", data: bytes) -> None:
        """Judge a message that leaves a phone."""
        frames = decode_client(data)
        fits = len(data) <= MESSAGE_BYTES_MAX and len(frames) <= FRAMES_MAX
        self.look("limits-hold", fits and len(phone.engine.links) <= LINKS_MAX, f"{len(data)} bytes")
        row = phone.database.connection.execute(
            "SELECT connection_no, epoch, cursor, floor, out_no, device FROM device"
        ).fetchone()
        connection_no, epoch, cursor, floor, out_no, device = row
        for frame in frames:
            if isinstance(frame, Hello):
                known = frame.connection_no <= connection_no and frame.cursor <= cursor and frame.floor <= floor
                self.look("commit-before-transmit", known, f"{frame} while the database has {row}")
                header = len(encode_header(bytes(64) + data)) + 16
                self.look("limits-hold", header <= FLIGHT_HEADER_BYTES_MAX, f"a flight of {header} bytes")
            elif isinstance(frame, Ack):
                self.look(
                    "ack-after-commit", (frame.epoch, frame.cursor) <= (epoch, cursor), f"{frame}, committed {row}"
                )
            elif isinstance(frame, Submit):
                self.look("commit-before-transmit", frame.out_no <= out_no, f"{frame.out_no} > {out_no}")
                within = frame.out_no <= frame.floor + phone.world.window
                self.look(
                    "limits-hold", within and len(encode(frame)) <= SUBMIT_BYTES_MAX, f"{frame.out_no} {frame.floor}"
                )
                self._keys(device, frame, phone.database.connection.execute(_PLACE, (frame.out_no,)).fetchone())

    def _in_order(self, way: tuple[int, int, int], out_no: int, chat_no: int) -> None:
        last_out_no, last_chat_no = self._said.get(way, (0, 0))
        if out_no > last_out_no:
            self._said[way] = out_no, chat_no
            self.look("sealed-in-order", chat_no > last_chat_no, f"{way}: {chat_no} as {out_no} after {last_chat_no}")

    def _keys(self, device: int, frame: Submit, place: tuple[int, int] | None = None) -> None:
        sealed = bytes(frame.recipients)
        digest = hashlib.blake2b(sealed, digest_size=16).digest()
        known = self._sealed.get((device, frame.out_no))
        if known == digest:
            return  # said again, as it was
        self._sealed.setdefault((device, frame.out_no), digest)
        # An old copy cannot know of numbers that the server never saw: it may use them again, with fresh nonces.
        anew = bool({Kind.CLONE, Kind.RESTORE} & self.world.touched.keys())
        self.look("sealed-bytes-never-change", anew or known is None, f"device {device} number {frame.out_no}")
        for recipient in decode_recipients(frame.recipients):
            for to, ciphertext in recipient.envelopes:
                if place is not None and not anew:
                    self._in_order((device, to, place[0]), frame.out_no, place[1])
                self._key(device, to, ciphertext, anew=anew)
        of_this_version = any(
            text[:1] != b"\1" for one in decode_recipients(frame.recipients) for _, text in one.envelopes
        )
        if Kind.RESTORE not in self.world.touched and of_this_version:
            listed = self.world.server.engine.connection.execute(_IS_LISTED, (device,)).fetchone()
            self.look("listed-before-heard", listed is None or bool(listed[0]), f"device {device} says {frame.out_no}")

    def _key(self, device: int, to: int, sealed: bytes, *, anew: bool) -> None:
        """Judge the keys of one envelope. Only an old copy may use a place in a chain again, with another salt."""
        if sealed[:1] == b"\1":
            return  # of version 0.1.0, which had no keys of messages
        key = key_id(sealed)
        seen = key if anew else key[:-SALT_BYTES]
        self.look("keys-used-once", self._keys_used.setdefault(seen, sealed) == sealed, f"device {device} to {to}")
        ratchet_key = key[:KEY_BYTES]
        if sealed[0] in {INITIAL, INITIAL_WITH_KEM}:
            self._begun.add(ratchet_key)
            header, ends = decode_initial(sealed)
            first = self._headers.setdefault(header.ephemeral, sealed[:ends])
            self.look("keys-used-once", first == sealed[:ends], f"an ephemeral key of device {device}")
            prekey = to, header.one_time_id or 0
            if header.one_time_id is not None and Kind.RESTORE not in self.world.touched:
                user = self._one_time.setdefault(prekey, header.ephemeral)
                self.look("keys-used-once", user == header.ephemeral, f"one-time prekey {prekey}")
        elif ratchet_key in self._begun and not anew:
            self._answered(device, to)

    def _answered(self, device: int, to: int) -> None:
        sql = "SELECT EXISTS (SELECT 1 FROM opened WHERE device = ?)"
        for phone in self.world.phones:
            if phone.engine.device.device == to and not self.world.deceived(phone.no - 1):
                (opened,) = phone.database.connection.execute(sql, (device,)).fetchone()
                self.look("header-until-answered", bool(opened), f"device {device} to {to}, which has opened nothing")

    def handed_out(self, bundle: Bundle) -> None:
        """Judge the one-time prekeys that the server gives away."""
        for prekey in filter(None, (bundle.one_time, bundle.one_time_kem)):
            again = prekey in self._handed_out and Kind.RESTORE not in self.world.touched
            self._handed_out.add(prekey)
            self.look("keys-used-once", not again, "a one-time prekey is handed out again")

    def server_says(self, server: "Server", wire: "Wire", frames: list[ServerFrame]) -> None:
        """Judge what leaves the server."""
        device = wire.phone.engine.device.device
        connection = server.engine.connection
        for frame in frames:
            if isinstance(frame, Accepted | Welcome):
                mark = server.position(device)[0]
                self.look("accepted-after-commit", frame.mark <= mark or not mark, f"{frame.mark} > {mark}")
                self._notes(server, device, frame)
            elif isinstance(frame, Deliver):
                found = connection.execute(
                    "SELECT count(*) FROM entries WHERE seq = ? AND peer_device = ? AND out_no = ?",
                    (frame.seq, frame.device, frame.out_no),
                ).fetchone()
                self.look("delivered-after-commit", found[0] >= 1, f"{frame.seq}")
                unacked = self._unacked.setdefault(wire.number, {})
                unacked[frame.seq] = len(frame.ciphertext) + ENTRY_OVERHEAD_BYTES
                before = sum(unacked.values()) - unacked[frame.seq]
                self.look("credit-bounded", before <= CREDIT_BYTES_MAX, f"{before} bytes before {frame.seq}")

    def _notes(self, server: "Server", device: int, frame: Accepted | Welcome) -> None:
        floor = server.floor(device)
        told = {note.out_no: note.reason for note in frame.notes if note.reason and note.out_no > floor}
        given = {
            out_no: reason
            for out_no in range(floor + 1, frame.mark + 1)
            if (reason := server.engine.verdicts.get((device, out_no)))
        }
        self.look("notes-agree", told == given, f"device {device} up to {frame.mark}: said {told}, judged {given}")

    def server_hears(self, wire: "Wire", frames: list[ClientFrame | Unreadable]) -> None:
        """Note what a phone has acknowledged."""
        unacked = self._unacked.get(wire.number, {})
        for frame in frames:
            if isinstance(frame, Ack):
                for seq in [seq for seq in unacked if seq <= frame.cursor]:
                    del unacked[seq]

    def verdict_is_shown(self, phone: "Phone", message_no: int, kind: str, detail: str) -> None:
        """Judge what a phone shows of the server's verdict on a message."""
        if kind == "MessageRead":
            self._is_read(phone, message_no)
        rejected = detail.startswith("rejected")
        if kind != "MessageSent" and not rejected:
            return
        row = phone.database.connection.execute(
            "SELECT out_no FROM message WHERE message_no = ?", (message_no,)
        ).fetchone()
        number = phone.engine.device.device, row[0]
        server = self.world.server
        given = server.engine.verdicts.get(number, server.forgotten.get(number))
        agreed = given is not None and bool(given) == rejected
        if rejected and not agreed:  # it was accepted, did not open, and the answer to the request for it was rejected
            judged = (server.engine.verdicts | server.forgotten).items()
            agreed = any(device == number[0] and f"rejected {reason}" == detail for (device, _), reason in judged)
        self.look("verdicts-agree", agreed, f"{phone.name} number {row[0]}: {kind} {detail}, the server said {given!r}")

    def _is_read(self, phone: "Phone", message_no: int) -> None:
        """Judge whether the reader's app has shown this message, or one behind it."""
        if self.world.excused(phone.no - 1):
            return
        behind = phone.database.connection.execute(
            "SELECT o.key FROM message m JOIN message o ON o.chat_id = m.chat_id AND o.chat_no >= m.chat_no"
            " WHERE m.message_no = ? AND o.account = 0 AND o.device = 0",
            (message_no,),
        )
        shown = any(key in self.world.shown for (key,) in behind)
        self.look("reads-are-true", shown, f"{phone.name}: message {message_no} is shown as read")

    def states_go_forward(self, app: "App", message_no: int, kind: str, detail: str, text: str) -> None:
        """Judge an event about a message of ours."""
        rank = _RANKS.get(kind)
        if rank is None:
            return
        known, how = app.ranks.get(message_no, (0, ""))
        good = rank >= known and not (known >= _FINAL and (rank, detail) != (known, how))
        good |= how.startswith("undeliverable") and kind in {
            "MessageDelivered",
            "MessageRead",
        }  # a late tick knows better
        self.look("states-go-forward", good, f"{text[:5]!r}: {kind} {detail} after {known} {how}")
        app.ranks[message_no] = (rank, detail)
