"""One operation that raises does not take the others with it (R19)."""

from collections.abc import Sequence
from typing import cast

from onebar.core.frames import Ack, Hello, Submit
from onebar.core.questions import FindAccount
from onebar_mockserver.isolation import answer_one_by_one, apply_one_by_one
from onebar_mockserver.ports import (
    Acked,
    Answer,
    Asked,
    BatchFailedError,
    Broken,
    Fenced,
    Judged,
    Ledger,
    Op,
    Outcome,
    Page,
    Refusal,
    Rejection,
    Swept,
    Want,
)
from tests.mockserver.rawclient import submit

POISON = 13


class PoisonedMailbox:
    """Fails on every frame that carries the poisoned number."""

    def __init__(self) -> None:
        self.batches: list[list[Op]] = []

    async def apply(self, ops: Sequence[Op], now_ms: int) -> Outcome:
        self.batches.append(list(ops))
        [op] = ops
        frame = op.frame
        if isinstance(frame, Hello):
            return Outcome([Refusal("connection_number", 1)], [])
        if isinstance(frame, Ack):
            if frame.cursor == POISON:
                raise BatchFailedError
            return Outcome([Acked()], [])
        if isinstance(frame, Submit) and frame.out_no == POISON:
            raise BatchFailedError
        return Outcome([Judged(True, 0, ())], [])

    async def fetch(self, wants: Sequence[Want]) -> list[Page]:
        return []

    async def sweep(self, now_ms: int) -> Swept:
        return Swept(frozenset(), True)

    async def reopen(self) -> None:
        return None


async def test_a_poisoned_submit_is_rejected_and_the_others_go_through() -> None:
    mailbox = PoisonedMailbox()
    poison = submit(POISON)
    outcome = await apply_one_by_one(mailbox, [Op(1, 1, 1, submit(1)), Op(2, 2, 1, poison)], 0)
    assert outcome.results == [Judged(True, 0, ())] * 2
    assert mailbox.batches[-1] == [Op(2, 2, 1, Rejection(poison, "internal"))]


async def test_any_other_poisoned_frame_costs_its_link_only() -> None:
    ops = [Op(1, 1, 1, Ack(1, POISON)), Op(1, 1, 1, Ack(1, 1)), Op(2, 2, 1, Ack(1, 1))]
    outcome = await apply_one_by_one(PoisonedMailbox(), ops, 0)
    assert outcome.results == [Broken(), Fenced(), Acked()]


class PoisonedLedger:
    """Fails on the poisoned question, and notes the others."""

    def __init__(self) -> None:
        self.answered: list[Asked] = []

    async def answer(self, asked: Sequence[Asked], now_ms: int) -> list[Answer]:
        [one] = asked
        if one.question == FindAccount(POISON):
            raise BatchFailedError
        self.answered.append(one)
        return [Answer(b"fine")]


async def test_a_poisoned_question_is_answered_so_and_the_others_go_through() -> None:
    ledger = PoisonedLedger()
    first, poison, last = (Asked(1, 1, FindAccount(number)) for number in (1, POISON, 2))
    answers = await answer_one_by_one(cast("Ledger", ledger), [first, poison, last], 0)
    assert answers == [Answer(b"fine"), Answer(error="internal"), Answer(b"fine")]
    assert ledger.answered == [first, last]


async def test_nothing_behind_a_refused_hello_is_applied() -> None:
    mailbox = PoisonedMailbox()
    ops = [Op(1, 1, 1, Hello(1, 1, 1, 0, 1, 0, 0)), Op(1, 1, 1, submit(1))]
    outcome = await apply_one_by_one(mailbox, ops, 0)
    assert outcome.results == [Refusal("connection_number", 1), Fenced()]
    assert len(mailbox.batches) == 1
