"""One small defect at a time in the product: each makes it differ from the rules."""

from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any

import msgspec
import pytest

from onebar.core import outbox, resume
from onebar.core.frames import Submit, Void, encode_message
from onebar.core.records import Device, Envelope
from onebar.core.state import DeviceState
from onebar.store.device import SqliteDevice
from onebar.store.outbox import SqliteOutbox
from onebar_mockserver.ports import Attached, Judged
from onebar_mockserver.router import Router
from onebar_mockserver.sqlite import batch as batches
from onebar_mockserver.sqlite import engine, mailboxes, verdicts
from tests.simulation.model.explore import MismatchError, explore, visit
from tests.simulation.model.product import Product
from tests.simulation.model.rules import InTurns
from tests.simulation.model.state import Scope

pytestmark = pytest.mark.slow

Patch = pytest.MonkeyPatch
PLAIN, TOPPED = Scope(), Scope("AAA", faults=0, rejects=0, window=3, second=True)


def wrap(patch: Patch, owner: Any, name: str, around: Callable[..., Any]) -> None:
    """Put `around` in the place of a function; it gets that function first."""
    real = getattr(owner, name)
    patch.setattr(owner, name, lambda *values, **options: around(real, *values, **options))


def mark_before_notes(patch: Patch) -> None:
    """The client takes everything up to the mark as accepted."""
    wrap(patch, outbox, "apply_verdicts", lambda real, state, mark, notes: real(state, mark, ()))


def judged_again(patch: Patch) -> None:
    """The server processes a repeated number once more."""

    def judge(real: Any, batch: Any, sender: Any, frame: Submit | Void) -> Any:
        if isinstance(frame, Submit) and frame.out_no <= sender.position.mark:
            verdicts._verdict(batch, sender, frame)
        return real(batch, sender, frame)

    wrap(patch, engine, "judge", judge)


def notes_forgotten(patch: Patch) -> None:
    """The server tells a note once."""

    def judge(real: Any, batch: batches.Batch, sender: batches.DeviceRow, frame: Submit) -> Any:
        result = real(batch, sender, frame)
        batch.notes(sender).clear()
        batch.connection.execute("DELETE FROM notes")
        sender.position.notes_bytes = 0
        return result

    wrap(patch, engine, "judge", judge)


def bare_welcome(patch: Patch) -> None:
    """The Welcome carries the mark and no notes."""

    def attach(real: Any, *values: Any) -> Any:
        answer = real(*values)
        return answer._replace(notes=()) if isinstance(answer, Attached) else answer

    wrap(patch, mailboxes, "attach", attach)


def one_note_at_a_time(patch: Patch) -> None:
    """An Accepted carries only the note of the number that it answers."""

    def judge(real: Any, batch: Any, sender: Any, frame: Submit) -> Any:
        result = real(batch, sender, frame)
        assert isinstance(result, Judged)
        return result._replace(notes=tuple(note for note in result.notes if note.out_no == frame.out_no))

    wrap(patch, engine, "judge", judge)


def early_floor(patch: Patch) -> None:
    """The client reports as settled what it has only sent."""
    wrap(patch, outbox, "submission", lambda real, envelope, floor: real(envelope, max(floor, envelope.out_no)))


def floor_in_memory(patch: Patch) -> None:
    """The client commits the verdicts and not the floor."""

    def save(real: Any, store: SqliteDevice, device: Device) -> None:
        real(store, msgspec.structs.replace(device, floor=0, floor_hash=b""))

    wrap(patch, SqliteDevice, "save", save)


def nothing_resent(patch: Patch) -> None:
    """A new link begins behind what older links have carried."""

    def flight(real: Any, state: DeviceState, hello: Any) -> tuple[int, bytes]:
        return state.device.out_no, encode_message([hello])

    wrap(patch, resume, "_first_flight", flight)


def beyond_the_window(patch: Patch) -> None:
    """The client seals one more than may be unsettled."""

    def seal(real: Any, state: DeviceState) -> None:
        state.window += 1
        real(state)
        state.window -= 1

    wrap(patch, outbox, "seal_waiting", seal)


def sealed_unconfirmed(patch: Patch) -> None:
    """The client seals before a Welcome has shown that its database is no old copy."""

    def seal(real: Any, state: DeviceState) -> None:
        before = state.confirmed, state.listed
        state.confirmed = state.listed = True
        real(state)
        state.confirmed, state.listed = before

    wrap(patch, outbox, "seal_waiting", seal)


