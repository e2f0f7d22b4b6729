"""Flights and frames: forged, replayed, of another's device, oversize, nested, unknown (docs/protocol.md §3, §4)."""

import random
from contextlib import suppress

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed

from onebar.core import frames
from onebar.core.frames import Accepted, Ack, CaughtUp, Hello, Ping, Pong, Refused, Response, Submit
from onebar_mockserver import MockServer
from tests.hostile.conftest import Pair
from tests.hostile.mutations import BOMBS, Mutator
from tests.mockserver.rawclient import Line, Phone, base64url, sealed, submit

pytestmark = pytest.mark.slow

DEEP = b"\x91" * 100_000


async def refused(line: Line) -> str:
    answer = await line.until(Refused)
    assert await line.closed() == 4001
    return answer.reason


async def opened(phone: Phone) -> Line:
    line = await phone.dial()
    await line.until(CaughtUp)
    return line


async def closed_or(line: Line, kind: type[Pong] | type[Accepted]) -> None:
    """The server either answers or closes: what it may not do is nothing."""
    with suppress(ConnectionClosed):
        await line.until(kind)
        await line.close()
    assert line.websocket.close_code in (1000, 1002, 4001)


def changed(flight: bytes, place: int) -> bytes:
    return flight[:place] + bytes([flight[place] ^ 1]) + flight[place + 1 :]


# The flight


@pytest.mark.parametrize("place", [0, 40, 63, 66, 70, -1])
async def test_a_flight_with_any_bit_changed_is_refused(pair: Pair, enemy: Phone, place: int) -> None:
    flight = enemy.flight(enemy.hello())
    line = await Line.open(enemy.url, base64url(changed(flight, place % len(flight))))
    assert await refused(line) in ("unauthenticated", "malformed")


async def test_a_replayed_upgrade_is_refused_and_fences_nobody(pair: Pair, enemy: Phone) -> None:
    flight = pair.bob.flight(pair.bob.hello())
    await pair.to_bob.close()
    pair.to_bob = await Line.open(pair.bob.url, base64url(flight))
    await pair.to_bob.until(CaughtUp)
    line = await Line.open(enemy.url, base64url(flight))
    assert await refused(line) == "connection_number"
    await pair.talk()


async def test_anothers_device_needs_its_key(pair: Pair, enemy: Phone) -> None:
    for account, device in (
        (pair.bob.account, pair.bob.device),
        (enemy.account, pair.bob.device),
        (pair.bob.account, enemy.device),
        (2**63 - 1, 2**63 - 1),
        (0, 0),
    ):
        hello = enemy.hello(account=account, device=device, connection_no=2**63 - 1)
        line = await Line.open(enemy.url, base64url(enemy.flight(hello)))
        assert await refused(line) == "unauthenticated"


async def test_a_flight_for_another_host_is_refused(pair: Pair, enemy: Phone) -> None:
    flight = Phone("http://elsewhere", enemy.account, enemy.device, enemy.keys).flight(enemy.hello())
    assert await refused(await Line.open(enemy.url, base64url(flight))) == "unauthenticated"


@pytest.mark.parametrize("name", ["connection_no", "time_ms", "epoch", "cursor", "floor"])
@pytest.mark.parametrize("value", [0, 2**32, 2**62, 2**63 - 1])
async def test_a_hello_with_absurd_numbers_harms_only_its_sender(
    pair: Pair, enemy: Phone, name: str, value: int
) -> None:
    hello = enemy.hello(**{name: value, "unopened": (0, 2**63 - 1)})
    line = await Line.open(enemy.url, base64url(enemy.flight(hello, [Ping(1)])))
    await closed_or(line, Pong)


async def test_a_second_hello_and_a_hello_of_another_device(pair: Pair, enemy: Phone) -> None:
    line = await opened(enemy)
    await line.send(Hello(pair.bob.account, pair.bob.device, 2**40, 0, 1, 0, 0))
    assert await line.closed() == 1002


# The frames


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc0",
        b"\x80",
        b"\x91\xc0",
        b"\x91\x90",
        b"\x91\x91\xc0",
        DEEP,
        b"\x91\x92\x06" + DEEP,
        b"\x91\x95\x02\x01\x00\x00" + DEEP,
        b"\x91\x94\x05\x01\xa5phone" + DEEP,
        frames.encode([[6, 1]] * (frames.FRAMES_MAX + 1)),
        frames.encode([[6, -1]]),
        frames.encode([[6, 2**63]]),
        frames.encode([[6, "x"]]),
        frames.encode([[5, 1, "x" * 65, []]]),
        frames.encode([[4, 1, 1, [0] * (frames.FRAMES_MAX + 1)]]),
        frames.encode([[5, 1, b"\xff\xfe", []]]),
        b"\x91\x94\x05\x01\xa2\xff\xfe\x90",
        *(b"\x91" + bomb for bomb in BOMBS),
    ],
    ids=lambda data: f"{len(data)} {data[:8].hex()}",
)
async def test_a_broken_message_costs_its_link(pair: Pair, enemy: Phone, data: bytes) -> None:
    line = await opened(enemy)
    await line.websocket.send(data)
    assert await line.closed() == 1002


