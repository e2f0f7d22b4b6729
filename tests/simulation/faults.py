"""Everything that can go wrong, as data: a schedule of faults is drawn from a seed, and may be cut short.

To add a fault: give it a kind and a sentence here, its share in `SHARES`, and the method that does it in `havoc.py`.
"""

import enum
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

DAY_S: Final = 86_400.0


class Kind(enum.StrEnum):
    """A kind of fault."""

    CRASH_BEFORE_COMMIT = "crash-before-commit"
    CRASH_IN_COMMIT = "crash-in-commit"
    CRASH_AFTER_COMMIT = "crash-after-commit"
    TORN_OUTPUTS = "torn-outputs"
    COMMIT_ERROR = "commit-error"
    DISK_FULL = "disk-full"
    CLOCK_STEP = "clock-step"
    SUSPEND = "suspend"
    NIGHT = "night"
    RESTORE = "restore"
    CLONE = "clone"
    REINSTALL = "reinstall"
    APP_KILLED = "app-killed"
    HINT = "hint"
    CUT = "cut"
    HALF_OPEN = "half-open"
    HANDOVER = "handover"
    BLACKOUT = "blackout"
    FLAPPING = "flapping"
    REPEATED_UPGRADE = "repeated-upgrade"
    STRIPPED_FLIGHT = "stripped-flight"
    LATE_UPGRADE = "late-upgrade"
    POISON = "poison"
    FORGED_REQUEST = "forged-request"
    FORGED_COPY = "forged-copy"
    SLOW_SERVER = "slow-server"
    GO_AWAY = "go-away"
    LOWER_LIMITS = "lower-limits"
    SMALL_MAILBOXES = "small-mailboxes"
    FAILED_BATCH = "failed-batch"
    WITHHELD = "withheld"
    REPLAYED = "replayed"
    SWAPPED_SENDER = "swapped-sender"
    REORDERED = "reordered"


SENTENCES: Final[dict[Kind, str]] = {
    Kind.CRASH_BEFORE_COMMIT: "a process dies in a turn, before its commit",
    Kind.CRASH_IN_COMMIT: "a process dies in a commit, which took effect or did not",
    Kind.CRASH_AFTER_COMMIT: "a process dies right after a commit, with everything said or nothing",
    Kind.TORN_OUTPUTS: "a process dies when only some of a turn's outputs have left",
    Kind.COMMIT_ERROR: "a commit fails, although it took effect or because it did not",
    Kind.DISK_FULL: "the disk has no room for a while",
    Kind.CLOCK_STEP: "the phone's clock jumps by seconds up to years",
    Kind.SUSPEND: "the phone sleeps for minutes or hours; its monotonic clock may stand still",
    Kind.NIGHT: "all phones are off for hours, days, or months",
    Kind.RESTORE: "the storage is replaced by an older image of it",
    Kind.CLONE: "an older image of a phone comes to life beside it",
    Kind.REINSTALL: "the app is installed anew on another phone: senders' device lists are stale",
    Kind.APP_KILLED: "the app dies before it stores an event's effect, or between that and confirming it",
    Kind.HINT: "the system says that the network has changed",
    Kind.CUT: "a connection breaks with messages on their way",
    Kind.HALF_OPEN: "a connection dies and one side never hears of it",
    Kind.HANDOVER: "the phone changes networks: old connections are dead and silent, new ones work",
    Kind.BLACKOUT: "nothing gets through for a while",
    Kind.FLAPPING: "the network is up for 10 s, cut, up again, for minutes",
    Kind.REPEATED_UPGRADE: "a middlebox repeats the upgrade request",
    Kind.STRIPPED_FLIGHT: "a middlebox drops the header of the first flight",
    Kind.LATE_UPGRADE: "an upgrade request arrives after a later one",
    Kind.POISON: "an envelope arrives damaged",
    Kind.FORGED_REQUEST: "a stranger asks for envelopes that were never meant for it",
    Kind.FORGED_COPY: "a stranger sends what only another device of the account may say",
    Kind.SLOW_SERVER: "the server needs seconds for each turn",
    Kind.GO_AWAY: "the server announces its end",
    Kind.LOWER_LIMITS: "the server restarts with lower limits",
    Kind.SMALL_MAILBOXES: "for a while the server has room for a few messages only in each mailbox",
    Kind.FAILED_BATCH: "an operation makes the server's transaction fail, perhaps again when it is tried alone",
    Kind.WITHHELD: "a malicious server withholds an envelope and hides the gap",
    Kind.REPLAYED: "a malicious server delivers an envelope twice",
    Kind.SWAPPED_SENDER: "a malicious server names another sender",
    Kind.REORDERED: "a malicious server exchanges two envelopes",
}
"""One sentence for each kind."""