def sealed_again(patch: Patch) -> None:
    """A rejected message gets another number."""

    def reject(real: Any, store: SqliteOutbox, out_no: int, reason: str) -> Any:
        ended = real(store, out_no, reason)
        store._rows("UPDATE message SET state = 'queued', out_no = NULL WHERE message_no = ?", ended)
        return ended

    wrap(patch, SqliteOutbox, "reject", reject)


def no_fence(patch: Patch) -> None:
    """The older link stays when a newer one speaks."""
    wrap(patch, Router, "_fence", lambda real, *values: None)


def mark_not_written(patch: Patch) -> None:
    """The mark moves in a turn of its own: a crash loses it."""

    def values(real: Any, position: batches.Position) -> Any:
        connection_no, fence_no, mark, *others = real(position)
        return connection_no, fence_no, max(0, mark - 1), *others

    wrap(patch, batches.Position, "values", values)


def nothing_missing(patch: Patch) -> None:
    """The server does not look for devices that were left out."""
    wrap(patch, verdicts, "_missing", lambda real, *values: ())


def overtaking(patch: Patch) -> None:
    """A newer message reaches the second device before the top-ups that are due."""

    def seal(real: Any, state: DeviceState) -> None:
        room = state.window - (state.device.out_no - state.device.floor)
        outbox._seal_drafts(state, room if state.confirmed else 0)
        real(state)

    wrap(patch, outbox, "seal_waiting", seal)
    wrap(patch, SqliteOutbox, "blocked", only_where("SELECT 1 FROM envelope WHERE verdict = 0 AND answers IS NULL"))


def unsure(patch: Patch) -> None:
    """A newer message reaches the second device while an older one without it has no verdict."""
    wrap(patch, SqliteOutbox, "blocked", only_where("SELECT 1 FROM top_up"))


def only_where(found: str) -> Callable[..., set[int]]:
    """Hold a device back only where a query finds something."""

    def blocked(real: Any, store: SqliteOutbox, phone: str, devices: Iterable[int]) -> set[int]:
        held_back: set[int] = real(store, phone, devices)
        return held_back if store._rows(found) else set()

    return blocked


def another_id(patch: Patch) -> None:
    """A top-up gets a message id of its own."""

    def seal(real: Any, state: Any, wanted: Any, message_no: int, account: int, answers: Any, *others: Any) -> None:
        if answers is not None:
            wanted = [(peer, msgspec.structs.replace(what, message_id=what.message_id + 1)) for peer, what in wanted]
        real(state, wanted, message_no, account, answers, *others)

    wrap(patch, outbox, "_put", seal)


def missing_forgotten(patch: Patch) -> None:
    """The client shows a message as sent and forgets for whom it was missing."""
    wrap(patch, SqliteOutbox, "add_top_up", lambda real, *values: None)


def another_envelope(patch: Patch) -> None:
    """A number is sent again with other bytes."""

    def submission(real: Any, envelope: Envelope, floor: int) -> Any:
        return Void(envelope.out_no, floor) if envelope.out_no == 2 else real(envelope, floor)

    wrap(patch, outbox, "submission", submission)


DEFECTS: list[tuple[Callable[[Patch], None], Scope]] = [
    (mark_before_notes, PLAIN),
    (judged_again, PLAIN),
    (notes_forgotten, PLAIN),
    (bare_welcome, PLAIN),
    (one_note_at_a_time, PLAIN),
    (early_floor, PLAIN),
    (floor_in_memory, PLAIN),
    (nothing_resent, PLAIN),
    (beyond_the_window, Scope("AAA", faults=0, rejects=0)),
    (sealed_unconfirmed, PLAIN),
    (sealed_again, PLAIN),
    (no_fence, PLAIN),
    (mark_not_written, PLAIN),
    (another_envelope, PLAIN),
    (nothing_missing, TOPPED),
    (missing_forgotten, TOPPED),
    (overtaking, TOPPED._replace(window=2)),
    (unsure, TOPPED),
    (another_id, TOPPED),
]


@pytest.mark.parametrize(("defect", "scope"), DEFECTS, ids=[defect.__name__ for defect, _ in DEFECTS])
def test_a_defect_makes_the_product_differ_from_the_rules(
    defect: Callable[[Patch], None], scope: Scope, monkeypatch: Patch
) -> None:
    defect(monkeypatch)
    with pytest.raises(MismatchError) as found:
        explore(scope)
    print(defect.__name__, found.value, sep="\n")


def test_a_rule_that_the_product_does_not_know_is_a_mismatch_as_well() -> None:
    class Silent(InTurns):
        def submission(self, *values: Any) -> Any:
            return super().submission(*values)._replace(floor=0)

    with closing(Product(PLAIN)) as product, pytest.raises(MismatchError, match="links: the product has"):
        visit(product, Silent(PLAIN))
