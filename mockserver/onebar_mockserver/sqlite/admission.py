"""What has to wait before it is handled at all, because its sender did too much of it (docs/protocol.md §8)."""

from math import ceil

from onebar.core import frames
from onebar.core.questions import AddDevice, FindAccount, FindBundle, FindDevice, FindPhone, Limited
from onebar_mockserver.ports import Answer, Asked, Slowed
from onebar_mockserver.sqlite import prekeys
from onebar_mockserver.sqlite.answers import answer
from onebar_mockserver.sqlite.batch import Batch, DeviceRow
from onebar_mockserver.sqlite.strangers import has_written


def slow_down(batch: Batch, sender: DeviceRow, out_no: int, readers: set[int]) -> Slowed | None:
    """Take an envelope for these accounts out of the buckets; or, if one of them is empty, nothing."""
    others = readers - {sender.account}
    now_s = batch.now_ms / 1000
    for reader in others if len(others) > 1 else ():  # all or none
        wait_s = batch.buckets.wait_s("messages", (sender.account, reader), now_s)
        if wait_s:
            batch.buckets.refuse("messages")
            return Slowed(out_no, "messages", wait_s)
    for reader in others:
        wait_s = batch.buckets.take("messages", (sender.account, reader), now_s)
        if wait_s:
            return Slowed(out_no, "messages", wait_s)
        wait_s = first_contact(batch, sender.account, reader)
        if wait_s:
            return Slowed(out_no, "first_contacts", wait_s)
    return None


def first_contact(batch: Batch, writer: int, reader: int) -> float | None:
    """Count an account that turns to another for the first time; return how long it has to wait, in seconds."""
    if writer == reader or has_written(batch, writer, reader) or has_written(batch, reader, writer):
        return None
    return batch.buckets.take_once("first_contacts", writer, reader, batch.now_ms / 1000)


def answer_admitted(batch: Batch, asked: Asked) -> Answer:
    """Answer one question, unless a limit of its asker is used up."""
    question, account, now_s = asked.question, asked.account, batch.now_ms / 1000
    limit, wait_s = "", None
    if isinstance(question, FindPhone | FindAccount | FindDevice):
        limit, wait_s = "lookups", batch.buckets.take("lookups", account, now_s)
    elif isinstance(question, AddDevice):
        limit, wait_s = "devices", batch.buckets.take("devices", account, now_s)
    elif isinstance(question, FindBundle):
        limit, wait_s = _bundle(batch, account, question)
    if wait_s:
        return Answer(frames.encode(Limited(limit, ceil(wait_s * 1000))), "rate_limited")
    return answer(batch.connection, asked, batch.now_ms)


def _bundle(batch: Batch, account: int, question: FindBundle) -> tuple[str, float | None]:
    """Count a bundle if there is one: a device that has just registered is asked for every few seconds."""
    if not prekeys.has_bundle(batch.connection, question.device):
        return "", None
    now_s = batch.now_ms / 1000
    for limit, key in (("prekeys", (account, question.device)), ("bundles", account)):
        wait_s = batch.buckets.take(limit, key, now_s)
        if wait_s:
            return limit, wait_s
    return "first_contacts", first_contact(batch, account, question.account)
