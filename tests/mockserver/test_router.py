"""What each frame does, seen from the wire."""

import msgspec
import pytest
from websockets.exceptions import InvalidStatus

from onebar.core import frames
from onebar.core.frames import (
    FLAG_SILENT,
    Accepted,
    Ack,
    CaughtUp,
    Deliver,
    Delivered,
    Note,
    Ping,
    Pong,
    Refused,
    Request,
    Response,
    Stock,
    Submit,
    Undelivered,
    Void,
    Welcome,
)
from onebar.core.questions import (
    DEVICE_LIST_BYTES_MAX,
    PREKEY_BYTES_MAX,
    PREKEYS_MAX,
    SIGNED_BUNDLE_BYTES_MAX,
    AccountInfo,
    AddDevice,
    Added,
    Bundle,
    FindAccount,
    FindBundle,
    FindDevice,
    FindPhone,
    Publish,
)
from onebar_mockserver import MockServer
from onebar_mockserver.limits import CREDIT_BYTES_MAX, ENTRY_OVERHEAD_BYTES, PAGE_ENTRIES_MAX
from onebar_mockserver.ports import Slowed
from onebar_mockserver.sqlite import engine, verdicts
from tests.mockserver.rawclient import Keys, Line, Phone, base64url, failing_disk, register, submit, to, welcomed
from tests.mockserver.signer import Signer


async def test_a_message_goes_from_phone_to_phone_and_its_tick_comes_back(alice: Phone, bob: Phone) -> None:
    sender = await alice.dial(submit(1, to(bob, b"hi")))
    welcome = await sender.take(Welcome)
    assert (welcome.mark, welcome.cursor, welcome.connection_no, welcome.epoch) == (0, 0, 1, 1)
    assert await sender.take(Accepted) == Accepted(1)
    await sender.take(CaughtUp)

    reader = await bob.dial()
    await reader.take(Welcome)
    deliver = await reader.take(Deliver)
    assert (deliver.prev_seq, deliver.seq, deliver.out_no, deliver.ciphertext) == (0, 1, 1, b"hi")
    assert (deliver.account, deliver.device) == (alice.account, alice.device)
    assert await reader.take(CaughtUp) == CaughtUp(1)

    await reader.send(Ack(1, 1))
    assert await sender.take(Delivered) == Delivered(0, 1, bob.account, bob.device, ((1, 1),))
    await sender.send(submit(2, to(bob, b"again")))
    assert (await reader.take(Deliver)).prev_seq == 1
    assert await sender.take(Accepted) == Accepted(2)
    await sender.close()
    await reader.close()


async def test_the_first_messages_after_the_upgrade_answer_the_whole_flight(alice: Phone, bob: Phone) -> None:
    sender = await alice.dial(submit(1, to(bob, b"a")), submit(2, to(bob, b"b")), Ping(5))
    assert [type(frame) for frame in await sender.message()] == [Welcome, Accepted, Pong]
    assert [type(frame) for frame in await sender.message()] == [CaughtUp]
    reader = await bob.dial()
    assert [type(frame) for frame in await reader.message()] == [Welcome]
    assert [type(frame) for frame in await reader.message()] == [Deliver, Deliver, CaughtUp]
    await sender.close()
    await reader.close()


async def test_repeated_and_early_numbers(alice: Phone, bob: Phone) -> None:
    line = await welcomed(alice)
    await line.send(submit(2, to(bob, b"early")), Ping(1))
    assert await line.take(Pong) == Pong(1), "no verdict for a number beyond the next"
    await line.send(submit(1, to(bob, b"x")))
    assert await line.take(Accepted) == Accepted(1)
    await line.send(submit(1, to(bob, b"x")))
    assert await line.take(Accepted) == Accepted(1)
    reader = await bob.dial()
    assert [type(await reader.next()) for _ in range(3)] == [Welcome, Deliver, CaughtUp]
    await line.close()
    await reader.close()


