"""The developer drawer: a network whose weather is switched live, and what the SDK makes of it."""

from dataclasses import dataclass
from typing import Final

from onebar.testing import PROFILES, WeakNetwork, profile
from onebar_app.view_models.formats import size
from onebar_app.view_models.observable import Observable
from onebar_app.view_models.session import Session, now_ms

SHORT: Final = ("perfect", "lte", "3g", "edge", "2g", "tunnel", "commute", "lossy", "elevator", "offline")
"""Profiles that are offered first, as far as they are there."""

TUNNEL_S: Final = 20.0
"""How long the button for a tunnel lets nothing through."""


@dataclass(frozen=True, slots=True)
class Gauge:
    """One figure of the drawer."""

    name: str
    value: str


class Weather(Observable):
    """What lies between this app and its backend."""

    def __init__(self, network: WeakNetwork, name: str = "perfect") -> None:
        super().__init__()
        self.network = network
        self.name = name
        self.outbox = 0

    @property
    def names(self) -> list[str]:
        """The networks that can be chosen."""
        first = [name for name in SHORT if name in PROFILES]
        return first + [name for name in PROFILES if name not in first]

    @property
    def url(self) -> str:
        """Where the app finds the backend."""
        return f"http://{self.network.host}:{self.network.port}"

    def choose(self, name: str) -> None:
        """Have another network from now on.

        Raises:
            ValueError: There is none of this name.
        """
        self.network.profile = profile(name)
        self.name = name
        self.changed()

    def tunnel(self, lasts_s: float = TUNNEL_S) -> None:
        """Let nothing through for a time."""
        self.network.blackout(lasts_s)
        self.changed()

    def reset(self) -> None:
        """Cut every connection."""
        self.network.reset()
        self.changed()

    async def look(self, session: Session) -> list[Gauge]:
        """Return the figures as they are now."""
        self.outbox = len(await session.client.outbox())
        link, figures = session.client.link, self.network.figures
        dark_s = max(0.0, self.network.frozen_until_s - self.network.now_s())
        return [
            Gauge("link", link.sentence(now_ms())),
            Gauge("round trip", "–" if link.round_trip_ms is None else f"{link.round_trip_ms:.0f} ms"),
            Gauge("throughput", "–" if link.throughput_bps is None else f"{link.throughput_bps / 1000:.0f} kbit/s"),
            Gauge("outbox", str(self.outbox)),
            Gauge("bytes up", size(figures.up_bytes)),
            Gauge("bytes down", size(figures.down_bytes)),
            Gauge("connections", f"{figures.connections} ({self.network.open_connections} open)"),
            Gauge("dark for", f"{dark_s:.0f} s" if dark_s else "–"),
            Gauge("why it ended", link.reason or "–"),
        ]