@pytest.mark.parametrize("size", [frames.MESSAGE_BYTES_MAX + 1, 4 * frames.MESSAGE_BYTES_MAX])
async def test_an_oversize_message_costs_its_link(pair: Pair, enemy: Phone, size: int) -> None:
    line = await opened(enemy)
    await line.websocket.send(bytes(size))
    assert await line.closed() == 1009


async def test_an_oversize_submit_is_rejected(pair: Pair, enemy: Phone) -> None:
    line = await opened(enemy)
    await line.send(submit(1, (pair.bob.account, [(pair.bob.device, bytes(frames.SUBMIT_BYTES_MAX))])))
    (note,) = (await line.until(Accepted)).notes
    assert note.reason == "too_large"
    await line.close()


@pytest.mark.parametrize(
    "recipients",
    [b"\xc0", b"\x01", b"\x91\xc0", DEEP[:8000], b"\x91\x92\x01\xc0", frames.encode([[1, [[1, "text"]]]]), *BOMBS[:1]],
    ids=lambda recipients: recipients[:6].hex(),
)
async def test_malformed_recipients_are_rejected(pair: Pair, enemy: Phone, recipients: bytes) -> None:
    line = await opened(enemy)
    await line.websocket.send(b"\x91\x95\x02\x01\x00\x00" + recipients)
    if recipients in BOMBS or recipients.startswith(b"\x91\x91\x91"):
        await closed_or(line, Accepted)  # not even the message can be taken apart
        return
    (note,) = (await line.until(Accepted)).notes
    assert note.reason == "malformed"
    await line.close()


async def test_unknown_tags_and_fields_are_skipped(pair: Pair, enemy: Phone) -> None:
    line = await opened(enemy)
    newer = [[0], [7, {}], [99, "new", [1]], [2**63 - 1], [-5, None], [6, 5, "a field of the future"]]
    await line.websocket.send(frames.encode(newer))
    assert await line.until(Pong) == Pong(5)
    await line.close()


@pytest.mark.parametrize(
    ("method", "params", "error"),
    [
        ("phone", [], "bad_request"),
        ("phone", [5], "bad_request"),
        ("phone", ["x" * 17], "bad_request"),
        ("phone", ["'; DROP TABLE accounts"[:16]], "no_account"),
        ("account", [-1], "bad_request"),
        ("account", [2**63 - 1], "no_account"),
        ("device", [1], "bad_request"),
        ("device", [1, [[[]]]], "bad_request"),
        ("", [], "unknown_method"),
        ("__class__", [], "unknown_method"),
        ("x" * 64, {}, "unknown_method"),
    ],
)
async def test_odd_requests_get_an_error_and_keep_the_link(
    pair: Pair, enemy: Phone, method: str, params: object, error: str
) -> None:
    line = await opened(enemy)
    await line.send(frames.Request(1, method, msgspec.Raw(frames.encode(params))), Ping(2))
    answers = {type(frame): frame for frame in (await line.next(), await line.next())}
    assert answers == {Response: Response(1, error), Pong: Pong(2)}
    await line.close()


@pytest.mark.parametrize(
    "ack", [Ack(1, 2**63 - 1), Ack(1, 1), Ack(2, 2**62), Ack(2**63 - 1, 2**63 - 1), Ack(1, 0, (5,))]
)
async def test_an_ack_of_what_never_was(pair: Pair, enemy: Phone, ack: Ack) -> None:
    line = await opened(enemy)
    await line.send(ack, Ping(1))
    await closed_or(line, Pong)


@pytest.mark.parametrize("out_no", [0, 2, 2**63 - 1])
async def test_numbers_out_of_order_change_nothing(pair: Pair, enemy: Phone, out_no: int) -> None:
    line = await opened(enemy)
    to_bob = sealed((pair.bob.account, [(pair.bob.device, b"x")]))
    await line.send(Submit(out_no, 2**63 - 1, 0, to_bob), frames.Void(out_no, 0), Ping(1))
    assert await line.until(Pong) == Pong(1)
    await line.close()
    again = await enemy.dial()
    assert (await again.until(frames.Welcome)).mark == 0
    await again.close()


@pytest.mark.parametrize("seed", range(4))
async def test_noise_on_the_link(server: MockServer, pair: Pair, enemy: Phone, seed: int) -> None:
    dice = random.Random(seed)
    valid = frames.encode_message([submit(1, (pair.bob.account, [(enemy.device, b"x")])), Ack(1, 0), Ping(3)])
    mutator = Mutator(dice, [valid])
    for _ in range(10):
        enemy.connection_no += 1  # a Hello among the noise may have used the next number
        line = await enemy.dial()
        for _ in range(20):
            if line.websocket.close_code is not None:
                break
            with suppress(ConnectionClosed):
                await line.websocket.send(mutator.draw())
        await line.close()
