"""A bad network of packets between real programs: two namespaces, and this process between them. It needs root.

    async with PacketNetwork(profile("3g-lossy"), seed=7) as network:
        server = await asyncio.create_subprocess_exec(*network.server.command("my-server", "--host", "0.0.0.0"))
        phone = await asyncio.create_subprocess_exec(*network.phone.command("my-app", network.server.address))
        network.handover()

Where a `WeakNetwork` delays bytes, this loses packets: the kernels' TCP of both ends retransmits, slows down and gives
up, and a handover takes the phone's address away.
"""

import asyncio
import math
import os
from collections.abc import Iterable
from contextlib import suppress
from random import Random
from types import TracebackType
from typing import Final, Self

from onebar.testing.forecast import WeatherEvent
from onebar.testing.namespaces import Namespace, obstacle
from onebar.testing.packets import PACKET_BYTES_MAX, PacketFigures, PacketLine
from onebar.testing.profiles import NetworkProfile
from onebar.testing.weather_clock import Watcher, WeatherClock

SERVER: Final = "10.77.0.1"
"""The server's address. Nobody else is in the two namespaces, so no address is taken."""

PHONES: Final = 250
"""How many addresses handovers take in turn, from 10.77.1.1 on."""

READS_MAX: Final = 64
"""Most packets that are read from one side before the other has its turn."""


class PacketNetwork:
    """Two namespaces, `phone` and `server`, with the weather of a profile between them. The programs are yours."""

    def __init__(
        self,
        profile: NetworkProfile,
        *,
        seed: int = 0,
        scripted: Iterable[WeatherEvent] = (),
        kill_sockets: bool = True,
    ) -> None:
        """Prepare a network; nothing is made before `start`.

        Args:
            profile: What the network is like; may be changed at any time.
            seed: The same seed draws the same weather; only the timing of the programs adds chance.
            scripted: What happens besides, such as a `Timeline`; its seconds count from `start`.
            kill_sockets: Whether a handover ends the phone's connections with ECONNABORTED, as Android does to apps;
                otherwise nobody tells them.

        Raises:
            ValueError: The profile has a box that reads HTTP; only a `WeakNetwork` does that.
        """
        self.line = PacketLine(profile, Random(seed), scripted)  # noqa: S311 - a simulation
        self.phone: Namespace
        """Where the phone's programs run."""
        self.server: Namespace
        """Where the server's programs run."""
        self._clock = WeatherClock(self.line.weather)
        self._clock.watch(self._happened)
        self._kill_sockets = kill_sockets
        self._address_no = 1
        self._timer: asyncio.TimerHandle | None = None
        self._attaching: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Make both namespaces and begin to carry packets.

        Raises:
            OSError: It cannot be done here; the text says what is missing.
        """
        if missing := obstacle():
            raise OSError(missing)
        self.server = Namespace(SERVER)
        try:
            self.phone = Namespace(self._phone_address())
        except BaseException:
            self.server.close()
            raise
        loop = asyncio.get_running_loop()
        loop.add_reader(self.phone.device, self._read, True)
        loop.add_reader(self.server.device, self._read, False)
        self._clock.start()

    async def close(self) -> None:
        """Carry nothing any more and take both devices away; programs that still run inside are on their own."""
        self._clock.stop()
        for timer in filter(None, (self._timer, self._attaching)):
            timer.cancel()
        for side in (self.phone, self.server):
            asyncio.get_running_loop().remove_reader(side.device)
            side.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def figures(self) -> PacketFigures:
        """What it has carried since it began."""
        return self.line.figures

    @property
    def profile(self) -> NetworkProfile:
        """What the network is like now. Set it to change it: what is under way arrives as it would have."""
        return self.line.weather.profile

    @profile.setter
    def profile(self, profile: NetworkProfile) -> None:
        self.line.switch(profile, self.now_s())
        self._clock.look()

    def blackout(self, lasts_s: float) -> None:
        """Lose every packet for a time, both ways."""
        self.line.weather.blackout(self.now_s(), lasts_s)
        self._clock.look()

    def handover(self, dark_s: float = 0.0) -> None:
        """Take the phone's address away; it gets another one after `dark_s`."""
        now_s = self.now_s()
        self.line.silence(now_s)
        if dark_s:
            self.blackout(dark_s)
        self._move(WeatherEvent(now_s, "handover", dark_s))

    def silence(self) -> None:
        """Let every connection die without a word: half-open, as both ends think that it lives."""
        self.line.silence(self.now_s())

    def reset(self) -> None:
        """End every connection with an RST to both ends."""
        self.line.reset(self.now_s())
        self._carry()

    def watch(self, watcher: Watcher) -> None:
        """Call for every event that the profile or the script brings: for hints to an app and for reports."""
        self._clock.watch(watcher)

    def now_s(self) -> float:
        """Return the seconds since `start`."""
        return self._clock.now_s()

    def _happened(self, event: WeatherEvent) -> None:
        if event.kind == "handover":
            self._move(event)

    def _move(self, event: WeatherEvent) -> None:
        if self._attaching is not None:
            self._attaching.cancel()  # a handover in the dark of another one
        else:
            self.phone.detach(kill_sockets=self._kill_sockets)
        self._address_no += 1
        self._attaching = self._clock.call_at(event.ends_s, self._attach)

    def _attach(self) -> None:
        self._attaching = None
        self.phone.attach(self._phone_address())

    def _phone_address(self) -> str:
        return f"10.77.1.{1 + (self._address_no - 1) % PHONES}"

    def _read(self, up: bool) -> None:
        device, now_s = (self.phone if up else self.server).device, self.now_s()
        for _ in range(READS_MAX):
            try:
                packet = os.read(device, PACKET_BYTES_MAX)
            except BlockingIOError:
                break
            if packet[0] >> 4 == 4:  # IPv6 looks for routers, and there are none
                self.line.send(packet, now_s, up=up)
        self._carry()

    def _carry(self) -> None:
        now_s = self.now_s()
        for up, side in ((True, self.server), (False, self.phone)):
            for packet in self.line.due(now_s, up=up):
                with suppress(OSError):  # somebody inside has taken the device down
                    os.write(side.device, packet)
        if self._timer is not None:
            self._timer.cancel()
        next_s = self.line.next_s()
        self._timer = None if next_s == math.inf else self._clock.call_at(next_s, self._carry)
