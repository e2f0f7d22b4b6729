"""Bad networks by name: plain values that the simulator, the proxy, the app and the load test share."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Final

from onebar.testing.traces import Trace

CHANCES: Final = frozenset({"loss", "refuse", "duplicate_upgrade"})
"""The fields that are probabilities, 0 to 1."""

LOSS_MAX: Final = 0.5
"""More loss than this is a blackout: TCP's timer doubles with each loss, and nothing gets through within minutes."""

POSITIVE: Final = frozenset(
    {"up_kbps", "down_kbps", "blackout_every_s", "reset_every_s", "half_open_every_s", "handover_every_s"}
    | {"nat_timeout_s"}
)
"""The fields that are above zero, or None for never and unlimited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkProfile:
    """What a network does to what is sent over it. The default is a network that does nothing.

    Every `…_every_s` is the mean of an exponential distribution in seconds; None is never.

    Raises:
        ValueError: A field is out of its range; the text names the field, its value and the range.
    """

    name: str
    """What it is called in reports."""
    up_kbps: float | None = None
    """Rate from the phone to the server in kbit/s (1000 bits), headers included; None is unlimited."""
    down_kbps: float | None = None
    """Rate from the server to the phone in kbit/s."""
    up_trace: Trace | None = None
    """The rate over time from the phone to the server; it stands for `up_kbps`, which must then be None."""
    down_trace: Trace | None = None
    """The same for the other direction."""
    delay_ms: float = 0.0
    """Time on the way, one way, at least; a round trip has two. Where a source has two, their mean."""
    jitter_ms: float = 0.0
    """Mean of what is added to `delay_ms`, drawn exponentially: real round trips have a long tail to one side."""
    queue_ms: float = 200.0
    """Most that waits at the bottleneck, as time at the network's rate (bufferbloat)."""
    loss: float = 0.0
    """Chance that a packet is lost, each way, 0 to 0.5. TCP sends it again: seen as a stall, never as a gap."""
    blackout_every_s: float | None = None
    """Mean time with a signal between two blackouts."""
    blackout_lasts_s: float = 0.0
    """Mean length of a blackout; each lasts between half and one and a half times this."""
    reset_every_s: float | None = None
    """Mean life of a connection that ends with a TCP reset, as a box on the way sends it."""
    half_open_every_s: float | None = None
    """Mean life of a connection that dies silently: both ends think that it lives."""
    handover_every_s: float | None = None
    """Mean time until the phone gets another address: every connection dies silently, new ones work."""
    nat_timeout_s: float | None = None
    """A connection that is idle for longer dies silently; carriers forget after 30 s to 30 min."""
    refuse: float = 0.0
    """Chance that a dial is refused, 0 to 1."""
    duplicate_upgrade: float = 0.0
    """Chance that a box on the way sends the upgrade request of a dial twice, 0 to 1 (R15)."""
    captive_portal: bool = False
    """Whether every HTTP request is answered by a login page of the network."""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ValueError(f"name is {self.name!r}: a profile needs one for reports")
        for field in fields(self):
            value = getattr(self, field.name)
            if wanted := _fault(field.name, value):
                raise ValueError(f"{self.name}: {field.name} is {value!r}, must be {wanted}")
        if self.blackout_every_s is not None and self.blackout_lasts_s == 0:
            raise ValueError(f"{self.name}: blackout_every_s needs a blackout_lasts_s above 0")
        if (self.up_trace and self.up_kbps) or (self.down_trace and self.down_kbps):
            raise ValueError(f"{self.name}: a direction has a rate in kbit/s or a trace, not both")

    @property
    def round_trip_s(self) -> float:
        """Mean time there and back for a small packet on an idle network."""
        return 2 * (self.delay_ms + self.jitter_ms) / 1000


def _fault(field: str, value: object) -> str:
    """Say what a field must be, if it is not."""
    if field == "name":
        return ""
    if field.endswith("_trace"):
        return "" if value is None or isinstance(value, Trace) else "a Trace or None"
    if field == "captive_portal":
        return "" if isinstance(value, bool) else "True or False"
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    if field in POSITIVE:
        return "" if value is None or 0 < number < math.inf else "above 0, or None for never or unlimited"
    if field in CHANCES:
        high = LOSS_MAX if field == "loss" else 1.0
        return "" if 0 <= number <= high else f"from 0 to {high:g}"
    return "" if 0 <= number < math.inf else "0 or above"


