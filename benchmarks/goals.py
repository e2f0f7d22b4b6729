"""What the figures must be, and which misses are known. Bytes are those of one WebSocket message, header included.

A goal that is missed makes its bench fail, unless it is excused here. ARCHITECTURE.md, "Figures", says the same in the
same words; a test compares the two.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Verdict(StrEnum):
    """How a figure stands against its goal."""

    MET = "met"
    EXCUSED = "missed, excused"
    MISSED = "MISSED"


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal: a figure is at most this."""

    bench: str
    """The bench that measures it."""
    key: str
    """The figure's name in the bench's last line and in its JSON."""
    at_most: float
    """The goal, in the figure's own unit."""
    excused: str = ""
    """Why the goal may be missed for now; empty: it may not."""
    excused_up_to: float = 0.0
    """The worst figure that the excuse covers, so that it hides no new fault."""

    def judge(self, value: float) -> Verdict:
        """Compare a measured figure with the goal."""
        if value <= self.at_most:
            return Verdict.MET
        if self.excused and value <= self.excused_up_to:
            return Verdict.EXCUSED
        return Verdict.MISSED


WEAK: Final = "bench-weak"
WEAK_PHOTOS: Final = "bench-weak-photos"
"""What `PHOTOS=1 make bench-weak` calls itself."""

WIRE: Final = "bench-wire"
SDK: Final = "bench-sdk"
SERVER: Final = "bench-server-quick"
SERVERS: Final = "bench-server"
SCALE: Final = "bench-scale"
CRYPTO: Final = "bench-crypto"
MEDIA: Final = "bench-media"
NETNS: Final = "netns"
STORM: Final = "bench-storm"
IDLE: Final = "bench-idle"

THREE_FRAMES: Final = (
    "A message is three frames each way: Submit, Deliver and the tick, and an answer to each. The prototype behind the"
    " goal had no ticks and kept no marks, notes or epochs. A tenth of the time is SQLite's own, for 11 statements a"
    " message at window 1, and a seventh the kernel's; the rest is Python between them."
)
"""Why a message costs the server more than the goal."""

MANY_LINKS: Final = (
    "Turns leave the rows of 2,000 devices to the next one, which made 100 links cheaper by a seventh and cannot help"
    " 10,000 that take turns; their rows lie in pages of their own besides, which each commit logs."
)
"""Why a message costs more where ten thousand links take turns."""

BEHIND: Final = (
    "Met on a quiet machine: equal first after handovers by p95, in 0.12 s as XMPP and Socket.IO. On busy cores a text,"
    " which is synced to three disks before its reader sees it, takes up to 48 ms more (p95) than with XMPP, which"
    " syncs none: more than the 20 ms or 5 % that count as equal."
)
"""Why another peer is first on some networks."""

KEM_MEMORY: Final = "The library that has ML-KEM (the extra `pq`) takes 9 MB; without it a client has 36."
"""Why an idle client is larger than the goal."""

BUSY: Final = (
    "Met on a quiet machine, with 36 and 132 µs where vodozemac takes 21 and 128 in the same run; on busy cores both"
    " take up to twice as long."
)
"""Why sealing may be slower than the goal."""

TRELLIS: Final = (
    "mozjpeg's trellis quantisation, which Pillow has not, saves most on smooth pictures: 1.28 × on a dusk of 22 kB,"
    " 1.01 to 1.10 × on the seven other photos. All eight together take 1.04 × the bytes, in a sixth of the time."
)
"""Why a JPEG is larger than WhatsApp's."""