async def test_notes_come_with_every_answer_until_the_floor_passes(alice: Phone, bob: Phone) -> None:
    line = await alice.dial(Submit(1, 0, 0, msgspec.Raw(b"\x01")), Void(2, 0))
    await line.take(Welcome)
    assert await line.take(Accepted) == Accepted(2, (Note(1, "malformed"),))
    again = await alice.dial()
    welcome = await again.take(Welcome)
    assert (welcome.mark, welcome.notes) == (2, (Note(1, "malformed"),))
    assert welcome.mark_hash == frames.VOID_HASH
    await again.until(CaughtUp)
    await again.send(submit(3, to(bob, b"x"), floor=2))
    assert await again.take(Accepted) == Accepted(3)
    await again.close()
    await line.close()


async def test_silent_and_unopened_envelopes_earn_no_tick(alice: Phone, bob: Phone) -> None:
    sender = await welcomed(alice)
    reader = await welcomed(bob)
    await sender.send(submit(1, to(bob, b"x"), flags=FLAG_SILENT), submit(2, to(bob, b"x")), submit(3, to(bob, b"x")))
    assert (await reader.take(Deliver)).flags == FLAG_SILENT
    await reader.until(Deliver)
    await reader.until(Deliver)
    await reader.send(Ack(1, 3, (2,)))
    assert (await sender.until(Delivered)).out_nos == ((3, 3),)
    await sender.close()
    await reader.close()


async def test_a_new_link_fences_the_older_one_as_soon_as_it_speaks(alice: Phone) -> None:
    older = await welcomed(alice)
    newer = await welcomed(alice)
    await older.send(Ping(1))
    assert await older.take(Pong) == Pong(1)
    await newer.send(Ping(2))
    assert await newer.take(Pong) == Pong(2)
    assert await older.closed() == 4000
    await newer.close()


async def test_a_replayed_upgrade_is_refused(alice: Phone) -> None:
    flight = base64url(alice.flight(alice.hello(connection_no=7)))
    first = await Line.open(alice.url, flight)
    await first.until(CaughtUp)
    replay = await Line.open(alice.url, flight)
    assert await replay.take(Refused) == Refused("connection_number", 7)
    assert await replay.closed() == 4001
    await first.send(Ping(1))
    assert await first.take(Pong) == Pong(1), "the first link lives on"
    await first.close()


async def test_who_cannot_sign_is_refused(alice: Phone, bob: Phone) -> None:
    for account, device in (
        (alice.account, bob.device),
        (bob.account, alice.device),
        (bob.account, bob.device),
        (alice.account, 99),
    ):
        line = await alice.dial(account=account, device=device)
        assert (await line.take(Refused)).reason == "unauthenticated"
        assert await line.closed() == 4001


async def test_registering_anew_closes_the_older_devices_link(server: MockServer, alice: Phone) -> None:
    line = await welcomed(alice)
    await register(server, "+4915112345671")
    assert (await line.take(Refused)).reason == "device_removed"
    assert await line.closed() == 4001
    again = await alice.dial()
    assert (await again.take(Refused)).reason == "device_removed"
    await again.closed()


async def test_senders_hear_of_mail_for_a_removed_device(server: MockServer, alice: Phone, bob: Phone) -> None:
    line = await alice.dial(submit(1, to(bob, b"x")))
    await line.until(CaughtUp)
    await register(server, "+4915112345672", Keys())
    assert await line.take(Undelivered) == Undelivered(0, 1, bob.account, bob.device, 1, "device_removed")
    await line.close()


