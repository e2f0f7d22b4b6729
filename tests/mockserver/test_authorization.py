"""Every frame and every endpoint, tried by everybody who may not: nothing is told, and nothing changes."""

import base64
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pyotp
import pytest
from starlette.routing import Route

from onebar.core import frames
from onebar.core.frames import Ack, ClientFrame, Hello, Ping, Pong, Refused, Request, Response, Void
from onebar.core.questions import (
    METHODS,
    PIN_BYTES,
    AddDevice,
    Added,
    Block,
    DeleteAccount,
    FindAccount,
    FindBlocks,
    FindBundle,
    FindDevice,
    FindDeviceNames,
    FindPhone,
    FindProtection,
    NameDevice,
    Publish,
    Question,
    RegisterPush,
    Report,
    SetPin,
    SetTotp,
)
from onebar_mockserver import MockServer
from onebar_mockserver.faults import Faults
from onebar_mockserver.flight import open_flight
from onebar_mockserver.limits import ServerLimits
from onebar_mockserver.links import FENCED, Outgoing
from onebar_mockserver.registration import Registration
from onebar_mockserver.router import Boarded, Input, Received, Removed, Router, Turn
from tests.mockserver.rawclient import Keys, Phone, base64url, post, register, request, submit
from tests.mockserver.signer import Signer
from tests.simulation.inline import InlineEngine, run

NOW_MS = 1_800_000_000_000
SECRET = b"s" * 20
HOST = "localhost"
ALICE, BOB, CAROL = "+4915112345671", "+4915112345672", "+4915112345673"


class Town:
    """Alice and Bob, who have devices of every kind, on one backend without sockets."""

    def __init__(self) -> None:
        self.engine = InlineEngine(ServerLimits(rates={}))
        self.router = Router(self.engine, self.engine, ServerLimits(rates={}))
        self.links = iter(range(1, 1000))
        self.alice, self.bob = self.join(ALICE), self.join(BOB)
        old = self.join(CAROL)
        self.removed, self.replaced = old, self.join(CAROL)
        new = Keys()
        self.carol = self.named(run(self.engine.replace(*ids(self.replaced), new.public(), NOW_MS))[:2], new)
        self.pending = self.reserved()
        self.publish(self.bob, one_time=((1, b"one"), (2, b"two")))
        self.send(self.bob, submit(1, (self.alice.account, [(self.alice.device, b"for Alice")])))

    def named(self, who: tuple[int, int], keys: Keys) -> Phone:
        return Phone(f"http://{HOST}", *who, keys)

    def join(self, number: str) -> Phone:
        keys, code = Keys(), run(self.engine.issue_code(number, b"seed", NOW_MS)).code
        return self.named(run(self.engine.register(number, code, keys.public(), NOW_MS))[:2], keys)

    def publish(self, phone: Phone, **what: Any) -> None:
        listed = Signer(phone.account).sign({phone.device: phone.keys.public()})
        self.send(phone, request(1, Publish(listed, b"signed", 1, **what)))

    def reserved(self) -> Phone:
        """Add a device to Alice's account that has no certificate yet."""
        self.publish(self.alice)
        keys = Keys()
        answers = self.send(self.alice, request(1, AddDevice(*keys.public())))
        (added,) = [frames.decode_as(Added, one.result) for one in answers if isinstance(one, Response)]
        return self.named((self.alice.account, added.device), keys)

    def send(self, phone: Phone, *said: ClientFrame) -> list[frames.ServerFrame]:
        link = next(self.links)
        return self.turn(board(link, phone, phone.hello(), said))[link].frames()

    def turn(self, inputs: Sequence[Input]) -> Turn:
        return run(self.router.turn(inputs, NOW_MS))

    def everything(self) -> list[str]:
        """Return all that is stored."""
        return list(self.engine.connection.iterdump())


def ids(phone: Phone) -> tuple[int, int]:
    return phone.account, phone.device


def board(
    link: int, signer: Phone, hello: Hello, said: Sequence[ClientFrame], change: Callable[[bytes], bytes] = bytes
) -> list[Input]:
    flight = open_flight(change(signer.flight(hello, said)))
    boarded = Boarded(link, HOST, flight.signature, flight.message, flight.hello)
    return [boarded, *(Received(link, frame) for frame in flight.behind)]


@pytest.fixture
def town() -> Iterator[Town]:
    made = Town()
    yield made
    made.engine.connection.close()


