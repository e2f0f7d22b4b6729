"""A bad network between any TCP client and server, in this process and without root.

    async with WeakNetwork(profile("edge"), ("127.0.0.1", 8080), seed=7) as network:
        connect_to(network.host, network.port)
        network.blackout(5)
        network.profile = profile("lte")

It delays bytes; it does not lose packets. So a kernel's own timers (TCP_USER_TIMEOUT, keepalive) never fire: its
packets are always acknowledged by this machine. And a connect succeeds at once, and only what comes after it takes as
long; but in a blackout, on Linux, a connect hangs until the kernel's next try after its end.
"""

import asyncio
import socket
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from types import TracebackType
from typing import Final, Self

from onebar.testing.door import BACKLOG, Door
from onebar.testing.forecast import WeatherEvent
from onebar.testing.inside import join
from onebar.testing.line import Line
from onebar.testing.pipe import rate_kbps
from onebar.testing.profiles import NetworkProfile
from onebar.testing.weather import Weather
from onebar.testing.weather_clock import Watcher, WeatherClock

KERNEL_BYTES_MIN: Final = 4096
"""Smallest receive buffer: with the default a client could 'send' 3.9 MB into a network that stands still."""

KERNEL_BYTES_MAX: Final = 256 * 1024
"""Largest: a fast network must not wait for this machine."""

KERNEL_S: Final = 0.02
"""A receive buffer holds this time at the network's rate."""

ADDRESSES: Final = 250
"""How many loopback addresses handovers take in turn, from 127.0.0.2 on; only Linux has them without being asked."""


@dataclass(slots=True)
class Figures:
    """What a network has carried since it began."""

    up_bytes: int = 0
    down_bytes: int = 0
    connections: int = 0
    """Dials, with the refused ones."""
    refused: int = 0
    resets: int = 0
    silenced: int = 0
    """Connections that died without a word."""


