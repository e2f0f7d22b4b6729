"""Misbehaving phones, so that a server's limits are seen to work: honest phones should not notice them."""

import asyncio
import contextlib
import os
import re
import time
from typing import Any, Final

import msgspec
from locust import User, constant, task
from locust.exception import StopUser
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from onebar.core.frames import (
    MESSAGE_BYTES_MAX,
    Accepted,
    Ack,
    Hello,
    Submit,
    Unreadable,
    Welcome,
    decode_server,
    encode_message,
    encode_recipients,
)
from onebar.core.resume import FLIGHT_HEADER, encode_header
from onebar.crypto.keys import SEED_BYTES, DeviceKeys, flight_to_sign
from onebar_loadtest.fleet import Fleet
from onebar_loadtest.onlooker import ROGUE
from onebar_loadtest.process import PhonesProcess
from onebar_loadtest.registering import RegisteringError

BODY_BYTES: Final = 1024
"""Length of what a flooding phone sends: random bytes, which nobody can open."""

BURST: Final = 16
"""Envelopes in one message of a flooding phone; the window takes 64 without a verdict."""

CONTACTS_S: Final = 0.1
"""A stranger writes to somebody new this often: hundreds in a minute."""

CALM_S: Final = 0.5
"""Pause after a refused connection, where the kind of misbehaviour is another one than reconnecting."""


class Rogue:
    """A device without an engine: it has keys, numbers and a socket, and no manners."""

    def __init__(self, fleet: Fleet) -> None:
        """Not registered yet."""
        self.keys = DeviceKeys(os.urandom(SEED_BYTES), os.urandom(SEED_BYTES))
        self.account = self.device = self.mark = self.out_no = 0
        self._fleet = fleet
        self._connection_no = 0

    async def register(self) -> None:
        """Get an account.

        Raises:
            RegisteringError: The server refuses.
        """
        self.account, self.device = await self._fleet.register(self.keys.public())

    async def connect(self) -> ClientConnection:
        """Connect and upgrade with a valid flight.

        Raises:
            OSError: There is no way to the server.
            WebSocketException: The server will not have it.
        """
        self._connection_no += 1
        now_ms = time.time_ns() // 1_000_000
        message = encode_message([Hello(self.account, self.device, self._connection_no, now_ms, 1, 0, self.mark)])
        address = self._fleet.address
        flight = self.keys.sign(flight_to_sign(address.host, message)) + message
        return await connect(
            address.link_url,
            additional_headers={FLIGHT_HEADER: encode_header(flight)},
            ssl=None if address.trust is None else address.trust.context,
            compression=None,
            proxy=None,
            ping_interval=None,
            close_timeout=0,
            max_size=MESSAGE_BYTES_MAX,
        )

    async def listen(self, connection: ClientConnection, *, acknowledge: bool) -> None:
        """Read until the connection ends, and note the verdicts."""
        async for data in connection:
            for frame in decode_server(data if isinstance(data, bytes) else b""):
                if isinstance(frame, Welcome | Accepted):
                    self.mark = max(self.mark, frame.mark)
                elif acknowledge and not isinstance(frame, Unreadable) and (seq := getattr(frame, "seq", 0)):
                    await connection.send(encode_message([Ack(1, seq)]))

    async def flood(self, to: "Rogue") -> None:
        """Send what nobody can open, as fast as the window lets it, until the connection ends."""
        connection = await self.connect()
        listening = asyncio.create_task(self.listen(connection, acknowledge=True))
        try:
            self.out_no = max(self.out_no, self.mark)
            while not listening.done():
                if self.out_no - self.mark >= BURST * 3:
                    await asyncio.sleep(0.001)
                    continue
                frames = [self._submit(to) for _ in range(BURST)]
                await connection.send(encode_message(frames))
        finally:
            listening.cancel()
            connection.transport.abort()
            await asyncio.gather(listening, return_exceptions=True)

    def _submit(self, to: "Rogue") -> Submit:
        self.out_no += 1
        sealed = encode_recipients([(to.device, os.urandom(BODY_BYTES))])
        return Submit(self.out_no, self.mark, 0, msgspec.Raw(sealed))