async def test_requests(alice: Phone, bob: Phone) -> None:
    line = await welcomed(alice)

    async def ask(method: str, params: object) -> Response:
        await line.send(Request(3, method, msgspec.Raw(frames.encode(params))))
        return await line.take(Response)

    answer = await ask("phone", FindPhone("+4915112345672"))
    info = frames.decode_as(AccountInfo, answer.result)
    assert (answer.no, answer.error, info.account) == (3, "", bob.account)
    assert info == AccountInfo(bob.account, "+4915112345672", b"")
    assert frames.decode_as(AccountInfo, (await ask("account", FindAccount(bob.account))).result) == info
    assert (await ask("account", FindAccount(99))).error == "no_account"
    one = await ask("device", FindDevice(bob.account, bob.device))
    assert frames.decode_as(AccountInfo, one.result) == info
    assert (await ask("device", FindDevice(alice.account, bob.device))).error == "no_account"
    assert (await ask("device", FindAccount(bob.account))).error == "bad_request"
    assert (await ask("phone", 5)).error == "bad_request"
    assert (await ask("weather", [])).error == "unknown_method"
    await line.close()


async def test_prekeys_go_to_who_asks_and_a_second_device_comes_and_goes(alice: Phone, bob: Phone) -> None:
    line, other = await welcomed(bob), await welcomed(alice)
    signer, keys = Signer(bob.account), Keys()
    own = {bob.device: bob.keys.public()}
    prekeys = Publish(signer.sign(own), b"bundle", 5, ((1, b"x"),), ((2, b"k"),))
    assert frames.decode_as(Stock, (await line.ask(prekeys)).result) == Stock(1, 5, 1, 1)
    find = FindBundle(bob.account, bob.device)
    assert frames.decode_as(Bundle, (await other.ask(find)).result) == Bundle(b"bundle", b"x", b"k")
    assert frames.decode_as(Bundle, (await other.ask(find)).result) == Bundle(b"bundle")

    added = frames.decode_as(Added, (await line.ask(AddDevice(*keys.public()))).result)
    second = Phone(bob.url, bob.account, added.device, keys)
    assert await (await second.dial()).take(Refused) == Refused("unauthenticated", 0)
    await line.ask(Publish(devices=signer.sign({**own, second.device: keys.public()})))
    tablet = await second.dial()
    assert (await tablet.take(Welcome)).stock == Stock(2)
    await tablet.until(CaughtUp)
    await other.send(submit(1, (bob.account, [(bob.device, b"x"), (second.device, b"y")])))
    assert (await tablet.take(Deliver)).ciphertext == b"y"
    await line.ask(Publish(devices=signer.sign(own)))
    assert (await tablet.take(Refused)).reason == "device_removed"
    assert await tablet.closed() == 4001
    told = Undelivered(0, 1, bob.account, second.device, 1, "device_removed")
    assert await other.until(Undelivered) == told
    assert (await line.ask(Publish(devices=b"no list"))).error == "bad_list"
    again = await bob.dial()
    assert (await again.take(Welcome)).stock == Stock(3, 5, 0, 0)
    for open_line in (line, other, again):
        await open_line.close()


@pytest.mark.parametrize(
    "question",
    [
        [b"", b"", 0, [[1, bytes(PREKEY_BYTES_MAX + 1)]]],
        [b"", b"", 0, [[number, b""] for number in range(PREKEYS_MAX + 1)]],
        [b"", bytes(SIGNED_BUNDLE_BYTES_MAX + 1)],
        [bytes(DEVICE_LIST_BYTES_MAX + 1)],
        [b"", b"", -1],
        [b"", b"", 2**63],
        {"devices": b""},
    ],
)
async def test_what_is_no_publish_is_answered_so(alice: Phone, question: object) -> None:
    line = await welcomed(alice)
    await line.send(Request(1, "publish", msgspec.Raw(frames.encode(question))))
    assert (await line.take(Response)).error == "bad_request"
    await line.close()


@pytest.mark.parametrize(
    "message",
    [
        b"\x01",
        b"",
        frames.encode([[2, "not a number"]]),
        frames.encode([[4, 1, 999]]),
        frames.encode([[1, 1, 1, 2, 0, 1, 0, 0]]),
        b"\x91" * 10_000,
    ],
)
async def test_protocol_errors_cost_the_link(alice: Phone, message: bytes) -> None:
    line = await welcomed(alice)
    await line.websocket.send(message)
    assert await line.closed() == 1002


