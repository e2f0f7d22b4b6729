"""Onebar: this project's client and its backend, as shipped."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx

from benchmarks.weak.children import free_port, running
from benchmarks.weak.peers import Ears, Facts, Phone, Seat
from onebar import Client, MessageReceived
from onebar.events import AttachmentReceived
from onebar.models import Reach

FACTS: Final = Facts(
    name="onebar",
    made_of="onebar client, onebar-mockserver",
    encrypts="yes",
    fsyncs="yes: SQLite, synchronous=FULL",
    cannot="send a bare text: each carries its keys, its sender's number and a tick",
    photos="`send_file`: tus, resumed from the last byte, behind every text; fetched by Range, its hash checked",
)


def number(user: int) -> str:
    """Return the phone number of an account."""
    return f"+1202555{user:04d}"


class OnebarPhone:
    """An app that sends, and listens to `events()`."""

    def __init__(self, seat: Seat, ears: Ears) -> None:
        self._seat, self._ears = seat, ears
        self._url = f"http://127.0.0.1:{seat.port}"
        self._client = Client.open(seat.folder / f"onebar-{seat.user}.db", server=self._url)
        self._listening: asyncio.Task[None] | None = None
        self._photos = 0

    async def start(self) -> None:
        """Register and listen."""
        await self._client.start()
        await self._client.register(number(self._seat.user), code=self._code)
        self._listening = asyncio.create_task(self._listen())

    async def send(self, text: str) -> None:
        """Commit to the outbox."""
        await self._client.chat(number(self._seat.other)).send(text)

    async def send_photo(self, content: bytes) -> None:
        """Seal it into the outbox: it stands for a photo that was made small already."""
        self._photos += 1
        path = self._seat.folder / f"onebar-{self._seat.user}-{self._photos}.jpg"
        path.write_bytes(content)
        await self._client.chat(number(self._seat.other)).send_file(path)

    @property
    def online(self) -> bool:
        """Whether the link is open."""
        return self._client.link.state is Reach.OPEN

    def network_changed(self) -> None:
        """Pass the hint on."""
        self._client.network_changed()

    async def close(self) -> None:
        """Close the database, which ends the listening."""
        await self._client.close()
        if self._listening is not None:
            await asyncio.wait([self._listening])

    async def _listen(self) -> None:
        async for event in self._client.events():
            if isinstance(event, MessageReceived) and event.text:
                self._ears.text(event.text)
            elif isinstance(event, AttachmentReceived):
                self._ears.photo(await self._client.file(event.message_no).read())

    async def _code(self) -> str:
        async with httpx.AsyncClient() as http:
            sent = (await http.get(f"{self._url}/dev/sms", params={"phone": number(self._seat.user)})).json()
        return str(sent[-1]["code"])


class OnebarPeer:
    """The backend in a process of its own."""

    facts: Final = FACTS

    def missing(self) -> str:
        """Nothing: it is this project."""
        return ""

    @asynccontextmanager
    async def serving(self, folder: Path, *, photos: bool = False) -> AsyncIterator[int]:  # noqa: ARG002
        """Run `onebar-mockserver`; photos need nothing else."""
        port = free_port()
        command = ["env", "ONEBAR_RATED=false", sys.executable, "-m", "onebar_mockserver"]  # nobody else has rates
        command += ["--port", str(port), "--data", str(folder)]
        async with running("onebar-mockserver", command, port, folder):
            yield port

    def phone(self, seat: Seat, ears: Ears) -> Phone:
        """Make a phone."""
        return OnebarPhone(seat, ears)