class RogueUser(User):
    """A misbehaving phone; the honest ones are not told."""

    abstract = True
    wait_time = constant(0)

    @task
    def session(self) -> None:
        """Misbehave, until Locust ends it."""
        process: PhonesProcess = self.environment.onebar.process
        with contextlib.suppress(RegisteringError):  # which is a limit that works
            process.bridge.run(self.misbehave(process.fleet))
        raise StopUser

    async def misbehave(self, fleet: Fleet) -> None:
        """Do it until cancelled."""
        rogue = Rogue(fleet)
        await rogue.register()
        while True:
            with contextlib.suppress(OSError, WebSocketException):
                await self.once(rogue, fleet)
            await asyncio.sleep(self.pause_s)

    pause_s = CALM_S
    """Pause before it is done again."""

    async def once(self, rogue: Rogue, fleet: Fleet) -> None:
        """Do it once, for as long as the server lets it."""


class FloodingUser(RogueUser):
    """Sends as fast as it can, to an accomplice."""

    async def once(self, rogue: Rogue, fleet: Fleet) -> None:
        """Flood."""
        accomplice = Rogue(fleet)
        await accomplice.register()
        await rogue.flood(accomplice)


class ReconnectingUser(RogueUser):
    """Connects, hangs up at the Welcome, and connects again, without a pause."""

    pause_s = 0.0

    async def once(self, rogue: Rogue, fleet: Fleet) -> None:  # noqa: ARG002 - it needs nobody else
        """Connect and hang up."""
        connection = await rogue.connect()
        try:
            await connection.recv()
        finally:
            connection.transport.abort()


class DeafUser(RogueUser):
    """Gets mail from an accomplice, and never acknowledges any."""

    async def once(self, rogue: Rogue, fleet: Fleet) -> None:
        """Listen without a word; the accomplice floods it."""
        accomplice = Rogue(fleet)
        await accomplice.register()
        flooding = asyncio.create_task(accomplice.flood(rogue))
        connection = await rogue.connect()
        try:
            await rogue.listen(connection, acknowledge=False)
        finally:
            flooding.cancel()
            connection.transport.abort()
            await asyncio.gather(flooding, return_exceptions=True)


class StrangerUser(RogueUser):
    """A real phone that writes to somebody new ten times a second."""

    async def misbehave(self, fleet: Fleet) -> None:
        """Write to everybody."""
        phone = await fleet.add_phone()
        for other in _over_and_over(fleet):
            if other is not phone and other.registered:
                phone.say(other.number, f"{ROGUE} you have won")
            await asyncio.sleep(CONTACTS_S)


def _over_and_over(fleet: Fleet) -> Any:
    number = 0
    while True:
        number += 1
        yield fleet.phones[number % len(fleet.phones)]


KINDS: Final[dict[str, type[RogueUser]]] = {
    "flooding": FloodingUser,
    "reconnecting": ReconnectingUser,
    "deaf": DeafUser,
    "strangers": StrangerUser,
}
"""Kinds of misbehaviour by name."""

_PART: Final = re.compile(r"(\d+)\s+(\S+)")


def rogue_classes(text: str) -> list[type[RogueUser]]:
    """Return Locust's user classes for "3 flooding, 2 deaf"; each has its fixed count.

    Raises:
        ValueError: It is not written like that.
    """
    classes = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        found = _PART.fullmatch(part)
        kind = KINDS.get(found[2]) if found else None
        if found is None or kind is None:
            raise ValueError(f"{part!r} is no kind of misbehaviour; write '3 flooding, 2 deaf' of: {', '.join(KINDS)}")
        kind.fixed_count = int(found[1])
        classes.append(kind)
    return classes