async def test_unknown_frames_are_skipped_and_more_fields_ignored(alice: Phone) -> None:
    line = await welcomed(alice)
    await line.websocket.send(frames.encode([[99, "new"], [6, 7, "more"]]))
    assert await line.take(Pong) == Pong(7)
    await line.close()


async def test_credit_bounds_what_is_unacknowledged(alice: Phone, bob: Phone) -> None:
    count, size = 12, 16_000
    sender = await welcomed(alice)
    for out_no in range(1, count + 1):
        await sender.send(submit(out_no, to(bob, bytes(size))))
    while (await sender.until(Accepted)).mark < count:
        pass
    reader = await bob.dial()
    await reader.take(Welcome)
    got: list[int] = []
    unacked = 0
    while len(got) < count:
        deliver = await reader.take(Deliver)
        assert deliver.prev_seq == (got[-1] if got else 0)
        got.append(deliver.seq)
        unacked += size + ENTRY_OVERHEAD_BYTES
        assert unacked <= CREDIT_BYTES_MAX
        if unacked + size + ENTRY_OVERHEAD_BYTES > CREDIT_BYTES_MAX - frames.SUBMIT_BYTES_MAX:
            await reader.send(Ack(1, deliver.seq))
            unacked = 0
    assert got == list(range(1, count + 1))
    assert await reader.take(CaughtUp) == CaughtUp(count)
    await sender.close()
    await reader.close()


async def test_a_long_mailbox_comes_page_by_page(alice: Phone, bob: Phone) -> None:
    count = PAGE_ENTRIES_MAX + 50
    sender = await welcomed(alice)
    for first in range(1, count + 1, 50):
        await sender.send(*(submit(n, to(bob, b"x")) for n in range(first, min(first + 50, count + 1))))
    while (await sender.until(Accepted)).mark < count:
        pass
    reader = await welcomed(bob)
    await reader.close()
    reader = await bob.dial()
    await reader.take(Welcome)
    numbers = [(await reader.take(Deliver)).out_no for _ in range(count)]
    assert numbers == list(range(1, count + 1))
    await reader.take(CaughtUp)
    await sender.close()
    await reader.close()


async def test_a_submit_that_raises_is_rejected_and_others_are_not_touched(
    alice: Phone, bob: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = verdicts._store

    def poisoned(*arguments: object) -> Note | Slowed | None:
        if b"poison" in bytes(arguments[2].recipients):  # type: ignore[attr-defined]
            raise ValueError("planted")
        return store(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(verdicts, "_store", poisoned)
    line = await welcomed(alice)
    await line.send(submit(1, to(bob, b"a")), submit(2, to(bob, b"poison")), submit(3, to(bob, b"c")))
    assert await line.take(Accepted) == Accepted(3, (Note(2, "internal"),))
    reader = await bob.dial()
    await reader.take(Welcome)
    assert [(await reader.take(Deliver)).ciphertext for _ in range(2)] == [b"a", b"c"]
    await line.close()
    await reader.close()


async def test_a_lost_engine_closes_the_links_and_comes_back(
    alice: Phone, bob: Phone, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    line = await welcomed(alice)
    with monkeypatch.context() as patch:
        patch.setattr(engine, "judge", failing_disk)
        await line.send(submit(1, to(bob, b"x")))
        assert await line.closed() == 1001
    assert "OperationalError" in vars(caplog.records[0])["detail"]
    again = await alice.dial(submit(1, to(bob, b"x")))
    assert (await again.take(Welcome)).mark == 0
    assert await again.take(Accepted) == Accepted(1)
    await again.close()


async def test_another_path_is_not_found(alice: Phone) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await Line.open(alice.url + "/elsewhere", None)
    assert caught.value.response.status_code == 404