AT_COMMIT: Final = frozenset(
    {
        Kind.CRASH_BEFORE_COMMIT,
        Kind.CRASH_IN_COMMIT,
        Kind.CRASH_AFTER_COMMIT,
        Kind.TORN_OUTPUTS,
        Kind.COMMIT_ERROR,
    }
)
"""These wait for the party's next commit."""

AT_MESSAGE: Final = frozenset(
    {Kind.CUT, Kind.HALF_OPEN, Kind.POISON, Kind.WITHHELD, Kind.REPLAYED, Kind.SWAPPED_SENDER, Kind.REORDERED}
)
"""These wait for the next message (of the right kind) on a link of the phone."""

AT_DIAL: Final = frozenset({Kind.REPEATED_UPGRADE, Kind.STRIPPED_FLIGHT, Kind.LATE_UPGRADE})
"""These wait for the phone's next dial."""

AT_WORK: Final = frozenset({Kind.APP_KILLED, Kind.FAILED_BATCH})
"""These wait until the app takes events, or the server judges what came."""

REJECTING: Final = frozenset({Kind.SMALL_MAILBOXES, Kind.FAILED_BATCH})
"""These make the server reject messages."""

ANEW: Final = frozenset({Kind.RESTORE, Kind.CLONE, Kind.REINSTALL})
"""After these a phone is no longer the device that it was: what it still had to say or hear may end visibly."""

MALICE: Final = frozenset({Kind.WITHHELD, Kind.REPLAYED, Kind.SWAPPED_SENDER, Kind.REORDERED})
"""Against these only this is promised: never wrong content, and every gap between messages can be seen."""

_LASTING: Final = frozenset(
    {
        Kind.DISK_FULL,
        Kind.RESTORE,
        Kind.CLONE,
        Kind.BLACKOUT,
        Kind.FLAPPING,
        Kind.SLOW_SERVER,
        Kind.GO_AWAY,
        Kind.SMALL_MAILBOXES,
    }
)

