"""A raw client for the server's tests: websockets and frames, and none of the SDK's engine."""

import asyncio
import base64
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx
import msgspec
from nacl.public import PrivateKey
from nacl.signing import SigningKey
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from onebar.core import frames
from onebar.core.frames import (
    CaughtUp,
    ClientFrame,
    Hello,
    Recipient,
    Request,
    Response,
    ServerFrame,
    Submit,
    Unreadable,
)
from onebar.core.questions import METHODS, Question
from onebar_mockserver import MockServer
from onebar_mockserver.ports import Keys as PublicKeys

PATIENCE_S = 10.0

F = TypeVar("F")


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sealed(*recipients: tuple[int, Sequence[tuple[int, bytes]]]) -> msgspec.Raw:
    return msgspec.Raw(frames.encode([Recipient(account, tuple(envelopes)) for account, envelopes in recipients]))


def submit(out_no: int, *recipients: tuple[int, Sequence[tuple[int, bytes]]], floor: int = 0, flags: int = 0) -> Submit:
    return Submit(out_no, floor, flags, sealed(*recipients))


def request(no: int, question: Question) -> Request:
    return Request(no, METHODS[type(question)], msgspec.Raw(frames.encode(question)))


@dataclass
class Keys:
    """The key pair of a device, as it registers."""

    signing: SigningKey = field(default_factory=SigningKey.generate)
    box: PrivateKey = field(default_factory=PrivateKey.generate)

    def public(self) -> PublicKeys:
        box = bytes(self.box.public_key)
        return PublicKeys(bytes(self.signing.verify_key), box, self.signing.sign(b"onebar box key 1\0" + box).signature)

    def body(self) -> dict[str, str]:
        return {name: base64url(value) for name, value in self.public()._asdict().items()}


@dataclass
class Phone:
    """A registered device with its committed place."""

    url: str
    account: int
    device: int
    keys: Keys
    connection_no: int = 0
    epoch: int = 1
    cursor: int = 0
    floor: int = 0

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")

    def hello(self, **changes: Any) -> Hello:
        self.connection_no += 1
        values = {
            "account": self.account,
            "device": self.device,
            "connection_no": self.connection_no,
            "time_ms": 0,
            "epoch": self.epoch,
            "cursor": self.cursor,
            "floor": self.floor,
        }
        return Hello(**{**values, **changes})

    def flight(self, hello: Hello, behind: Iterable[ClientFrame] = ()) -> bytes:
        message = frames.encode_message([hello, *behind])
        signed = b"onebar link 1\0" + self.host.encode() + b"\0" + message
        return self.keys.signing.sign(signed).signature + message

    async def dial(self, *behind: ClientFrame, in_header: bool = True, **changes: Any) -> "Line":
        flight = self.flight(self.hello(**changes), behind)
        line = await Line.open(self.url, base64url(flight) if in_header else None)
        if not in_header:
            await line.take(frames.FlightWanted)
            await line.websocket.send(flight)
        return line


@dataclass
class Line:
    """An open link: sends frames, and hands out what came, in order."""

    websocket: ClientConnection
    waiting: list[ServerFrame] = field(default_factory=list)

    @classmethod
    async def open(cls, url: str, header: str | None) -> "Line":
        headers = {} if header is None else {"Onebar-Flight": header}
        websocket = await connect(
            url.replace("http", "ws") + "/v1/link",
            additional_headers=headers,
            compression=None,
            ping_interval=None,
            max_size=frames.MESSAGE_BYTES_MAX,
            proxy=None,
        )
        return cls(websocket)

    async def send(self, *said: ClientFrame) -> None:
        await self.websocket.send(frames.encode_message(said))

    async def ask(self, question: Question) -> Response:
        await self.send(request(1, question))
        return await self.until(Response)

    async def message(self) -> list[ServerFrame]:
        async with asyncio.timeout(PATIENCE_S):
            data = await self.websocket.recv(decode=False)
        decoded: list[ServerFrame] = []
        for frame in frames.decode_server(data):
            assert not isinstance(frame, Unreadable)
            decoded.append(frame)
        return decoded

    async def next(self) -> ServerFrame:
        while not self.waiting:
            self.waiting.extend(await self.message())
        return self.waiting.pop(0)

    async def take(self, kind: type[F]) -> F:
        frame = await self.next()
        assert isinstance(frame, kind), frame
        return frame

    async def until(self, kind: type[F]) -> F:
        while True:
            frame = await self.next()
            if isinstance(frame, kind):
                return frame

    async def closed(self) -> int:
        """Read to the end; return the closing code, 1006 for a cut."""
        try:
            while True:
                self.waiting.extend(await self.message())
        except ConnectionClosed as end:
            return 1006 if end.rcvd is None else end.rcvd.code

    async def close(self) -> None:
        await self.websocket.close()


async def post(url: str, path: str, body: object) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as http:
        return await http.post(url + path, json=body, timeout=PATIENCE_S)


async def register(server: MockServer, phone: str, keys: Keys | None = None) -> Phone:
    keys = keys or Keys()
    assert (await post(server.url, "/v1/codes", {"phone": phone})).status_code == 202
    answer = await post(server.url, "/v1/devices", {"phone": phone, "code": server.sms(phone), **keys.body()})
    assert answer.status_code == 200, answer.text
    return Phone(server.url, answer.json()["account"], answer.json()["device"], keys)


def to(phone: Phone, body: bytes) -> tuple[int, list[tuple[int, bytes]]]:
    return phone.account, [(phone.device, body)]


async def welcomed(phone: Phone) -> Line:
    line = await phone.dial()
    await line.until(CaughtUp)
    return line


def failing_disk(*_: object) -> None:
    raise sqlite3.OperationalError("disk")