def _named(*profiles: NetworkProfile) -> Mapping[str, NetworkProfile]:
    return MappingProxyType({each.name: each for each in profiles})


# Delay and mean jitter add up to the published one-way delay; where a source has one for each way, to their mean.
_LTE: Final = NetworkProfile(
    name="lte", down_kbps=12_000, up_kbps=12_000, delay_ms=30, jitter_ms=5, queue_ms=500, nat_timeout_s=900
)
_3G: Final = NetworkProfile(name="3g", down_kbps=780, up_kbps=330, delay_ms=90, jitter_ms=10, queue_ms=1000)

PROFILES: Final = _named(
    NetworkProfile(name="perfect"),
    # Apple Network Link Conditioner "Edge" (400 ms in, 440 out), WebPageTest "Edge" (RTT 840), ATC "Edge-Average".
    NetworkProfile(name="edge", down_kbps=240, up_kbps=200, delay_ms=390, jitter_ms=30, queue_ms=2000),
    # Facebook ATC "2G-DevelopingRural" and "2G-DevelopingUrban".
    NetworkProfile(name="2g-rural", down_kbps=20, up_kbps=18, delay_ms=600, jitter_ms=50, loss=0.02, queue_ms=4000),
    NetworkProfile(name="2g-urban", down_kbps=35, up_kbps=32, delay_ms=600, jitter_ms=50, queue_ms=4000),
    # Apple "3G", ATC "3G-Average" (100 ms each way). Lossy: 1 %, as Apple's and ATC's lossy variants.
    _3G,
    replace(_3G, name="3g-lossy", loss=0.01),
    # Chrome DevTools "3G" (formerly "Slow 3G") and "Slow 4G" (formerly "Fast 3G"): target round trips 400 and 150 ms.
    NetworkProfile(name="chrome-3g", down_kbps=400, up_kbps=400, delay_ms=200),
    NetworkProfile(name="chrome-slow-4g", down_kbps=1440, up_kbps=675, delay_ms=75),
    # WebPageTest "LTE" (RTT 70 ms); the spread as in the UCC 5G data set's drives (LTE: p10 74, p50 84, p90 101 ms).
    _LTE,
    # Apple "WiFi" (1 ms each way); loss as comcast's "WiFi".
    NetworkProfile(name="wifi", down_kbps=40_000, up_kbps=33_000, delay_ms=0.5, jitter_ms=0.5, loss=0.002),
    # Loadero "satellite" (600 ms there and back): a geostationary orbit.
    NetworkProfile(name="satellite", down_kbps=1000, up_kbps=256, delay_ms=295, jitter_ms=5, queue_ms=1000),
    # Apple "Very Bad Network".
    NetworkProfile(name="very-bad", down_kbps=1000, up_kbps=1000, delay_ms=500, loss=0.1),
    # The rest is this project's own: a published network, broken in one way each.
    replace(_LTE, name="tunnel", blackout_every_s=60, blackout_lasts_s=30),
    replace(_LTE, name="elevator", blackout_every_s=120, blackout_lasts_s=40, loss=0.02),
    replace(_3G, name="flapping", blackout_every_s=8, blackout_lasts_s=4),
    replace(_LTE, name="handover", handover_every_s=45),
    replace(_LTE, name="half-open", half_open_every_s=30, nat_timeout_s=60),
    replace(_LTE, name="cutting", reset_every_s=20, refuse=0.1),
    replace(_LTE, name="repeating-proxy", duplicate_upgrade=0.5, nat_timeout_s=60),
    replace(_LTE, name="captive", captive_portal=True),
)
"""Networks by name, with the published numbers of the source that the comment above each names."""


def profile(name: str) -> NetworkProfile:
    """Return the network of this name.

    Raises:
        ValueError: There is none; the text lists the names.
    """
    found = PROFILES.get(name)
    if found is None:
        raise ValueError(f"there is no network profile {name!r}; there are: {', '.join(PROFILES)}")
    return found