SERVER: Final = 0
"""The server as a party; phones are 1, 2, …"""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a schedule."""

    kind: Kind
    party: int
    at_s: float
    """When it happens, or from when on it waits for its commit, message or dial."""
    amount: float = 0.0
    """How long (seconds), how far, or, between 0 and 1, in which way."""
    nth: int = 0
    """At exactly this commit or message of the party, counted from 1; 0: at the first one after `at_s`."""

    @property
    def ends_s(self) -> float:
        """When it is over, where it takes effect or lasts for a while; sleep ends by itself."""
        return self.at_s + (self.amount if self.kind in _LASTING else 0.0)

    def __str__(self) -> str:
        """Name it in a line of a schedule."""
        who = "server" if self.party == SERVER else f"phone {self.party}"
        when = f"at number {self.nth}" if self.nth else f"from {self.at_s:.3f} s"
        return f"{self.kind.value:20} {who:9} {when:18} amount {self.amount:.3f}"


@dataclass(frozen=True, slots=True)
class Share:
    """How often a kind is drawn, for whom, and how large."""

    chance: float
    """In how many of the seeds it may occur at all: most seeds see a few kinds, some of them often."""
    times_max: int
    amounts: tuple[tuple[float, float], ...] = ((0.0, 1.0),)
    """Ranges to draw from."""
    server: bool = False
    phones: bool = True


_BOTH: Final = Share(0.25, 12, server=True)

SHARES: Final[dict[Kind, Share]] = {
    Kind.CRASH_BEFORE_COMMIT: _BOTH,
    Kind.CRASH_IN_COMMIT: _BOTH,
    Kind.CRASH_AFTER_COMMIT: _BOTH,
    Kind.TORN_OUTPUTS: _BOTH,
    Kind.COMMIT_ERROR: _BOTH,
    Kind.DISK_FULL: Share(0.06, 2, ((0.5, 30.0),), server=True),
    Kind.CLOCK_STEP: Share(0.12, 3, ((-100.0, 100.0), (-4e8, 4e8))),
    Kind.SUSPEND: Share(0.10, 2, (*3 * ((30.0, 300.0),), (600.0, 2 * 3600.0))),
    Kind.NIGHT: Share(0.03, 1, ((3600.0, 3 * DAY_S), (40 * DAY_S, 41 * DAY_S), (95 * DAY_S, 96 * DAY_S))),
    Kind.RESTORE: Share(0.06, 1, ((0.5, 30.0),), server=True),
    Kind.CLONE: Share(0.04, 1, ((0.0, 20.0),)),
    Kind.REINSTALL: Share(0.04, 1),
    Kind.APP_KILLED: Share(0.15, 6),
    Kind.HINT: Share(0.15, 10),
    Kind.CUT: Share(0.5, 20),
    Kind.HALF_OPEN: Share(0.3, 6),
    Kind.HANDOVER: Share(0.15, 4),
    Kind.BLACKOUT: Share(0.2, 3, ((1.0, 60.0),)),
    Kind.FLAPPING: Share(0.04, 1, ((60.0, 240.0),)),
    Kind.REPEATED_UPGRADE: Share(0.1, 4),
    Kind.STRIPPED_FLIGHT: Share(0.1, 4),
    Kind.LATE_UPGRADE: Share(0.1, 4, ((0.5, 20.0),)),
    Kind.POISON: Share(0.12, 4),
    Kind.FORGED_REQUEST: Share(0.06, 2),
    Kind.SLOW_SERVER: Share(0.06, 2, ((1.0, 30.0),), server=True, phones=False),
    Kind.GO_AWAY: Share(0.08, 2, ((0.1, 5.0),), server=True, phones=False),
    Kind.LOWER_LIMITS: Share(0.06, 1, server=True, phones=False),
    Kind.SMALL_MAILBOXES: Share(0.05, 2, ((0.5, 20.0),), server=True, phones=False),
    Kind.FAILED_BATCH: Share(0.08, 4, server=True, phones=False),
    Kind.WITHHELD: Share(0.02, 3),
    Kind.REPLAYED: Share(0.02, 3),
    Kind.SWAPPED_SENDER: Share(0.02, 3),
    Kind.REORDERED: Share(0.02, 3),
    Kind.FORGED_COPY: Share(0.06, 2),
}
"""How each kind is drawn. Everything that may change what is promised is rare, so that most seeds promise all."""


def draw_schedule(dice: random.Random, phones: int, from_s: float, until_s: float) -> tuple[Fault, ...]:
    """Draw the faults of a run: each seed sees some of the kinds only, so that none hides what another would show."""
    faults = []
    for kind, share in SHARES.items():
        if dice.random() >= share.chance:
            continue
        parties = [*([SERVER] if share.server else ()), *(range(1, phones + 1) if share.phones else ())]
        for _ in range(dice.randint(1, share.times_max)):
            amount = dice.uniform(*dice.choice(share.amounts))
            faults.append(Fault(kind, dice.choice(parties), round(dice.uniform(from_s, until_s), 3), round(amount, 3)))
    return in_order(faults)


def in_order(faults: Sequence[Fault]) -> tuple[Fault, ...]:
    """Return a schedule in the order in which it happens."""
    return tuple(sorted(faults, key=lambda fault: (fault.at_s, fault.nth)))