def questions(town: Town) -> list[Question]:
    return [
        FindPhone(BOB),
        FindAccount(town.bob.account),
        FindDevice(*ids(town.bob)),
        FindBundle(*ids(town.bob)),
        Publish(Signer(town.alice.account).sign({town.alice.device: town.alice.keys.public()}), b"newer", 2, anew=True),
        AddDevice(*Keys().public()),
        SetPin(b"p" * PIN_BYTES),
        SetTotp(SECRET, pyotp.TOTP(base64.b32encode(SECRET).decode()).at(NOW_MS // 1000)),
        Block(BOB, True),
        FindBlocks(),
        Report(*ids(town.bob), 1),
        NameDevice(town.alice.device, "new"),
        FindDeviceNames(),
        FindProtection(),
        RegisterPush("apns", "ab" * 32),
        DeleteAccount(),
    ]


def every_frame(town: Town) -> list[ClientFrame]:
    """One of each kind that has an effect when Alice says it; a Hello leads each flight."""
    own: list[ClientFrame] = [
        submit(1, (town.bob.account, [(town.bob.device, b"forged")])),
        Void(2, 0),
        Ack(1, 1),
        Ping(1),
    ]
    return own + [request(no, question) for no, question in enumerate(questions(town), 1)]


def test_the_matrix_has_every_frame_and_every_question(town: Town) -> None:
    assert {type(frame) for frame in every_frame(town)} | {Hello} == set(get_args(ClientFrame))
    assert {type(question) for question in questions(town)} == set(METHODS)


def test_the_right_device_is_heard(town: Town) -> None:
    """Else the tests below would prove nothing: each frame has an answer or an effect."""
    for frame in every_frame(town):
        link = next(town.links)
        town.turn(board(link, town.alice, town.alice.hello(), []))
        before = town.everything()
        answers = town.turn([Received(link, frame)]).get(link, Outgoing()).frames()
        if isinstance(frame, Request) and frame.method == "delete_account":
            assert answers == [Refused("account_gone", town.alice.connection_no)]
        elif isinstance(frame, Request):
            assert [answer.error for answer in answers if isinstance(answer, Response)] == [""]
        elif isinstance(frame, Ping):
            assert answers == [Pong(1)]
        else:
            assert town.everything() != before


Try = Callable[[Town, Sequence[ClientFrame]], tuple[list[Input], str]]


def nobody(town: Town, said: Sequence[ClientFrame]) -> tuple[list[Input], str]:
    stranger = Phone(f"http://{HOST}", 99, 99, Keys())
    return board(900, stranger, stranger.hello(), said), "unauthenticated"


def other_account(town: Town, said: Sequence[ClientFrame]) -> tuple[list[Input], str]:
    return board(900, town.bob, town.alice.hello(), said), "unauthenticated"


def own_device_of_other_account(town: Town, said: Sequence[ClientFrame]) -> tuple[list[Input], str]:
    return board(900, town.bob, town.bob.hello(account=town.alice.account), said), "unauthenticated"


def removed_device(town: Town, said: Sequence[ClientFrame]) -> tuple[list[Input], str]:
    return board(900, town.removed, town.removed.hello(), said), "device_removed"


def replaced_device(town: Town, said: Sequence[ClientFrame]) -> tuple[list[Input], str]:
    return board(900, town.replaced, town.replaced.hello(), said), "device_removed"


def pending_device(town: Town, said: Sequence[ClientFrame]) -> tuple[list[Input], str]:
    return board(900, town.pending, town.pending.hello(), said), "unauthenticated"


def wrong_signature(town: Town, said: Sequence[ClientFrame]) -> tuple[list[Input], str]:
    return board(900, town.alice, town.alice.hello(), said, lambda flight: bytes(64) + flight[64:]), "unauthenticated"


def other_host(town: Town, said: Sequence[ClientFrame]) -> tuple[list[Input], str]:
    elsewhere = replace(town.alice, url="http://other.example")
    return board(900, elsewhere, elsewhere.hello(), said), "unauthenticated"


def changed_on_the_way(town: Town, said: Sequence[ClientFrame]) -> tuple[list[Input], str]:
    """A middlebox puts frames behind a Hello that was signed without them."""
    hello = town.alice.hello()
    signature = town.alice.flight(hello)[:64]
    flight = open_flight(signature + frames.encode_message([hello, *said, Ping(9)]))
    boarded = Boarded(900, HOST, flight.signature, flight.message, flight.hello)
    return [boarded, *(Received(900, frame) for frame in flight.behind)], "unauthenticated"


def replayed(town: Town, said: Sequence[ClientFrame]) -> tuple[list[Input], str]:
    hello = town.alice.hello()
    town.turn(board(901, town.alice, hello, []))
    return board(900, town.alice, hello, said), "connection_number"


WRONG: list[Try] = [
    nobody,
    other_account,
    own_device_of_other_account,
    removed_device,
    replaced_device,
    pending_device,
    wrong_signature,
    other_host,
    changed_on_the_way,
    replayed,
]


@pytest.mark.parametrize("who", WRONG, ids=lambda who: who.__name__)
def test_no_frame_of_the_wrong_device_has_an_effect(town: Town, who: Try) -> None:
    for frame in [*every_frame(town), None]:
        said = [] if frame is None else [frame]
        inputs, reason = who(town, said)
        before = town.everything()
        turn = town.turn(inputs)
        assert turn.keys() == {900}
        assert [(type(told), told.reason) for told in turn[900].frames() if isinstance(told, Refused)] == [
            (Refused, reason)
        ]
        assert len(turn[900].frames()) == 1, "nothing is told"
        assert turn[900].close is not None
        assert town.everything() == before, "nothing changes"
        assert town.turn([Received(900, one) for one in said]) == {}, "and what comes later is not heard"


def test_no_frame_without_a_flight_has_an_effect(town: Town) -> None:
    before = town.everything()
    assert town.turn([Received(900, frame) for frame in every_frame(town)]) == {}
    assert town.everything() == before


def test_no_frame_of_a_link_that_a_newer_one_has_ended_has_an_effect(town: Town) -> None:
    town.turn(board(901, town.alice, town.alice.hello(), []))
    town.turn(board(902, town.alice, town.alice.hello(), []))
    assert town.turn([Received(902, Ping(1))])[901].close == FENCED
    before = town.everything()
    for frame in every_frame(town):
        assert town.turn([Received(901, frame)]) == {}
    assert town.everything() == before


def test_no_frame_of_a_device_that_was_removed_meanwhile_has_an_effect(town: Town) -> None:
    """Its link is open, and the router has not heard of the removal yet."""
    own = [frame for frame in every_frame(town) if not isinstance(frame, Ping)]
    for frame in own:
        link = next(town.links)
        town.turn(board(link, town.alice, town.alice.hello(), []))
        removed, town.alice = town.alice, town.join(ALICE)
        assert removed.account == town.alice.account
        before = town.everything()
        told = town.turn([Received(link, frame)])[link]
        if isinstance(frame, Request):
            error = "" if frame.method in ("phone", "account", "device") else "device_removed"
            assert [one.error for one in told.frames() if isinstance(one, Response)] == [error]
            told = town.turn([Removed((removed.device,))])[link]
            assert [type(one) for one in told.frames()] == [Refused]
        assert told.close is not None
        assert town.turn([Received(link, one) for one in own]) == {}
        assert town.everything() == before


# HTTP


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[MockServer]:
    async with MockServer(tmp_path / "data", limits=ServerLimits(rates={})) as running:
        yield running


def proof(of: Phone, keys: Keys, by: Keys) -> str:
    signed = b"onebar replace 1\0" + struct.pack(">QQ", *ids(of))
    signed += bytes(keys.signing.verify_key) + bytes(keys.box.public_key)
    return base64url(by.signing.sign(signed).signature)


def claim(of: Phone, keys: Keys, by: Keys, account: int = 0) -> dict[str, object]:
    return {"account": account or of.account, "device": of.device, "proof": proof(of, keys, by), **keys.body()}


async def refused(answer: Awaitable[Any]) -> str:
    response = await answer
    assert response.status_code in (403, 404), response.text
    name: str = response.json()["error"]
    return name


async def test_no_endpoint_takes_the_wrong_device(server: MockServer) -> None:
    alice, bob = await register(server, ALICE), await register(server, BOB)
    old, new = await register(server, CAROL), Keys()
    carol = await register(server, CAROL)
    path = "/v1/devices/replace"
    wrong = {
        "another account's key": claim(alice, new, bob.keys),
        "a device of another account": claim(bob, new, bob.keys, alice.account),
        "a removed device": claim(old, new, old.keys),
        "nobody": claim(Phone(server.url, 1, 1, new), new, new),
        "a proof for other keys": {**claim(alice, Keys(), alice.keys), **new.body()},
        "keys that were not signed": {**claim(alice, new, alice.keys), "key_signature": base64url(bytes(64))},
    }
    told = {who: await refused(post(server.url, path, body)) for who, body in wrong.items()}
    assert set(told.values()) == {"bad_proof", "not_found", "device_removed"}
    await post(server.url, "/v1/codes", {"phone": BOB})
    body = {"phone": ALICE, "code": server.sms(BOB), **new.body()}
    assert await refused(post(server.url, "/v1/devices", body)) in ("wrong_code", "code_expired")
    for phone in (alice, bob, carol):
        line = await phone.dial()
        assert isinstance(await line.next(), frames.Welcome), "nothing has changed for them"
        await line.close()


def test_every_endpoint_is_known_here_and_none_for_development_is_in_production() -> None:
    """A new endpoint has to be added to the test above, or to be for everybody."""
    public = {"/v1/codes", "/v1/devices", "/openapi.json"}
    guarded = {"/v1/devices/replace"}
    assert paths(development=True) == public | guarded | {"/dev/sms"}
    assert paths(development=False) == public - {"/openapi.json"} | guarded


def paths(*, development: bool) -> set[str]:
    def nothing(*_: object) -> None: ...

    engine = InlineEngine(ServerLimits())
    made = Registration(engine, Faults(), lambda: NOW_MS, lambda: b"seed", nothing, lambda: None, development)
    engine.connection.close()
    return {route.path for route in made.app().routes if isinstance(route, Route)}
