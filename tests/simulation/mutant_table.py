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


MUTANTS: Final[tuple[Mutant, ...]] = (
    Mutant(
        "released-although-failed",
        "onebar.core.engine",
        "outputs, state.outputs = state.outputs, []",
        "outputs, state.outputs = self._state.outputs + state.outputs, []",
        "what a turn wanted to say leaves the phone although its commit failed",
    ),
    Mutant(
        "ack-before-commit",
        "onebar.core.engine",
        "state.device = self._committed = device\n",
        "state.device = self._committed = self._state.device\n",
        "after a failed commit the phone goes on, and acknowledges, as if it had succeeded",
    ),
    Mutant(
        "stored-before-commit",
        "onebar.core.engine",
        "results.append(error if stored is None else stored)",
        "results.append(1 if stored is None else stored)",
        "send() returns a number although its commit failed",
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
    ),
    Mutant(
        "cursor-off-by-one",
        "onebar_mockserver.sqlite.mailboxes",
        "Ack(hello.epoch, hello.cursor, hello.unopened)",
        "Ack(hello.epoch, hello.cursor + 1, hello.unopened)",
        "a reconnect acknowledges one entry more than the phone has",
    ),
    Mutant(
        "dedupe-forgotten-after-restart",
        "onebar.core.engine",
        "        self._committed = device\n        self._link = status(self._state, None",
        "        store.inbox.forget(2**62)\n"
        "        self._committed = device\n        self._link = status(self._state, None",
        "the ids of messages that came are remembered until the app restarts",
    ),
    Mutant(
        "no-dedupe-by-id",
        "onebar.store.inbox",
        "INSERT OR IGNORE INTO seen",
        "INSERT OR REPLACE INTO seen",
        "a message is deduplicated by its envelope only, not by its id",
    ),
    Mutant(
        "new-id-for-a-retry",
        "onebar.store.outbox",
        "UPDATE message SET out_no = NULL WHERE state = 'queued'",
        "UPDATE message SET out_no = NULL, message_id = message_id + 1 WHERE state = 'queued'",
        "a message that is sealed again gets a new id",
    ),
    Mutant(
        "backoff-gives-up",
        "onebar.core.backoff",
        "    bound_s = min(",
        '    if failures > 8:\n        return float("inf")\n    bound_s = min(',
        "after eight failures in a row nothing dials any more",
    ),
    Mutant(
        "backoff-never-grows",
        "onebar.core.state",
        "self.failures = 0 if useful else self.failures + 1",
        "self.failures = 0",
        "the pause starts anew with every connection, useful or not",
    ),
    Mutant(
        "late-message-at-the-end",
        "onebar.store.inbox",
        "return max(0, missing - between - 1), place",
        "return max(0, missing - between - 1), 0",
        "a message that was sent again goes to the end of the chat",
    ),
    Mutant(
        "gap-taken",
        "onebar_mockserver.sqlite.verdicts",
        "    if request.out_no > position.mark + 1:\n        return Judged(False, position.mark, ())\n"
        "    if request.out_no == position.mark + 1:",
        "    if request.out_no > position.mark:",
        "the server takes a number although those before it have not come",
    ),
    Mutant(
        "accepted-before-durable",
        "onebar_mockserver.router",
        "        except BatchFailedError:\n            return await apply_one_by_one(self._mailbox, ops, now_ms)",
        "        except Exception:\n"
        "            from onebar_mockserver.ports import Kind\n"
        "            done = [Judged(True, op.frame.out_no, ()) if isinstance(op.frame, Submit | Void) else Acked()"
        " for op in ops]\n"
        "            return Outcome(done, [])",
        "the server says accepted although its commit failed",
    ),
    Mutant(
        "notes-in-memory",
        "onebar_mockserver.sqlite.engine",
        "self._judged_by, self._judged = connection, set()",
        'self._judged_by, self._judged = connection, set()\n            connection.execute("DELETE FROM notes")',
        "the server keeps its notes in memory only",
    ),
    Mutant(
        "mark-in-memory",
        "onebar_mockserver.sqlite.engine",
        "self._judged_by, self._judged = connection, set()",
        "self._judged_by, self._judged = connection, set()\n"
        '            connection.execute("UPDATE positions SET mark = floor")',
        "the server keeps the high-water mark of each sender in memory only",
    ),
    Mutant(
        "notes-dropped-early",
        "onebar_mockserver.sqlite.verdicts",
        "settled = [out_no for out_no in notes if out_no <= floor]",
        "settled = list(notes)",
        "the server forgets notes that the phone has not settled",
    ),
    Mutant(
        "mark-before-notes",
        "onebar.core.outbox",
        "noted = {note.out_no: note for note in notes}",
        "noted = {note.out_no: note for note in notes if note.out_no == mark}",
        "of the notes only the last number's is read, and the others are taken as accepted",
    ),
    Mutant(
        "unopened-told-once",
        "onebar.core.inbox",
        "    link.frames.append(Ack(epoch, cursor, unopened))\n",
        "    link.frames.append(Ack(epoch, cursor, unopened))\n    state.store.inbox.told_unopened(cursor)\n",
        "that an envelope did not open is told once, and forgotten if the ack is lost",
    ),
    Mutant(
        "unopened-acked-as-opened",
        "onebar_mockserver.sqlite.mailboxes",
        " and entry.seq not in unopened",
        "",
        "an envelope that did not open earns its tick all the same",
    ),
    Mutant(
        "tick-ranges-off-by-one",
        "onebar_mockserver.sqlite.mailboxes",
        "if merged and first <= merged[-1][1] + 1:",
        "if merged and first <= merged[-1][1] + 2:",
        "two ranges of ticks with one number between them become one",
    ),
    Mutant(
        "tick-overwritten",
        "onebar_mockserver.sqlite.mailboxes",
        "            ranges = merged\n",
        "",
        "a new tick takes the place of the older one that was not fetched yet",
    ),
    Mutant(
        "quarantine-blocks",
        "onebar.core.inbox",
        'quarantine(state, frame, "does_not_open", ask_again=True)',
        'raise RemoteProtocolError("an envelope does not open") from None',
        "an envelope that does not open ends the link, and comes again first on the next one",
    ),
    Mutant(
        "never-asked-again",
        "onebar.core.inbox",
        '"does_not_open", ask_again=True',
        '"does_not_open", ask_again=False',
        "what did not open is shown as unreadable without being asked for again",
    ),
    Mutant(
        "credit-ignored",
        "onebar_mockserver.links",
        "return CREDIT_BYTES_MAX - LONGEST_ENTRY_BYTES - self.unacked_bytes",
        "return CREDIT_BYTES_MAX - LONGEST_ENTRY_BYTES",
        "the server sends a full mailbox without waiting for acks",
    ),
    Mutant(
        "old-copy-not-noticed",
        "onebar.core.resume",
        "    if _is_old_copy(state, frame):\n        become_new_device(state)\n        return\n",
        "    if _is_old_copy(state, frame):\n        state.change(out_no=max(state.device.out_no, frame.mark))\n",
        "a restored phone goes on as the device that it was",
    ),
    Mutant(
        "hash-not-compared",
        "onebar.core.resume",
        "return bool(frame.mark and ours) and ours != frame.mark_hash",
        "return False",
        "an old copy is recognised by its numbers only, so that one that has caught up is not",
    ),
    Mutant(
        "sealed-before-welcome",
        "onebar.core.outbox",
        "if not state.confirmed or state.device.status is not Status.REGISTERED:",
        "if state.device.status is not Status.REGISTERED:",
        "a phone seals before a server has confirmed that its database is no old copy",
    ),
    Mutant(
        "answers-strangers",
        "onebar.store.outbox",
        "WHERE out_no = ? AND account = ? AND resealed < ?",
        "WHERE out_no = ? AND account + ? > 0 AND resealed < ?",
        "whoever asks gets a message sealed again",
    ),
    Mutant(
        "forgotten-not-resubmitted",
        "onebar.core.resume",
        "state.store.outbox.reopen_from(frame.mark, state.device.out_no)\n        state.change(",
        "state.change(",
        "what a restored server forgot is not said again",
    ),
    Mutant(
        "restored-server-believes",
        "onebar_mockserver.sqlite.mailboxes",
        "hello.cursor > position.sent",
        "hello.cursor > position.head",
        "a restored server takes cursors of its lost history for its own, and drops mail that nobody saw",
    ),
    Mutant(
        "top-ups-out-of-order",
        "onebar.store.outbox",
        "FROM top_up ORDER BY message_no LIMIT ?",
        "FROM top_up ORDER BY message_no DESC LIMIT ?",
        "a new phone of the reader gets the older messages in the wrong order",
    ),
    Mutant(
        "newer-before-top-ups",
        "onebar.core.outbox",
        "blocked = state.store.outbox.blocked(draft.phone, [peer.device for peer in peers])",
        "blocked: set[int] = set()",
        "a newer message overtakes the older ones that a new phone of the reader is due",
    ),
    Mutant(
        "dead-link-not-noticed",
        "onebar.core.liveness",
        " or link.ping_no > link.pong_no",
        "",
        "a ping without a pong is no reason to doubt a link",
    ),
    Mutant(
        "expires-by-the-phone's-clock",
        "onebar.core.outbox",
        "now_ms, store = state.server_ms, state.store.outbox",
        "now_ms, store = state.now.wall_ms, state.store.outbox",
        "messages expire by the phone's own clock",
    ),
    Mutant(
        "window-not-learned",
        "onebar.core.resume",
        "state.window = max(1, min(state.config.window, frame.limits.window))",
        "state.window = state.config.window",
        "the phone ignores the window that the server announces",
    ),
    Mutant(
        "newest-mail-first",
        "onebar_mockserver.router",
        "if link.behind or link.credit <= 0 or appended.head != link.seen:",
        "if link.credit <= 0:",
        "a new entry is pushed ahead of those that still wait, which are then never sent",
    ),
    Mutant(
        "sent-again-after-delivered",
        "onebar.store.outbox",
        "UPDATE message SET state = 'sent' WHERE state = 'queued' AND message_no =",
        "UPDATE message SET state = 'sent' WHERE message_no =",
        "a verdict that comes again takes a delivered message back to sent",
    ),
    Mutant(
        "failed-after-delivered",
        "onebar.store.outbox",
        "f\" AND state IN ('queued', 'sent') AND {which} RETURNING message_no\"",
        "f\" AND state IN ('queued', 'sent', 'delivered') AND {which} RETURNING message_no\"",
        "a message that was delivered can still fail",
    ),
    Mutant(
        "unsealed-and-forgotten",
        "onebar.store.outbox",
        "UPDATE message SET out_no = NULL WHERE state = 'queued'",
        "UPDATE message SET out_no = NULL WHERE 0",
        "what a replaced phone had sealed without a verdict is never sealed again",
    ),
    Mutant(
        "fencing-forgotten",
        "onebar_mockserver.sqlite.engine",
        " or row.position.connection_no != op.connection_no",
        "",
        "a link that was replaced can still submit and acknowledge",
    ),
    Mutant(
        "replayed-upgrade-taken",
        "onebar_mockserver.sqlite.mailboxes",
        "if hello.connection_no <= position.connection_no:",
        "if hello.connection_no < 0:",
        "an upgrade request that comes late or twice is taken for a new one",
    ),
    Mutant(
        "dropped-silently",
        "onebar_mockserver.sqlite.sweeping",
        "        if entry.kind == Kind.ENVELOPE:\n            batch.notify(entry.device, row, entry.out_no, reason)\n",
        "",
        "mail that nobody fetched is dropped without a word to its sender",
    ),
    Mutant(
        "links-without-bound",
        "onebar.core.engine",
        "if len(state.links) < LINKS_MAX:\n            self._dial()",
        "self._dial()",
        "every hint that the network changed dials one more link",
    ),
    Mutant(
        "event-lost",
        "onebar.core.engine",
        "            self._advance()\n            if self._state.device is not saved:\n"
        "                self._state.store.save_device(self._state.device)\n        return results",
        "            self._advance()\n            if self._state.device is not saved:\n"
        "                self._state.store.save_device(self._state.device)\n"
        "            rows = self._state.store.events.take_back()\n"
        "        return results",
        "events are written after the turn's commit, and lost if the app dies in between",
    ),
    Mutant(
        "event-of-its-own",
        "onebar.store.events",
        "        if event_no % _TRIM_ROWS == 0:",
        '        execute("COMMIT")\n        execute("BEGIN IMMEDIATE")\n        if event_no % _TRIM_ROWS == 0:',
        "an event commits half of the turn that caused it",
    ),
    Mutant(
        "confirmed-when-handed-out",
        "onebar.store.events",
        "        rows = execute(_SELECT, (confirmed, limit)).fetchall()\n",
        "        rows = execute(_SELECT, (confirmed, limit)).fetchall()\n"
        "        if rows:\n            self.confirm(consumer, rows[-1][0])\n",
        "an event counts as done once it was handed to the app",
    ),
    Mutant(
        "device-saved-apart",
        "onebar.core.engine",
        "            if self._state.device is not saved:\n"
        "                self._state.store.save_device(self._state.device)\n        return results",
        "        if self._state.device is not saved:\n"
        "            with self._state.store.transaction():\n"
        "                self._state.store.save_device(self._state.device)\n        return results",
        "the effects of a turn and its cursor and mark are two commits",
    ),
)
"""Every mutant."""

BY_NAME: Final = {mutant.name: mutant for mutant in MUTANTS}
"""Every mutant by its name."""
