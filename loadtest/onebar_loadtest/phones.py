"""A virtual phone: the real SDK engine on a database in memory, behind a weak network of its own, without a thread."""

import asyncio
import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from onebar.config import Config
from onebar.core.engine import Engine
from onebar.core.link_states import LinkState
from onebar.core.records import Status
from onebar.core.turn import Dial, Input, Instant, MarkRead, NetworkChanged, Registered, Send, SetStanding, Turn
from onebar.crypto.kem import Kem
from onebar.crypto.keys import PeerKeys
from onebar.crypto.wrapping import KEY_BYTES, WrappingKey
from onebar.drivers.address import Address
from onebar.drivers.asyncio import Driver, Link, open_websocket
from onebar.drivers.endpoints import Endpoint, Endpoints
from onebar.drivers.websocket import Say
from onebar.errors import OnebarError, StoreError
from onebar.events import Event, MessageReceived
from onebar.models import Reach, Standing
from onebar.store import open_store
from onebar.store.database import IN_MEMORY
from onebar.testing import NetworkProfile, WeakNetwork, WeatherEvent
from onebar_loadtest.links import InsideLink
from onebar_loadtest.photos import Album

ONE_TIME_PREKEYS: Final = 20
"""One-time prekeys of a phone: it meets a few others, and 100 for each of thousands would take minutes."""

EVENTS_PER_PAGE: Final = 100
"""Events read at once."""

CONFIRM_S: Final = 10.0
"""How long an app waits before it confirms events, all at once: until then it knows by itself which it has had."""

CONSUMER: Final = "app"
"""As whom the app of a phone reads its events."""

READ_S: Final = 3.0
"""How long after a message the person looks at the chat, where people do, and accepts it if it is a request."""


class Witness(Protocol):
    """Who is told what a phone does."""

    def opened(self, took_s: float, *, first: bool) -> None:
        """A link was welcomed, `took_s` after its dial; `first` for the first one of its phone."""

    def reached_again(self, took_s: float) -> None:
        """A link works, `took_s` after an outage ended."""

    def happened(self, phone: "Phone", event: Event, at_s: float) -> None:
        """The app was told an event, at a time of the loop."""

    def looked(self, phone: "Phone", chat: str, at_s: float) -> None:
        """The person looks at all that has come in a chat, which is told to its author from now on."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where phones are: what all of a process share."""

    address: Address
    """The server."""
    to: tuple[str, int]
    """Its host and port, for the weak networks."""
    kem: Kem | None = None
    """ML-KEM, where it is to be used."""


