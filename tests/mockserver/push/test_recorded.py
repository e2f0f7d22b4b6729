"""The log that stands in for the gateways."""

import asyncio

from onebar_mockserver.push.gateways import Answer, Verdict
from onebar_mockserver.push.recorded import RecordedPush, Wakeup, WakeupLog


async def test_it_keeps_what_was_sent_and_says_what_it_is_told_to() -> None:
    log = WakeupLog()
    gateway = RecordedPush("apns", log, lambda: 7)
    waiting = asyncio.ensure_future(log.changed())
    await asyncio.sleep(0)
    log.next_answers.append(Answer(Verdict.GONE))
    assert (await gateway.wake("a")).verdict is Verdict.GONE
    assert (await gateway.wake("b")).verdict is Verdict.SENT
    await waiting
    assert log.to(frozenset({"a"})) == []
    assert log.to(frozenset({"a", "b"})) == [Wakeup("apns", "b", 7)]
    assert "'b'" not in repr(log.to(frozenset({"b"})))
    await gateway.close()
    assert gateway.kind == "apns"
