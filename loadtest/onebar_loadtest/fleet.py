"""All phones of one process, on one asyncio loop: what Locust's users drive, and what tests use without Locust."""

import asyncio
import gc
import random
from collections.abc import Coroutine
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from onebar.crypto.kem import find_kem
from onebar.crypto.keys import PeerKeys
from onebar.drivers.address import Address, parse_address
from onebar.testing import profile
from onebar_loadtest.crowd import Crowd
from onebar_loadtest.onlooker import Observe, Onlooker, ignore
from onebar_loadtest.phones import Phone, Place
from onebar_loadtest.photos import allow_sockets
from onebar_loadtest.record import Record
from onebar_loadtest.registering import Registrar
from onebar_loadtest.settings import REPLAY, Settings
from onebar_loadtest.shapes import Fault, shape
from onebar_loadtest.talk import GROUP_PEOPLE, Group, words

COMING_MAX: Final = 4
"""Phones that are made and registered at once, as many as the registrar has threads: more would only wait for one
another, and the loop would be late by what all of them take, 10 ms each."""

INTRODUCTIONS_S: Final = 50
"""First texts a second before times count. Each opens a session, which takes both phones 9 ms of CPU (measured): when
1,200 phones all began at once, the loop was late by up to half a second for the first ten."""

INTRODUCED_S: Final = 5.0
"""Longest wait for the last ones: some phones may be in a tunnel."""

LOOK_S: Final = 0.05
"""How often it is looked whether the last messages have arrived."""

SILENCE_S: Final = 5.0
"""When nothing has come for so long while a run settles, the phones concerned connect anew."""

TICKS_S: Final = 2.0
"""After the last message, the last ticks get this long."""

CROWD_CHARS: Final = 20
"""Length of what everybody writes at once."""

CALM: Final = profile("lte")
"""The network on which a run settles."""

GARBAGE_OBJECTS: Final = 10_000
"""So many new objects are there before Python looks for cycles among them: a millisecond's work, 15 times as seldom as
by default, when it took a twelfth of the phones' time (measured, 1,000 phones)."""

FROZEN_PHONES: Final = 50
"""After so many new phones, all objects are kept out of the garbage collector's sight: one look at a thousand phones
takes it 0.7 s (measured), and it looked every few seconds while they came."""

NUMBERS: Final = 1_000_000
"""Phone numbers of one process; which ones is drawn anew each time, so that runs on one server do not meet."""


