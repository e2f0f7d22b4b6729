"""Two phones and the real backend as processes: one phone and the backend are on two sides of a packet network."""

import asyncio
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Final

from onebar.testing import NetworkProfile, WeatherEvent, profile
from onebar.testing.packet_network import PacketNetwork
from onebar.testing.packets import PacketFigures
from tests.chaos.harness import PHONES, READY_S, Harness
from tests.chaos.ledger import Entry
from tests.chaos.schedule import Action
from tests.chaos.verdict import Verdict, judge

FAR: Final = "alice"
"""The phone whose network is bad; the other one is where the backend is."""

TEXTS: Final = 30
"""What each phone says: two texts a second, so that some are under way at every moment."""

PAUSE_S: Final = 0.5
"""Between two texts of a phone."""

TROUBLE_S: Final = 5.0
"""When something happens, from the first text on."""

SETTLING_S: Final = 90.0
"""How long the last texts may take: three of the longest retry pauses (DESIGN D8)."""


def nothing(network: PacketNetwork) -> None:
    """Leave a network as it is."""


@dataclass(frozen=True, slots=True)
class Case:
    """What a conversation meets."""

    name: str
    during: NetworkProfile
    trouble: Callable[[PacketNetwork], None] = nothing
    hint: bool = False
    """Whether the phone's system tells the app when there is a network again."""


CASES: Final = (
    Case("edge", profile("edge")),
    Case("3g-lossy", profile("3g-lossy")),
    Case("tunnel", profile("lte"), lambda network: network.blackout(10)),
    Case("half-open", profile("lte"), lambda network: network.silence()),
    Case("handover", profile("lte"), lambda network: network.handover(1.0), hint=True),
)
"""Networks that lose packets, and one event each that takes a connection away."""


@dataclass(frozen=True, slots=True)
class Crossed:
    """What came of a conversation."""

    verdict: Verdict
    p95_s: float
    """From a text's `send` until its sender knew that it was delivered."""
    recovery_s: float
    """From the network's return until all of before and the first text of after was delivered; 0: nothing happened."""
    carried: PacketFigures


class Crossing(Harness):
    """The chaos harness, with two namespaces where it has cutters."""

    def __init__(self, folder: Path, network: PacketNetwork) -> None:
        """Keep everything in this folder."""
        super().__init__(folder)
        self.host = network.server.address
        self.back_at_s: float | None = None
        self._network = network

    async def lay_way(self, name: str) -> None:
        """Do nothing: the network is there."""

    def server(self, name: str) -> str:
        """Return the server's URL."""
        return self.url

    def within(self, name: str) -> Callable[..., list[str]]:
        """Run the far phone beyond the network."""
        return (self._network.phone if name == FAR else self._network.server).command

    async def fetch(self, url: str) -> bytes:
        """Get a page of the backend, from where it is."""
        with ThreadPoolExecutor(1, initializer=self._network.server.enter) as inside:
            return await asyncio.get_running_loop().run_in_executor(
                inside, lambda: bytes(urllib.request.urlopen(url, timeout=READY_S).read())
            )

    async def meet(self, case: Case) -> None:
        """Let what happens happen."""

        def heard(event: WeatherEvent) -> None:
            if event.kind == "signal":
                self.back_at_s = self.now_s()
                if case.hint:
                    self._tell(FAR, do="hint")

        self._network.watch(heard)
        await asyncio.sleep(TROUBLE_S)
        case.trouble(self._network)
        if case.trouble is not nothing and not self._network.line.weather.dark(self._network.now_s()):
            self.back_at_s = self.now_s()  # nothing went dark: new connections work at once


async def cross(case: Case, folder: Path, seed: int) -> Crossed:
    """Hold a conversation and judge it. The phones register while the network is still good."""
    async with PacketNetwork(profile("perfect"), seed=seed) as network:
        crossing = Crossing(folder, network)
        try:
            await crossing.start()
            network.profile = case.during
            meeting = asyncio.create_task(crossing.meet(case))
            await crossing.run(talk(), [f"text {number}" for number in range(1, TEXTS + 1)])
            await meeting
            await crossing.settle(SETTLING_S)
            network.profile = profile("perfect")
            await crossing.stop()
            verdict = judge(crossing.ledger, {name: await crossing.history(name) for name in PHONES})
        finally:
            await crossing.close()
        entries = crossing.ledger.entries
        waits_s = [each.delivered_at_s - each.logged_at_s for each in entries if each.delivered_at_s is not None]
        p95_s = quantiles(waits_s, n=20)[18] if len(waits_s) > 1 else 0.0
        return Crossed(verdict, p95_s, recovery_s(entries, crossing.back_at_s), network.figures)


def talk() -> list[Action]:
    """Return who says something when: both phones in turn."""
    return [
        Action(PAUSE_S * (number + place / len(PHONES)), "tell", name, count=1)
        for number in range(TEXTS)
        for place, name in enumerate(PHONES)
    ]


def recovery_s(entries: list[Entry], back_at_s: float | None) -> float:
    """Return how long it took from the network's return until all of before and the first of after was delivered."""
    if back_at_s is None:
        return 0.0
    before = [each.delivered_at_s for each in entries if each.logged_at_s <= back_at_s]
    after = [each.delivered_at_s for each in entries if each.logged_at_s > back_at_s]
    first = min((each for each in after if each is not None), default=back_at_s)
    return max(each for each in (first, *before) if each is not None) - back_at_s