GOALS: Final[tuple[Goal, ...]] = (
    Goal(WIRE, "short_text_up", 120),
    Goal(WIRE, "short_text_down", 125),
    Goal(WIRE, "ack", 12),
    Goal(
        WIRE,
        "tick",
        20,
        "A tick names the reader's account and device, whose numbers follow the time (R22) and take five bytes each.",
        21,
    ),
    Goal(WIRE, "rtt_to_ack", 1.2),
    Goal(WIRE, "rtt_to_ack_sealed", 1.2),
    Goal(
        WIRE,
        "rtt_to_ack_fresh",
        1.2,
        "A new process seals nothing before a Welcome shows that its database is no old copy (R20). What was sealed"
        " before leaves in the first flight; for the rest, the token kept outside backups will save the round trip.",
        2.4,
    ),
    Goal(
        SDK,
        "import_ms",
        110,
        "Met on a quiet machine, in 90 ms; other load on the same cores makes an import up to twice as long.",
        200,
    ),
    Goal(SDK, "idle_mb", 34, KEM_MEMORY, 50),
    Goal(SDK, "search_p99_ms", 20),
    Goal(WEAK, "lost", 0),
    Goal(WEAK, "duplicated", 0),
    Goal(WEAK, "reordered", 0),
    Goal(WEAK, "behind_in", 0, BEHIND, 2),
    Goal(WEAK, "tunnel_recovery_s", 1.21),
    Goal(WEAK, "handover_recovery_s", 1.5),
    Goal(WEAK, "half_open_recovery_s", 5),
    Goal(
        WEAK,
        "bytes_ratio",
        1,
        "MQTT and Socket.IO send the bare text, without encryption, sender or tick. XMPP, with receipts and"
        " unencrypted, takes almost three times Onebar's bytes.",
        3.6,
    ),
    Goal(WEAK_PHOTOS, "lost", 0),
    Goal(WEAK_PHOTOS, "duplicated", 0),
    Goal(WEAK_PHOTOS, "reordered", 0),
    Goal(WEAK_PHOTOS, "behind_in", 0, BEHIND, 2),
    Goal(
        WEAK_PHOTOS,
        "photos_lost",
        0,
        "At 18 kbit/s a photo of 60 kB takes 51 s by itself, and texts go first: two were still on their way when the"
        " bench ended its wait of 60 s. Of XMPP's four none had come; MQTT's and Socket.IO's four had, and texts stood"
        " behind them for a minute.",
        4,
    ),
    Goal(SERVER, "us_window1", 60, THREE_FRAMES, 250),
    Goal(SERVER, "us_window8", 30, "As for `us_window1`.", 110),
    Goal(SERVER, "idle_kb", 10),
    Goal(SERVERS, "us_window1", 60, THREE_FRAMES, 250),
    Goal(SERVERS, "us_window8", 30, "As for `us_window1`.", 110),
    Goal(SERVERS, "over_synced_window1", 1),
    Goal(SERVERS, "over_synced_window8", 1),
    Goal(SERVERS, "idle_kb", 10),
    Goal(SCALE, "links_ratio", 1.5),
    Goal(SCALE, "links_ratio_busy", 1.5, MANY_LINKS, 1.75),
    Goal(SCALE, "mail_ratio", 1.2),
    Goal(SCALE, "mail_ratio_busy", 1.2),
    Goal(CRYPTO, "chain_us", 40, BUSY, 90),
    Goal(CRYPTO, "dh_step_us", 135, "As for `chain_us`.", 280),
    Goal(CRYPTO, "added_bytes", 57),
    Goal(MEDIA, "jpeg_ratio", 1.04, TRELLIS, 1.09),
    Goal(MEDIA, "avif_ratio", 0.82),
    Goal(MEDIA, "resend_overhead_pct", 3),
    Goal(MEDIA, "text_p95_ratio", 2),
    Goal(NETNS, "lost", 0),
    Goal(NETNS, "duplicated", 0),
    Goal(NETNS, "reordered", 0),
    Goal(NETNS, "rtt_off", 10),
    Goal(NETNS, "rate_off", 10),
    Goal(NETNS, "loss_off", 6),
    Goal(STORM, "peak_over_mean", 3),
    Goal(STORM, "lost", 0),
    Goal(STORM, "duplicated", 0),
    Goal(STORM, "reordered", 0),
)
"""The goals of the design's budgets that these benches measure."""


def goal_of(bench: str, key: str) -> Goal | None:
    """Return the goal of a figure, if it has one."""
    return next((goal for goal in GOALS if (goal.bench, goal.key) == (bench, key)), None)