class Fleet:
    """Makes phones, lets them talk, and accounts for what they said. Use it on the loop that made it."""

    def __init__(self, settings: Settings, server: str, observe: Observe = ignore, process: int = 0) -> None:
        """Prepare a fleet without phones.

        Args:
            settings: What the run is like.
            server: The server's URL.
            observe: Is told each time as it is taken.
            process: The number of this process, so that each has dice of its own.

        Raises:
            ValueError: A setting is wrong.
            InputError: The URL is wrong.
        """
        settings.check()
        self.settings = settings
        self.phones: list[Phone] = []
        self.onlooker = Onlooker(self.phones, observe)
        self.ledger = self.onlooker.ledger
        """What became of all that was said."""
        self._process = process
        self._garbage = gc.get_threshold()
        self._go = asyncio.Event()
        self._doors = asyncio.Semaphore(COMING_MAX)
        address = parse_address(server)
        own = address.endpoints.own
        to = own.host, own.port
        self._place = Place(address, to, find_kem() if settings.kem else None)
        self._registrar = Registrar(address, settings.code)
        self._profiles, self._workloads = settings.profiles(), settings.workloads()
        self._first_number = 2_000_000_000 + random.SystemRandom().randrange(8_000) * NUMBERS
        self._numbers = count()
        self.coming = 0
        """How many phones are being made and registered."""
        self._groups: list[Group] = []
        self._crowd = Crowd(settings.crowd)
        self._photos = self._dice("photos")
        self._folder = TemporaryDirectory(prefix="onebar-photos-") if settings.photos else None
        if self._folder is not None:
            allow_sockets()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to look; only accounting and times of first links count yet."""
        gc.set_threshold(GARBAGE_OBJECTS, *self._garbage[1:])
        self.onlooker.start(self._crowd)

    async def introduce(self) -> None:
        """Let people who will talk write to each other once, so that sessions are open when times begin to count.

        Raises:
            OSError: The server does not let the light devices in.
            RegisteringError: It refuses one of them.
        """
        loop = asyncio.get_running_loop()
        gc.freeze()
        for no, group in enumerate(self._groups):
            dice = self._dice(f"introductions {no}")
            for author, reader in group.introductions(dice):
                if author.awake:
                    self.say(author, reader, words(dice, CROWD_CHARS))
                    await asyncio.sleep(1 / INTRODUCTIONS_S)
        ends_s = loop.time() + INTRODUCED_S
        while self.ledger.waiting and loop.time() < ends_s:  # noqa: ASYNC110 - the phones that are dark have no event
            await asyncio.sleep(LOOK_S)
        await self._crowd.come(self.address, self.register)
        gc.freeze()

    def measure(self) -> None:
        """Let people talk and times count from now on."""
        self.onlooker.measuring = True
        self._go.set()
        self._run(self._crowd.talk(lambda at_s: shape(self.settings.shape).crowd_at(at_s / self.settings.run_s)))

    def everybody_is_there(self) -> bool:
        """Whether all phones are registered and were online once, or are in a tunnel."""
        return not self.coming and all(phone.links or phone.dark or not phone.registered for phone in self.phones)

    @property
    def address(self) -> Address:
        """The server."""
        return self._place.address

    async def register(self, keys: PeerKeys) -> tuple[int, int]:
        """Register a device that is no phone of the fleet; return (account, device).

        Raises:
            RegisteringError: The server refuses it.
        """
        return await self._registrar.register(f"+1{self._first_number + next(self._numbers)}", keys)

    async def add_phone(self) -> Phone:
        """Make a phone, register it, and switch it on; it is online as soon as its network lets it.

        Raises:
            RegisteringError: The server refuses it.
        """
        self.coming += 1
        try:
            async with self._doors:
                return await self._add_phone()
        finally:
            self.coming -= 1

    async def _add_phone(self) -> Phone:
        no = len(self.phones)
        number = f"+1{self._first_number + next(self._numbers)}"
        seed = self._dice(f"weather {no}").getrandbits(32)
        reads = self._dice(f"reader {no}").random() < self.settings.readers
        photos = None if self._folder is None else Path(self._folder.name) / str(no)
        phone = Phone(no, number, self._place, self._profiles.of(no), seed, self.onlooker, reads=reads, photos=photos)
        phone.proxied = self._dice(f"proxied {no}").random() < self.settings.proxied
        self.phones.append(phone)
        account, device = await self._registrar.register(number, phone.public_keys())
        await phone.register(account, device)
        if len(self.phones) % FROZEN_PHONES == 0:
            gc.freeze()
        return phone

    def take_part(self, phone: Phone) -> None:
        """Let a phone's person talk with others, as the workload says."""
        open_group = self._groups[-1] if self._groups else None
        if open_group is None or (len(open_group.people) >= GROUP_PEOPLE and self.settings.workload != REPLAY):
            no = len(self._groups)
            dice = self._dice(f"group {no}")
            open_group = Group(self._workloads.of(no), self.settings.every_s, dice, self.say)
            self._groups.append(open_group)
            self._run(self._talk(open_group))
        open_group.people.append(phone)

    async def _talk(self, group: Group) -> None:
        await self._go.wait()
        await group.talk()

    def say(self, author: Phone, reader: Phone, words: str) -> None:
        """Let a phone send a text to another one, or a photo now and then, and account for it."""
        self.onlooker.say(author, reader, words, photo=self._photos.random() < self.settings.photos)

    def strike(self, fault: Fault) -> None:
        """Let something happen to the phones; what happens to the server is not done here."""
        dice = self._dice(f"fault {fault.kind} {fault.at}")
        hit = [phone for phone in self.phones if phone.awake and dice.random() < fault.share]
        if fault.kind == "dark":
            for phone in hit:
                phone.blackout(fault.lasts * self.settings.run_s)
        elif fault.kind == "crowd":
            for phone in hit:
                reader = dice.choice(self.phones)
                if reader is not phone and reader.registered:
                    self.say(phone, reader, words(dice, CROWD_CHARS))

    def cut_links(self) -> None:
        """End all links at once, as when a server dies: for servers that are not ours to kill."""
        for phone in self.phones:
            phone.cut()

    async def hush(self) -> None:
        """Let nobody say anything any more."""
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    async def settle(self) -> None:
        """Give all phones a good network and wait until every message has arrived or ended.

        What has not when nothing came for `settle_s` is lost.
        """
        await self.hush()
        self.onlooker.settling = True
        loop = asyncio.get_running_loop()
        for phone in self.phones:
            if phone.registered:
                phone.calm(CALM)
                phone.wake()
        arrived, came_s, asks_s = -1, 0.0, 0.0
        while self.ledger.waiting > 0 or self._crowd.arrived < self._crowd.said:
            now_s, have = loop.time(), self.ledger.tally.delivered + self._crowd.arrived
            if have != arrived:
                arrived, came_s, asks_s = have, now_s, now_s + SILENCE_S
            elif now_s > came_s + self.settings.settle_s:
                break
            elif now_s > asks_s:  # a link may be dead although both ends think that it lives
                asks_s = now_s + SILENCE_S
                for no in self.ledger.waiting_phones():
                    self.phones[no].hint()
            await asyncio.sleep(LOOK_S)
        self.ledger.close_beside(self._crowd.said, self._crowd.arrived, self._crowd.wrong)
        await asyncio.sleep(min(TICKS_S, self.settings.settle_s))  # what comes twice comes in this time, too
        self.ledger.close()

    def take_record(self, process: str) -> Record:
        """Return what is new since the last time, with the tally so far under the name of this process."""
        return self.onlooker.take_record(process)

    async def close(self) -> None:
        """Switch everything off."""
        await self.hush()
        self._crowd.close()
        await self.onlooker.close()
        await asyncio.gather(*(phone.close() for phone in self.phones))
        self._registrar.close()
        if self._folder is not None:
            self._folder.cleanup()
        gc.unfreeze()
        gc.set_threshold(*self._garbage)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _dice(self, what: str) -> random.Random:
        return self.settings.dice(f"{self._process} {what}")