class Phone:
    """One device and its app. Everything happens on the running loop."""

    def __init__(
        self,
        no: int,
        number: str,
        place: Place,
        profile: NetworkProfile,
        seed: int,
        witness: Witness,
        *,
        reads: bool = False,
        photos: Path | None = None,
    ) -> None:
        """Make the phone; it is off until `register`, or `wake`.

        Args:
            no: Its number among the phones of this process.
            number: Its phone number, E.164.
            place: Where the server is.
            profile: What its network is like.
            seed: Draws the weather.
            witness: Is told what happens.
            reads: Whether the person looks at what comes in, so that read receipts go out. A phone that nobody looks at
                does not probe its link every few seconds, as one does that shows a conversation.
            photos: Folder for its photos; None: there are none. With photos it accepts every chat at once, since the
                photos of a stranger are not fetched.
        """
        self.no, self.number = no, number
        self.reads = reads
        """Whether the person looks at what comes in, so that read receipts go out."""
        self.proxied = False
        """Whether its network is a TCP proxy, not one inside this process; set it before `register`."""
        self.network = WeakNetwork(profile, place.to, seed=seed)
        self.network.watch(self._weather_changed)
        self.back_s = 0.0
        """When the last outage of this phone ended, by the loop's clock; in the future while it lasts."""
        self.left = False
        """Whether its person takes no part any more."""
        self.links = 0
        """How many links were welcomed."""
        self._place, self._witness = place, witness
        self._address = place.address
        self._album = None if photos is None else Album(photos)
        self._loop = asyncio.get_running_loop()
        self._store = open_store(IN_MEMORY, vault=WrappingKey(os.urandom(KEY_BYTES), os.urandom))
        self._config = Config(host=place.address.host, one_time_prekeys=ONE_TIME_PREKEYS)
        if not reads:
            self._config = replace(self._config, attentive_s=())
        self._engine = Engine(self._store, os.urandom, self._config, place.kem)
        self._driver: Driver | None = None
        self._dialled: dict[int, float] = {}
        self._recovers_s: float | None = None
        self._shown: dict[str, int] = {}
        self._accepted: set[str] = set()
        self._reading: asyncio.TimerHandle | None = None
        self._told = 0  # the last event that the app was told
        self._confirming: asyncio.TimerHandle | None = None
        self._dark_until_s = 0.0

    def __repr__(self) -> str:
        """Show which one, never its number."""
        return f"<Phone {self.no}>"

    @property
    def awake(self) -> bool:
        """Whether it is on."""
        return self._driver is not None

    @property
    def online(self) -> bool:
        """Whether it is on and the server has welcomed it."""
        return self._driver is not None and self._engine.link.state is Reach.OPEN

    @property
    def registered(self) -> bool:
        """Whether it has an account."""
        return self._engine.device.status is Status.REGISTERED

    @property
    def dark(self) -> bool:
        """Whether nothing passes on its network now."""
        return self._loop.time() < self._dark_until_s

    @property
    def link_reason(self) -> str:
        """Why its last link ended."""
        return self._engine.link.reason

    def public_keys(self) -> PeerKeys:
        """Return what to register it with."""
        return self._engine.public_keys()

    async def register(self, account: int, device: int) -> None:
        """Switch on as this device, which the server knows.

        Raises:
            StoreError: The database failed.
            OSError: There is no address for the proxy.
        """
        if self.proxied or self._album is not None:  # files go over sockets, through the same network as the link
            await self.network.start()
            way = Endpoints([Endpoint(self.network.host, self.network.port)])
            self._address = replace(self._place.address, endpoints=way)
        else:
            self.network.begin()
        self._start()
        assert self._driver is not None
        await self._driver.submit(Registered(account, device, self.number))

    def say(self, number: str, text: str) -> asyncio.Future[object]:
        """Give a text to `send`; the future is its number, once it is committed, or an OnebarError."""
        if self._driver is None:
            refused: asyncio.Future[object] = self._loop.create_future()
            refused.set_exception(OnebarError("this phone is off"))
            return refused
        return self._driver.submit(Send(number, text))

    def show(self, number: str, text: str, photo: bytes) -> asyncio.Future[object]:
        """Give a photo with a caption to `send`; like `say`."""
        return asyncio.ensure_future(self._show_photo(number, text, photo))

    async def _show_photo(self, number: str, text: str, photo: bytes) -> object:
        assert self._album is not None
        try:
            file = await asyncio.to_thread(self._album.seal, photo)
        except OSError as error:
            raise OnebarError(f"a photo cannot be sealed: {error.strerror}") from error
        if self._driver is None:
            raise OnebarError("this phone is off")
        return await self._driver.submit(Send(number, text, file=file))

    def photo_of(self, message_no: int) -> bytes:
        """Return the photo that a message has brought."""
        assert self._album is not None
        return self._album.content(self._store.attachments.file(message_no))

    def text_of(self, message_no: int) -> str:
        """Return the text of a message in its database."""
        message = self._store.message(message_no)
        return "" if message is None else message.text

    async def sleep(self) -> None:
        """Switch off; what is committed stays."""
        driver, self._driver = self._driver, None
        self.back_s = float("inf")
        self._forget_reading()
        if driver is not None:
            await driver.close()
            self._confirm()

    async def leave(self) -> None:
        """Switch off, and take no part any more; `wake` ends that."""
        self.left = True
        await self.sleep()

    def wake(self) -> None:
        """Switch on again: the app starts from its database."""
        self.left = False
        if self._driver is None:
            self._engine = Engine(self._store, os.urandom, self._config, self._place.kem)
            self._ended_outage(self._loop.time())
            self._start()

    def hint(self) -> None:
        """Tell the engine that the network has changed, as a phone's system does."""
        if self._driver is not None:
            self._driver.tell(NetworkChanged())

    def blackout(self, lasts_s: float) -> None:
        """Let nothing pass for a time; connections stay."""
        self.network.blackout(lasts_s)
        self._begin_dark(lasts_s)

    def cut(self) -> None:
        """End every connection with a reset."""
        self._recovers_s = self._loop.time()
        self.back_s = self._recovers_s
        self.network.reset()

    def calm(self, profile: NetworkProfile) -> None:
        """Give it a good network for good: what a run settles on."""
        self.network.frozen_until_s = 0.0
        self.network.profile = profile
        if self.dark or not self.online:
            self._ended_outage(self._loop.time())
            self.hint()  # the others have a link that works: all at once would make a storm of it
        self._dark_until_s = 0.0

    async def close(self) -> None:
        """Switch off for ever."""
        await self.sleep()
        await self.network.close()
        self._store.close()

    def turn(self, inputs: Sequence[Input], now: Instant) -> Turn:
        """Take a turn of the engine, and watch what comes of it."""
        was_open = self._engine.link.state is Reach.OPEN
        turn = self._engine.turn(inputs, now)
        at_s = self._loop.time()
        if was_open and not self.dark and self._recovers_s is None and self._engine.link.state is not Reach.OPEN:
            self._recovers_s = at_s
        for output in turn.outputs:
            if isinstance(output, Dial):
                self._dialled[output.link_no] = at_s
        if self._dialled and self._engine.link.state is Reach.OPEN:
            self._welcomed(at_s)
        return turn

    def _welcomed(self, at_s: float) -> None:
        links = self._engine.links  # an older one may be open beside the one that was dialled
        opened = [link_no for link_no in self._dialled if links.get(link_no) is LinkState.OPEN]
        if not opened:
            return
        began_s = self._dialled[opened[-1]]
        self._dialled.clear()
        self.links += 1
        self._witness.opened(at_s - began_s, first=self.links == 1)
        if self._recovers_s is not None:
            self._witness.reached_again(at_s - self._recovers_s)
            self._recovers_s = None

    def _start(self) -> None:
        files = None if self._album is None else self._album.files
        self._driver = Driver(
            self, None, self._address, self._look, on_idle=bool, open_link=self._open_link, files=files
        )

    def _open_link(self, wish: Dial, address: Address, say: Say) -> Link:
        if not self.proxied:
            return InsideLink(self.network, wish, address, say)
        return open_websocket(wish, address, say)

    def _look(self) -> None:
        """Read the news, as an app does: every event once, and confirmed before long."""
        if self._driver is not None and self._driver.failed is not None:
            return
        while events := self._store.next_events(CONSUMER, EVENTS_PER_PAGE, self._told):
            at_s, self._told = self._loop.time(), events[-1].event_no
            if self._confirming is None:
                self._confirming = self._loop.call_later(CONFIRM_S, self._confirm)
            for event in events:
                self._witness.happened(self, event, at_s)
                if isinstance(event, MessageReceived):
                    if self._album is not None:
                        self._accept(event.chat)
                    if self.reads:
                        self._show(event)
            if len(events) < EVENTS_PER_PAGE:
                return

    def _confirm(self) -> None:
        if self._confirming is not None:
            self._confirming.cancel()
            self._confirming = None
            with contextlib.suppress(StoreError):  # they are confirmed with the next ones
                self._store.confirm_events(CONSUMER, self._told)

    def _show(self, event: MessageReceived) -> None:
        self._shown[event.chat] = event.message_no
        if self._reading is None:
            self._reading = self._loop.call_later(READ_S, self._read)

    def _read(self) -> None:
        driver, shown, self._shown, self._reading = self._driver, self._shown, {}, None
        if driver is None:
            return
        for chat, message_no in shown.items():
            self._witness.looked(self, chat, self._loop.time())
            self._accept(chat)
            driver.tell(MarkRead(chat, message_no))

    def _accept(self, chat: str) -> None:
        if chat not in self._accepted and self._driver is not None:
            self._accepted.add(chat)
            self._driver.tell(SetStanding(chat, Standing.ACCEPTED))

    def _forget_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _weather_changed(self, event: WeatherEvent) -> None:
        if event.lasts_s > 0:
            self._begin_dark(event.lasts_s)
        elif event.kind == "signal":
            self._signal()
        elif event.kind != "switch":
            self.back_s = self._loop.time()

    def _begin_dark(self, lasts_s: float) -> None:
        self._dark_until_s = max(self._dark_until_s, self._loop.time() + lasts_s)
        self.back_s = max(self.back_s, self._dark_until_s)
        self._loop.call_at(self._dark_until_s, self._signal)

    def _signal(self) -> None:
        if self._loop.time() >= self._dark_until_s > 0.0 and self.awake:
            self._dark_until_s = 0.0
            self._ended_outage(self._loop.time())
            self.hint()

    def _ended_outage(self, at_s: float) -> None:
        self.back_s = self._recovers_s = at_s
