"""Finding the one operation or question that raises, so that the others of its batch are done (R19)."""

from collections.abc import Sequence

from onebar.core.frames import Submit
from onebar_mockserver.ports import (
    Answer,
    Appended,
    Asked,
    BatchFailedError,
    Broken,
    Fenced,
    Ledger,
    Mailbox,
    Op,
    Outcome,
    Refusal,
    Rejection,
    Result,
)


async def apply_one_by_one(mailbox: Mailbox, ops: Sequence[Op], now_ms: int) -> Outcome:
    """Apply each operation in its own transaction: a Submit that raises is rejected, others cost their link.

    Raises:
        EngineLostError: Whether the last operation was committed is unknown.
    """
    results: list[Result] = []
    appended: list[Appended] = []
    ended: set[int] = set()
    for op in ops:
        if op.link in ended:
            results.append(Fenced())
            continue
        outcome = await _apply_alone(mailbox, op, now_ms)
        results.extend(outcome.results)
        appended.extend(outcome.appended)
        if isinstance(outcome.results[0], Refusal | Broken):
            ended.add(op.link)
    return Outcome(results, appended)


async def answer_one_by_one(ledger: Ledger, asked: Sequence[Asked], now_ms: int) -> list[Answer]:
    """Answer each question in its own transaction: one that raises gets the error `internal`.

    Raises:
        EngineLostError: Whether the last answer was committed is unknown.
    """
    answers: list[Answer] = []
    for one in asked:
        try:
            answers.extend(await ledger.answer([one], now_ms))
        except BatchFailedError:
            answers.append(Answer(error="internal"))
    return answers


async def _apply_alone(mailbox: Mailbox, op: Op, now_ms: int) -> Outcome:
    try:
        return await mailbox.apply([op], now_ms)
    except BatchFailedError:
        if not isinstance(op.frame, Submit):
            return Outcome([Broken()], [])
    try:
        return await mailbox.apply([op._replace(frame=Rejection(op.frame, "internal"))], now_ms)
    except BatchFailedError:
        return Outcome([Broken()], [])
