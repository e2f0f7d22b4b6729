"""How long may a link be idle here before the network forgets it?

Address translators and firewalls drop connections that say nothing for a while: after 30 s on some mobile networks,
after hours on others (RFC 5382 asks for 2 h 4 min). A probe that comes too late finds a dead link; one that comes too
often wakes the radio for nothing. So each network's patience is learned, one step at a time, and remembered.
"""

import hashlib
from typing import Final, NamedTuple

import msgspec

STEPS_S: Final = (30.0, 60.0, 120.0, 240.0, 480.0, 900.0)
"""Idle times that are tried, in seconds. Twice the time halves the cost; beyond 15 minutes a probe costs 4 wake-ups an
hour, which no battery notices."""

RETRY_MS: Final = 24 * 60 * 60 * 1000
"""After this time a step that failed is tried once more: the link may have died of something else."""

NETWORKS_MAX: Final = 32
"""Networks remembered, the last used ones: home, work, the operator, and some travels."""

_NAME_BYTES: Final = 8


class Network(NamedTuple):
    """What is known of one network. Times in seconds; 0: nothing yet."""

    proven_s: float = 0.0
    """The longest idle time that a link has survived."""
    failed_s: float = 0.0
    """The shortest that one has not."""
    failed_at_ms: int = 0

    def interval_s(self, first_s: float, last_s: float, now_ms: int) -> float:
        """Return how long a link may be idle before it is probed.

        Args:
            first_s: The least; a network that is not known yet begins with it.
            last_s: The most.
            now_ms: The time.
        """
        bound_s = self.failed_s if self.failed_s and now_ms - self.failed_at_ms < RETRY_MS else float("inf")
        steps = [first_s, *(step_s for step_s in STEPS_S if first_s < step_s <= last_s)]
        allowed = [step_s for step_s in steps if step_s < bound_s] or steps[:1]
        longer = [step_s for step_s in allowed if step_s > self.proven_s]
        return longer[0] if longer else allowed[-1]

    def survived(self, idle_s: float) -> "Network":
        """Return what is known after a probe was answered."""
        if idle_s <= self.proven_s:
            return self
        failed = self.failed_s if self.failed_s > idle_s else 0.0
        return Network(idle_s, failed, self.failed_at_ms if failed else 0)

    def forgot(self, idle_s: float, now_ms: int) -> "Network":
        """Return what is known after a link had died while it was idle, and another could be opened at once."""
        proven_s = self.proven_s if self.proven_s < idle_s else 0.0
        return Network(proven_s, idle_s, now_ms)


class Networks:
    """What is known of all networks. Their names are kept as hashes: they say where somebody has been."""

    def __init__(self, encoded: bytes) -> None:
        self._known: dict[bytes, Network] = {}
        if encoded:
            rows = msgspec.msgpack.decode(encoded, type=list[tuple[bytes, float, float, int]])
            self._known = {name: Network(proven_s, failed_s, at_ms) for name, proven_s, failed_s, at_ms in rows}

    def __getitem__(self, name: str) -> Network:
        """Return what is known of a network."""
        return self._known.get(_hashed(name), Network())

    def changed(self, name: str, network: Network) -> bytes:
        """Note what was learned; return all of it, encoded, to be saved."""
        key = _hashed(name)
        self._known.pop(key, None)
        self._known[key] = network
        while len(self._known) > NETWORKS_MAX:
            del self._known[next(iter(self._known))]
        return msgspec.msgpack.encode([(key, *known) for key, known in self._known.items()])


def _hashed(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()[:_NAME_BYTES]
