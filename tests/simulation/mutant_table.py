"""The mutants: deliberate defects of the product, each a mistake that a real SDK made, as data.

To add one: name it, copy the text that it replaces so that it occurs exactly once in its module, and tell the story in
one sentence. `make sim-mutants` finds the seed that shows it; put that into `known`.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Mutant:
    """A deliberate defect."""

    name: str
    module: str
    old: str
    """What the source says; exactly once."""
    new: str
    """What the defect says instead."""
    story: str
    """The mistake in one sentence."""
    known: int | None = None
    """A seed that is known to show it."""
    files: float = 0.0
    """Which share of what is said brings a file, in the worlds that are searched."""


MUTANTS: Final[tuple[Mutant, ...]] = (
    Mutant(
        "released-although-failed",
        "onebar.core.engine",
        "outputs, state.outputs = state.outputs, []",
        "outputs, state.outputs = self._state.outputs + state.outputs, []",
        "what a turn wanted to say leaves the phone although its commit failed",
        known=5,
    ),
    Mutant(
        "ack-before-commit",
        "onebar.core.engine",
        "state.device = self._committed = device\n",
        "state.device = self._committed = self._state.device\n",
        "after a failed commit the phone goes on, and acknowledges, as if it had succeeded",
        known=26,
    ),
    Mutant(
        "stored-before-commit",
        "onebar.core.engine",
        "results.append(error if stored is None else stored)",
        "results.append(1 if stored is None else stored)",
        "send() returns a number although its commit failed",
        known=25,
    ),
    Mutant(
        "resend-reencrypts",
        "onebar.core.resume",
        "    outbox.apply_verdicts(state, frame.mark, frame.notes)",
        "    outbox.apply_verdicts(state, frame.mark, frame.notes)\n"
        "    if state.device.out_no > state.device.floor:\n"
        "        state.store.outbox.unseal()\n"
        "        state.change(out_no=state.device.floor)",
        "after a reconnect, what has no verdict is encrypted anew under its old number",
        known=0,
    ),
    Mutant(
        "cursor-off-by-one",
        "onebar_mockserver.sqlite.mailboxes",
        "Ack(hello.epoch, hello.cursor, hello.unopened)",
        "Ack(hello.epoch, hello.cursor + 1, hello.unopened)",
        "a reconnect acknowledges one entry more than the phone has",
        known=0,
    ),
    Mutant(
        "dedupe-forgotten-after-restart",
        "onebar.core.engine",
        "        self._committed = device\n        self._link = status(self._state, None",
        "        store.inbox.forget(2**62)\n"
        "        self._committed = device\n        self._link = status(self._state, None",
        "the ids of messages that came are remembered until the app restarts",
        known=2,
    ),
    Mutant(
        "no-dedupe-by-id",
        "onebar.store.inbox",
        "INSERT OR IGNORE INTO seen",
        "INSERT OR REPLACE INTO seen",
        "a message is deduplicated by its envelope only, not by its id",
        known=20,
    ),
    Mutant(
        "new-id-for-a-retry",
        "onebar.store.outbox",
        "UPDATE message SET out_no = NULL WHERE state = 'queued'",
        "UPDATE message SET out_no = NULL, message_id = message_id + 1 WHERE state = 'queued'",
        "a message that is sealed again gets a new id",
        known=20,
    ),
    Mutant(
        "backoff-gives-up",
        "onebar.core.backoff",
        "    bound_s = min(",
        '    if failures > 8:\n        return float("inf")\n    bound_s = min(',
        "after eight failures in a row nothing dials any more",
        known=73,
    ),
    Mutant(
        "late-message-at-the-end",
        "onebar.store.inbox",
        "return max(0, missing - between - 1), place",
        "return max(0, missing - between - 1), 0",
        "a message that was sent again goes to the end of the chat",
        known=11,
    ),
    Mutant(
        "accepted-before-durable",
        "onebar_mockserver.router",
        "        except BatchFailedError:\n            return await apply_one_by_one(self._mailbox, ops, now_ms)",
        "        except Exception:\n"
        "            done = [Judged(True, op.frame.out_no, ()) if isinstance(op.frame, Submit | Void) else Acked()"
        " for op in ops]\n"
        "            return Outcome(done, [])",
        "the server says accepted although its commit failed",
        known=2,
    ),
    Mutant(
        "mark-in-memory",
        "onebar_mockserver.sqlite.engine",
        "self._judged_by, self._judged = connection, set()",
        "self._judged_by, self._judged = connection, set()\n"
        '            connection.execute("UPDATE positions SET mark = floor")',
        "the server keeps the high-water mark of each sender in memory only",
        known=3,
    ),
    Mutant(
        "unopened-told-once",
        "onebar.core.inbox",
        "    link.frames.append(Ack(epoch, cursor, unopened))\n",
        "    link.frames.append(Ack(epoch, cursor, unopened))\n    state.store.inbox.told_unopened(cursor)\n",
        "that an envelope did not open is told once, and forgotten if the ack is lost",
        known=65,
    ),
    Mutant(
        "unopened-acked-as-opened",
        "onebar_mockserver.sqlite.mailboxes",
        " and entry.seq not in unopened",
        "",
        "an envelope that did not open earns its tick all the same",
        known=11,
    ),
    Mutant(
        "tick-overwritten",
        "onebar_mockserver.sqlite.mailboxes",
        "            ranges = merged\n",
        "",
        "a new tick takes the place of the older one that was not fetched yet",
        known=18,
    ),
    Mutant(
        "never-asked-again",
        "onebar.core.inbox",
        '"does_not_open", ask_again=True',
        '"does_not_open", ask_again=False',
        "what did not open is shown as unreadable without being asked for again",
        known=11,
    ),
    Mutant(
        "old-copy-not-noticed",
        "onebar.core.resume",
        "if _is_old_copy(state, frame):",
        "if False:",
        "a restored phone does not compare what the server knows of it, and goes on as the device that it was",
        known=120,
    ),
    Mutant(
        "forgotten-not-resubmitted",
        "onebar.core.resume",
        "state.store.outbox.reopen_from(frame.mark, state.device.out_no)\n        state.change(",
        "state.change(",
        "what a restored server forgot is not said again",
        known=107,
    ),
    Mutant(
        "expires-by-the-wrong-clock",
        "onebar.core.outbox",
        "now_ms, store = state.server_ms, state.store.outbox",
        "now_ms, store = state.now.wall_ms, state.store.outbox",
        "messages expire by the phone's own clock",
        known=39,
    ),
    Mutant(
        "newest-mail-first",
        "onebar_mockserver.router",
        "if link.behind or link.credit <= 0 or appended.head != link.seen:",
        "if link.credit <= 0:",
        "a new entry is pushed ahead of those that still wait, which are then never sent",
        known=43,
    ),
    Mutant(
        "unsealed-and-forgotten",
        "onebar.store.outbox",
        "UPDATE message SET out_no = NULL WHERE state = 'queued'",
        "UPDATE message SET out_no = NULL WHERE 0",
        "what a replaced phone had sealed without a verdict is never sealed again",
        known=20,
    ),
    Mutant(
        "redials-without-pause",
        "onebar.core.backoff",
        "return float(bound_s * fraction(entropy))",
        "return 0.0",
        "a connection that failed is dialed again at once, each time",
        known=1533,
    ),
    Mutant(
        "dead-link-kept",
        "onebar.core.liveness",
        "return since_s + patience_s, Due.HEDGE",
        'return float("inf"), Due.HEDGE',
        "a link is trusted until the system says that it is dead",
        known=1,
    ),
    Mutant(
        "links-without-bound",
        "onebar.core.dialing",
        "if len(state.links) >= LINKS_MAX:",
        "if False:",
        "every dial that is not answered leaves a link behind",
        known=11,
    ),
    Mutant(
        "sent-means-accepted",
        "onebar.core.outbox",
        "for out_no in range(device.floor + 1, mark + 1):",
        "for out_no in range(device.floor + 1, device.out_no + 1):",
        "a verdict on one number is taken for all that were sent",
        known=4,
    ),
    Mutant(
        "notes-told-once",
        "onebar_mockserver.sqlite.verdicts",
        '    batch.connection.execute("INSERT INTO notes VALUES (?, ?, ?)", (sender.device, note.out_no, encoded))',
        "    pass",
        "the server names a rejection in one answer, and forgets it whether or not that arrives",
        known=152,
    ),
    Mutant(
        "confirmed-when-fetched",
        "onebar.store.events",
        "        gap = confirmed is not None and first > max(confirmed, after) + 1\n",
        "        gap = confirmed is not None and first > max(confirmed, after) + 1\n"
        "        if rows:\n"
        "            self.confirm(consumer, rows[-1][0])\n",
        "an event is gone as soon as the app has fetched it",
        known=3,
    ),
    Mutant(
        "pushed-although-rolled-back",
        "onebar_mockserver.sqlite.batch",
        "appended: list[Appended] = field(default_factory=list)",
        "appended: list[Appended] = field(default_factory=lambda kept=[]: kept)",
        "new entries are collected in a list that a failed transaction does not empty",
        known=0,
    ),
    Mutant(
        "rows-stay-whatever-happens",
        "onebar_mockserver.sqlite.engine",
        "        self._rows = Kept()  # whatever comes between: what is on the disk counts\n",
        "",
        "the server goes on with rows of devices that something else than a batch of frames has changed",
        known=10,
    ),
    Mutant(
        "sent-for-ever",
        "onebar.store.outbox",
        "\"state = 'sent' AND born_ms < ?\"",
        '"0 AND born_ms < ?"',
        "a message whose receipt is lost stays sent for ever",
        known=1041,
    ),
    Mutant(
        "credit-ignored",
        "onebar_mockserver.links",
        "return CREDIT_BYTES_MAX - LONGEST_ENTRY_BYTES - self.unacked_bytes",
        "return CREDIT_BYTES_MAX - LONGEST_ENTRY_BYTES",
        "the server sends all mail that waits, however much of it is not acknowledged",
        known=12,
    ),
    Mutant(
        "session-not-kept-for-requests",
        "onebar.core.sealing",
        "        state.store.sessions.put(peer.account, peer.device, Kept(after, since, kept.must_be_pq))\n"
        "        sealed.append",
        "        if not isinstance(what, content.Again):\n"
        "            state.store.sessions.put(peer.account, peer.device, Kept(after, since, kept.must_be_pq))\n"
        "        sealed.append",
        "after a request for what did not open, the session is not kept: the next envelope uses the same key",
        known=37,
    ),
    Mutant(
        "last-prekey-handed-out-twice",
        "onebar_mockserver.sqlite.prekeys",
        '"DELETE FROM prekeys WHERE device = ? AND kind = ? AND no = ?", (device, kind, no)',
        '"DELETE FROM prekeys WHERE device = ?1 AND kind = ?2 AND no = ?3 AND EXISTS (SELECT 1 FROM prekeys WHERE'
        ' device = ?1 AND kind = ?2 AND no > ?3)", (device, kind, no)',
        "the server does not delete the last one-time prekey that it hands out",
        known=1,
    ),
    Mutant(
        "initial-header-dropped-early",
        "onebar.crypto.sessions",
        "return PeerSessions((replace(newest, ratchet=ratchet.state), *older)), newest.pending + sealed",
        'return PeerSessions((replace(newest, ratchet=ratchet.state, pending=b""), *older)), newest.pending + sealed',
        "only the first envelope of a session has its initial header, whether or not that one arrives",
        known=1,
    ),
    Mutant(
        "receipts-of-another-chat",
        "onebar.store.receipts",
        " AND message.chat_id = c.chat_id AND message.audience IN (x'', k.account_key)",
        "",
        "what one person has read counts as read by everybody who has the same number of messages",
        known=8,
    ),
    Mutant(
        "late-messages-read-unseen",
        "onebar.store.receipts",
        'AND unread AND (place, chat_no) <= (?, ?)"',
        'AND unread AND (place, chat_no) <= (max(?, 1 << 40), ?)"',
        "what stands behind the message that was shown counts as read with it",
        known=7,
    ),
    Mutant(
        "read-request-never-told",
        "onebar.core.calls",
        "state.store.standings.get(item.phone) is not Standing.BLOCKED:",
        "state.store.standings.get(item.phone) is Standing.ACCEPTED:",
        "what was read before its chat was accepted is not told when it is",
        known=36,
    ),
    Mutant(
        "profile-not-behind-a-message",
        "onebar.core.outbox",
        "        state.store.profiles.tell(peer.account, peer.device, state.server_ms)\n",
        "        pass\n",
        "who sets a profile before writing to somebody is never known to them",
        known=2,
    ),
    Mutant(
        "nobody-told-of-a-gap",
        "onebar.store.outbox",
        "            self._places.given_up(message_no)\n",
        "            pass\n",
        "who gave up a file leaves a gap for ever at those who read what was said after it",
        known=7,
        files=0.7,
    ),
    Mutant(
        "told-of-a-gap-in-vain",
        "onebar.store.places",
        "UPDATE message SET missing_before = missing_before - 1 WHERE missing_before > 0 AND",
        "UPDATE message SET missing_before = missing_before - 1 WHERE missing_before > 9 AND",
        "who hears that nothing comes goes on waiting for it",
        known=7,
        files=0.7,
    ),
    Mutant(
        "copies-believed-from-strangers",
        "onebar.core.inbox",
        "    if own != bool(to):\n",
        "    if own and not to:\n",
        "a stranger may say what only another device of the account can have said",
        known=46,
    ),
    Mutant(
        "newer-list-not-asked-for",
        "onebar.core.sealing",
        "        ask(state, FindAccount(question.account))  # a newer",
        "        pass  # a newer",
        "who gets no prekeys of a device waits for them, although its person has another phone by now",
        known=592,
    ),
)
"""Every mutant."""

BY_NAME: Final = {mutant.name: mutant for mutant in MUTANTS}
"""Every mutant by its name."""
