"""One conversation, held by two phones of one peer over one network."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.report import BenchError
from benchmarks.weak.conversation import Line, Photo
from benchmarks.weak.ledger import Ledger, Outage
from benchmarks.weak.peers import Ears, Peer, Phone, Seat
from benchmarks.weak.weathers import Case
from onebar.testing import Timeline, WeakNetwork, WeatherEvent, profile

JOIN_S: Final = 90.0
"""Longest time to connect over a calm network; XMPP over 2G takes ten round trips of 1.3 s."""

SETTLE_S: Final = 0.5
"""Pause after the hellos, so that their acknowledgements are not cut off: that would be measured."""

DOUBLES_S: Final = 1.0
"""How long the bench looks for doubled texts after the last has come."""

LOOK_S: Final = 0.01
"""Pause between two looks."""

HELLO: Final = "0 hello"
"""What is sent over a perfect network first, so that no first contact is measured."""


@dataclass(frozen=True, slots=True)
class Held:
    """What one conversation showed."""

    peer: str
    case: str
    ledger: Ledger
    outages: tuple[Outage, ...] = ()
    up_bytes: int = 0
    down_bytes: int = 0
    dials: int = 0
    """Connections opened during the conversation, by both phones."""
    failure: str = ""
    """Why there was no conversation."""
    photos: Ledger = field(default_factory=Ledger)


@dataclass(slots=True)
class Talk:
    """One conversation while it is held."""

    case: Case
    script: Sequence[Line]
    pictures: Sequence[Photo]
    ledger: Ledger = field(default_factory=Ledger)
    photos: Ledger = field(default_factory=Ledger)
    hellos: int = 0
    networks: list[WeakNetwork] = field(default_factory=list)
    phones: list[Phone] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)

    @property
    def missing(self) -> int:
        """How much has not come."""
        return self.ledger.lost + self.photos.lost

    def hearer(self, recipient: int) -> Ears:
        """Return what a phone's app does with a text and a photo."""
        awaited = {photo.number: photo.content for photo in self.pictures if photo.sender != recipient}

        def hear(text: str) -> None:
            if text == HELLO:
                self.hellos += 1
            else:
                self.ledger.note_came(1 - recipient, text, time.monotonic())

        def see(content: bytes) -> None:
            number = int.from_bytes(content[:4], "big")
            if awaited.get(number) == content:  # a damaged one has not come
                self.photos.note_came(1 - recipient, f"{number} photo", time.monotonic())

        return Ears(hear, see)

    def watcher(self, network: WeakNetwork) -> Callable[[WeatherEvent], None]:
        """Return what notes the outages that the profile draws."""

        def watch(event: WeatherEvent) -> None:
            if event.kind == "blackout":
                began_s = time.monotonic() - (network.now_s() - event.at_s)
                self.outages.append(Outage(began_s, began_s + event.lasts_s))

        return watch


async def hold(
    peer: Peer,
    case: Case,
    port: int,
    users: tuple[int, int],
    script: Sequence[Line],
    photos: Sequence[Photo] = (),
    *,
    folder: Path,
    seed: int,
    settle_s: float,
) -> Held:
    """Let two phones talk; what goes wrong with a peer is part of what is returned."""
    talk = Talk(case, script, photos)
    async with AsyncExitStack() as stack:
        for place in range(2):
            network = WeakNetwork(profile("perfect"), ("127.0.0.1", port), seed=seed + place)
            talk.networks.append(await stack.enter_async_context(network))
            seat = Seat(users[place], users[1 - place], network.port, folder, bool(photos))
            phone = peer.phone(seat, talk.hearer(place))
            talk.phones.append(phone)
            stack.push_async_callback(phone.close)
        try:
            await join(talk)
        except TimeoutError:
            failure = f"not connected after {JOIN_S:.0f} s"
            return Held(peer.facts.name, case.name, talk.ledger, failure=failure, photos=talk.photos)
        return await converse(talk, peer.facts.name, settle_s)


async def join(talk: Talk) -> None:
    """Get acquainted over a perfect network, then connect again over the weak one."""
    async with asyncio.timeout(JOIN_S):
        for phone in talk.phones:
            await phone.start()
        await _all_online(talk)
        for phone in talk.phones:
            await phone.send(HELLO)
        while talk.hellos < len(talk.phones):
            await asyncio.sleep(LOOK_S)
        await asyncio.sleep(SETTLE_S)
        before = [network.figures.connections for network in talk.networks]
        for network in talk.networks:
            network.profile = talk.case.calm
            network.reset()
        while any(network.figures.connections == old for network, old in zip(talk.networks, before, strict=True)):
            await asyncio.sleep(LOOK_S)
        await _all_online(talk)


async def _all_online(talk: Talk) -> None:
    while not all(phone.online for phone in talk.phones):
        await asyncio.sleep(LOOK_S)


async def converse(talk: Talk, peer: str, settle_s: float) -> Held:
    """Play the script and the weather; wait until everything has come, or `settle_s` after the last text."""
    before = [
        (network.figures.up_bytes, network.figures.down_bytes, network.figures.connections) for network in talk.networks
    ]
    for network in talk.networks:
        network.watch(talk.watcher(network))
        network.profile = talk.case.during
    start_s = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for place in range(2):
            group.create_task(_speak(talk, place, start_s))
            group.create_task(_show(talk, place, start_s))
            group.create_task(_weather(talk, place, talk.case.timelines[place], start_s))
    try:
        async with asyncio.timeout(settle_s):
            while talk.missing:
                await asyncio.sleep(LOOK_S)
            await asyncio.sleep(DOUBLES_S)
    except TimeoutError:
        pass  # what has not come by now is lost
    end_s = start_s + talk.script[-1].at_s
    up, down, dials = (
        sum(after - old[which] for after, old in zip(figures, before, strict=True))
        for which, figures in enumerate(
            zip(
                *(
                    (network.figures.up_bytes, network.figures.down_bytes, network.figures.connections)
                    for network in talk.networks
                ),
                strict=True,
            )
        )
    )
    outages = tuple(outage for outage in talk.outages if outage.out_s < end_s)
    return Held(peer, talk.case.name, talk.ledger, outages, up, down, dials, photos=talk.photos)


async def _show(talk: Talk, place: int, start_s: float) -> None:
    for photo in talk.pictures:
        if photo.sender == place:
            await asyncio.sleep(max(0.0, start_s + photo.at_s - time.monotonic()))
            talk.photos.note_sent((place, photo.number), time.monotonic())
            await talk.phones[place].send_photo(photo.content)


async def _speak(talk: Talk, place: int, start_s: float) -> None:
    for line in talk.script:
        if line.sender == place:
            await asyncio.sleep(max(0.0, start_s + line.at_s - time.monotonic()))
            talk.ledger.note_sent((place, line.number), time.monotonic())
            await talk.phones[place].send(line.text)


async def _weather(talk: Talk, place: int, timeline: Timeline, start_s: float) -> None:
    network = talk.networks[place]
    for event in timeline:
        await asyncio.sleep(max(0.0, start_s + event.at_s - time.monotonic()))
        now_s = time.monotonic()
        talk.outages.append(Outage(now_s, now_s + event.lasts_s))
        if event.kind == "blackout":
            network.blackout(event.lasts_s)
        elif event.kind == "silence":
            network.silence()
        elif event.kind == "handover":
            network.handover(event.lasts_s)
            await asyncio.sleep(event.lasts_s)
            if talk.case.hint:
                talk.phones[place].network_changed()
        else:
            raise BenchError(f"a conversation knows no {event.kind}")