class WeakNetwork:
    """A TCP proxy with the weather of a profile. All of its connections share one radio: its rate and its blackouts."""

    def __init__(
        self,
        profile: NetworkProfile,
        to: tuple[str, int],
        *,
        seed: int = 0,
        scripted: Iterable[WeatherEvent] = (),
        listen: tuple[str, int] = ("127.0.0.1", 0),
    ) -> None:
        """Prepare a way from `listen` (port 0: any free one) to `to`; nothing is opened before `start`.

        Args:
            profile: What the network is like; may be changed at any time.
            to: Host and port of the server; the attribute may be changed for connections to come.
            seed: The same seed draws the same blackouts and fates; only the timing of the program adds chance.
            scripted: What happens besides, such as a `Timeline`; its seconds count from `start`.
            listen: Host and port where clients connect.
        """
        self.to = to
        self.figures = Figures()
        self.refusing = False
        """While set, connections are refused: cut by an RST before anything is forwarded."""
        self.frozen_until_s = 0.0
        self._listen = listen
        self.weather = Weather(profile, Random(seed), scripted)  # noqa: S311 - a simulation
        self._clock = WeatherClock(self.weather)
        self._clock.watch(self._happened)
        self._known_profile = profile
        self._lines: set[Line] = set()
        self._door: Door | None = None
        self._address_no = 0

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: The address cannot be listened on.
        """
        sock = socket.create_server(self._listen, backlog=BACKLOG)
        self._size(sock)
        self._door = Door(sock, lambda: Line(self).near)
        self._door.open()
        self.begin()

    def begin(self) -> None:
        """Let the time begin without listening: for clients inside this process, which use `enter`."""
        self._clock.start()

    def enter(self, client: asyncio.BaseProtocol) -> asyncio.Transport:
        """Connect a client inside this process, without a socket between it and the network.

        Its `connection_made` is called before this returns, and what it writes waits for the network.
        """
        return join(client, Line(self).near)

    async def dial(self, client: asyncio.BaseProtocol) -> asyncio.Transport:
        """Connect like `enter`, and return once the connection is there: in a blackout, after its end.

        Raises:
            ConnectionRefusedError: The network or the server lets nobody in.
        """
        line = Line(self)
        transport = join(client, line.near)
        try:
            await line.joined()
        except BaseException:
            transport.abort()
            raise
        return transport

    async def close(self) -> None:
        """Stop listening and cut every connection."""
        self._clock.stop()
        if self._door is not None:
            await self._door.close()
        lines = list(self._lines)
        for line in lines:
            line.cut()
        await asyncio.gather(*(line.over() for line in lines))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def host(self) -> str:
        """Where clients connect."""
        return self._listen[0]

    @property
    def port(self) -> int:
        """The port where clients connect; 0 before `start`."""
        return self._door.sock.getsockname()[1] if self._door and self._door.sock.fileno() >= 0 else 0

    @property
    def open_connections(self) -> int:
        """How many connections are there now, those that died without a word among them."""
        return len(self._lines)

    @property
    def profile(self) -> NetworkProfile:
        """What the network is like now. Set it to change it: what is under way arrives as it would have.

        A darkness of the profile ends with it; one that `blackout` began does not.
        """
        return self.weather.profile

    @profile.setter
    def profile(self, profile: NetworkProfile) -> None:
        now_s = self.now_s()
        self.weather.switch(profile, now_s)
        if self.frozen_until_s > now_s:
            self.weather.blackout(now_s, self.frozen_until_s - now_s)
        elif self._door is not None and not self.weather.dark(now_s):
            self._door.open()
        self._changed()
        self._clock.look()

    def blackout(self, lasts_s: float) -> None:
        """Let nothing pass for a time, both ways; connections stay."""
        self.frozen_until_s = max(self.frozen_until_s, self.now_s() + lasts_s)
        self.weather.blackout(self.now_s(), lasts_s)
        if self._door is not None:
            self._door.shut()
        self._clock.look()  # tells when it is over

    def handover(self, dark_s: float = 0.0) -> None:
        """Get another address: every connection dies without a word, new ones work after `dark_s`."""
        self._address_no += 1
        self.silence()
        if dark_s:
            self.blackout(dark_s)

    def silence(self) -> None:
        """Let every connection die without a word: half-open, as both ends think that it lives."""
        for line in list(self._lines):
            line.silence()

    def reset(self) -> None:
        """End every connection with an RST to both ends."""
        for line in list(self._lines):
            line.reset()

    def watch(self, watcher: Watcher) -> None:
        """Call for every event that the profile or the script brings: for hints to an app and for reports."""
        self._clock.watch(watcher)

    def now_s(self) -> float:
        """Return the seconds since `start`."""
        return self._clock.now_s()

    def call_at(self, at_s: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        """Call at a time of `now_s`."""
        return self._clock.call_at(at_s, call)

    def count(self, nbytes: int, up: bool) -> None:
        """Note that bytes came out."""
        if up:
            self.figures.up_bytes += nbytes
        else:
            self.figures.down_bytes += nbytes

    def began(self, line: Line) -> None:
        """Note a connection."""
        self._lines.add(line)
        self.figures.connections += 1

    def ended(self, line: Line, how: str) -> None:
        """Note that a connection was `refused`, `reset`, `silenced`, or is `gone`."""
        if how == "refused":
            self.figures.refused += 1
        elif how == "reset":
            self.figures.resets += 1
        elif how == "silenced":
            self.figures.silenced += 1
        else:
            self._lines.discard(line)

    async def connect(self, protocol: asyncio.BaseProtocol) -> asyncio.Transport:
        """Open a connection to the server, from the address of now.

        Raises:
            OSError: It cannot be reached.
        """
        loop = asyncio.get_running_loop()
        host, port = self.to
        failure: OSError = ConnectionRefusedError(f"no address for {host}")
        for family, kind, _, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            sock = socket.socket(family, kind)
            try:
                sock.setblocking(False)
                self._size(sock, up=False)  # before the connect: a window once offered is not taken back
                if self._address_no and address[0] == "127.0.0.1" and sys.platform == "linux":
                    sock.bind((f"127.0.0.{1 + self._address_no % ADDRESSES}", 0))
                await loop.sock_connect(sock, address)
                transport, _ = await loop.create_connection(lambda: protocol, sock=sock)
            except BaseException as error:
                sock.close()
                if not isinstance(error, OSError):
                    raise
                failure = error
            else:
                return transport
        raise failure

    def _size(self, sock: socket.socket, *, up: bool = True) -> None:
        kbps = rate_kbps(self.weather, up)
        wanted = KERNEL_BYTES_MAX if kbps is None else int(kbps * 125 * KERNEL_S)
        nbytes = min(max(wanted, KERNEL_BYTES_MIN), KERNEL_BYTES_MAX)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, nbytes)

    def _happened(self, event: WeatherEvent) -> None:
        if event.kind == "handover":
            self._address_no += 1
        if self._door is not None:
            if event.kind == "signal":
                self._door.open()
            elif event.lasts_s:
                self._door.shut()
        if self.weather.profile is not self._known_profile:
            self._changed()

    def _changed(self) -> None:
        self._known_profile = self.weather.profile
        for line in list(self._lines):
            line.redraw()
        if self._door is not None:
            self._size(self._door.sock)
