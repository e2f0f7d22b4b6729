"""Every limit of the server, by name and with its reason (D10)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Final, NamedTuple

from msgspec import Meta

from onebar.core import frames
from onebar.core.rates import Rate

DAY_S: Final = 24 * 60 * 60
"""A day in seconds."""

WINDOW: Final = 64
"""Numbers a client may have unsettled: at 2 s of round trip it still allows 32 messages a second."""

RETENTION_S: Final = 30 * DAY_S
"""Age at which waiting mail is dropped: a phone may be away for a month (D8)."""

OUTBOX_S: Final = 30 * DAY_S
"""Announced outbox horizon: how long clients keep trying (D8)."""

MAILBOX_BYTES_MAX: Final = 8 * 1024 * 1024
"""Waiting mail of one device: 30 days of 400 short texts a day, with room to spare."""

STRANGER_BYTES_MAX: Final = 512 * 1024
"""Waiting mail of one sender whom the recipient never wrote to: a sixteenth of a mailbox (R25), 3,600 short texts."""

STRANGER_FREE_BYTES: Final = 32 * 1024
"""Waiting mail of a device up to which nobody's share is counted: phones that are connected seldom have so much."""

KNOWN_PAIRS_MAX: Final = 200_000
"""Pairs of accounts of which the server remembers, without looking, that one wrote to the other: 40 MB. Beyond it,
all are forgotten, and looked up again one by one."""

KEPT_ROWS_MAX: Final = 4_000
"""Rows of devices and accounts that a turn leaves to the next one: 2 MB. Beyond it, all are read again one by one."""

NOTES_BYTES_MAX: Final = 128 * 1024
"""Unsettled notes of one device: half a message, because each Welcome and Accepted carries all of them (R3)."""

TICK_RANGES_MAX: Final = 128
"""Ranges in one coalesced tick: about 1 kB encoded; a further range starts another entry."""

CREDIT_BYTES_MAX: Final = 64 * 1024
"""Unacknowledged entries on one link (R25): 26 s of a 20 kbit/s downlink."""

ENTRY_OVERHEAD_BYTES: Final = 40
"""What an entry costs beyond its body, on the wire and in the mailbox: seven integers and their tag."""

PAGE_ENTRIES_MAX: Final = 256
"""Entries fetched for one link in one turn, so that a full mailbox does not hold up the other links (R19)."""

TURN_INPUTS_MAX: Final = 256
"""Frames handled in one turn (R19): about 10 ms of work before the other links are served again."""

LINK_PENDING_MAX: Final = 512
"""Frames of one link that may wait for their turn; beyond it the server stops reading from that link."""

LINK_PENDING_BYTES_MAX: Final = 2 * frames.MESSAGE_BYTES_MAX
"""Bytes that may wait for their turn on one link; one message of the longest kind always fits."""

WRITE_BUFFER_BYTES_MAX: Final = 4 * frames.MESSAGE_BYTES_MAX
"""Unsent bytes for one link before it is closed as too slow: credit and verdicts together stay far below."""

BACKLOG: Final = 4096
"""Connections that may wait to be accepted: what Linux allows unless it is told otherwise. After a crash, phones wait
here for their turn, at no cost; beyond it they try again by TCP's own timer, after 1, 3 and 7 s."""

ACCEPTS_PER_STEP: Final = 8
"""Connections accepted before everybody else is served again: 15 ms of TLS handshakes."""

ACCEPT_AGAIN_S: Final = 1.0
"""Pause before the next try when no file can be opened: it may last, and costs a core otherwise."""

HEAD_S: Final = 10.0
"""Time for a request's head to arrive, so that half-open connections do not pile up."""

HANDSHAKE_S: Final = 30.0
"""Time for a TLS handshake: two round trips, of which the slowest networks take 10 s."""

FLIGHT_S: Final = 30.0
"""Time for the flight as first message: one more round trip, of which the slowest networks take 10 s."""

TURNED_AWAY_S: Final = 1.0
"""Time for the first bytes of a connection that may not be there: they are answered by 429, then it is closed."""

BODY_S: Final = 30.0
"""Time for a request's body to arrive, and for the rest of one that was answered before its end."""

STALLED_S: Final = 300.0
"""Time for an HTTP client to take some of an answer that waits for it. The slowest networks need a minute, for what the
system has in its buffers; without an end, who never reads would keep a connection and a file open for ever."""

BODY_BYTES_MAX: Final = 4096
"""Longest body of a registration request: the largest real one is 600 bytes."""

CLOSE_S: Final = 2.0
"""Time for the peer to answer a closing frame before the connection is cut."""

STOP_S: Final = 1.0
"""Time that a stopping server gives its links to close: the whole stop takes about 2 s."""

CODE_LIFE_S: Final = 600
"""Life of a registration code (§2)."""

CODE_TRIES: Final = 5
"""Tries for one code (§2): one in 200,000 to guess it."""

CODE_RESEND_S: Final = (60, 300, 3600)
"""Waits before a further code may be asked for (§2); the last one repeats. An SMS costs money and often comes late; and
tries are bounded by codes: 15 in the first six minutes, 5 an hour from then on, one hit in 7,000 days of guessing."""

CODES_FORGOTTEN_S: Final = DAY_S
"""A number to which no code went for a day after it might have begins anew, with the shortest wait."""

PIN_TRIES: Final = 10
"""Wrong PINs in a day from the first one on (§2): four digits are then guessed by one in a thousand a day, and the lock
holds while its owner is about."""

PIN_LOCK_S: Final = 7 * DAY_S
"""How long after a device of the account was last heard of its PIN protects the number (§2): a number that was given
up goes to somebody else, who must be able to use it."""

SEEN_EVERY_S: Final = 3600
"""How exactly it is known when a device was last heard of: to write it each time would cost; seven days are long."""

BLOCKS_MAX: Final = 1_000
"""Numbers that an account may block: more than anybody looks through, 16 kB in one answer."""

WITHHELD_MAX: Final = 1_000
"""Envelopes of a blocked account to one device of which it will hear that they expired; of more it hears nothing, and
its app ends them by itself (§7.5)."""

REPLACEMENTS_PER_DAY: Final = 100
"""Device ids that one account may get by `replace` in a day (UTC): a phone restored every 15 minutes. Ids live for ever
and need no code, so without a bound one phone could fill the database."""

ONE_TIME_MAX: Final = 200
"""One-time prekeys of a kind and a device: twice what one keeps here, so that a refill never fails by a few. With
ML-KEM they are 250 kB."""

PENDING_S: Final = DAY_S
"""Time that a new device may wait for its certificate: both are in one hand, and a phone may be off for a night."""

MAIL_MESSAGE_BYTES: Final = 8 * 1024
"""Length of a message beyond which the next frame begins another: it takes 3.3 s at 20 kbit/s. A client hears nothing
until a message is complete, and takes a link that is silent for 10 s for dead."""

LOGINS_PER_S: Final = 250
"""Phones that a stopping server asks back a second: half of what one core takes with TLS (`make bench-storm`: 2 ms a
login), since mail comes with them; if all have mail, three times as many come in the window's first third."""

GO_AWAY_MS_MIN: Final = 2_000
"""Shortest time over which clients spread their reconnects (R17): a restart takes 2 s, and none can succeed sooner."""

GO_AWAY_MS_MAX: Final = 30_000
"""Longest such time: no pause in the foreground is longer (D8), and a client waits no longer whatever it is told."""

LATE_MS: Final = 10_000
"""An ack that comes later is from a phone that may have been woken by a push meanwhile: it is back."""

SWEEP_ENTRIES_MAX: Final = 256
"""Entries dropped in one transaction of the sweep (R19)."""

SWEEP_EVERY_S: Final = 60.0
"""Time between sweeps: retention is counted in days, so a minute more does not matter."""

SIZES_EVERY_S: Final = 60.0
"""Age of the mailboxes' sizes in the metrics: finding them looks at every device's row."""

REOPEN_S: Final = 0.5
"""Pause before a database that failed is opened again."""


class RateLimit(NamedTuple):
    """A limit of how often something may be done, with its reason."""

    name: str
    rate: Rate
    holds_for: str
    why: str


RATE_LIMITS: Final = (
    RateLimit(
        "code_addresses", Rate(60, 30.0), "an IP address", "a school class registers at once; a robot does not go on"
    ),
    RateLimit(
        "code_numbers",
        Rate(12, 3600.0),
        "a phone number",
        "codes sent; to register ends the waits between them, and an SMS costs money each time",
    ),
    RateLimit("registrations", Rate(6, 30.0), "a phone number", "tries to register, with any code; Signal's size"),
    RateLimit(
        "messages",
        Rate(60, 1.0),
        "two accounts, one way",
        "more than anybody types, less than floods a phone; Signal's size",
    ),
    RateLimit(
        "first_contacts",
        Rate(60, 900.0),
        "an account",
        "accounts that never wrote back; of 1,350 real people one in a hundred wrote to more than 136 in half a year",
    ),
    RateLimit(
        "prekeys",
        Rate(6, 600.0),
        "an account and a device of another",
        "nobody can use up the one-time prekeys of a device, 100 of them; Signal's size",
    ),
    RateLimit(
        "bundles", Rate(1_000, 10.0), "an account", "a new phone with a thousand contacts; nobody collects keys of all"
    ),
    RateLimit(
        "lookups", Rate(500, 10.0), "an account", "a long address book; to try all numbers of a country takes centuries"
    ),
    RateLimit("devices", Rate(6, 120.0), "an account", "numbers of devices live for ever; Signal's size"),
    RateLimit("uploads", Rate(50, 1.2), "an account", "photos of a day at once; Signal's size"),
    RateLimit(
        "connections",
        Rate(500, 0.05),
        "an IP address, or the /64 of an IPv6 address",
        "a mobile network hides thousands of phones behind one address; loopback is not counted",
    ),
)
"""What may be done how often (docs/protocol.md §8, docs/hosting.md)."""

RATES: Final[Mapping[str, Rate]] = MappingProxyType({limit.name: limit.rate for limit in RATE_LIMITS})
"""The same by name, as `ServerLimits` takes them."""

CONNECTIONS_OPEN_MAX: Final = 5_000
"""Connections of one IP address that may be open at once, with those in their TLS handshake, loopback not counted: a
mobile network's phones behind one address, and a small part of the 65,536 files that hosting.md allows the server."""


WINDOW_MAX: Final = 4 * WINDOW
"""Largest window that can be set: beyond it the server does not recognise a second copy of a device (R16)."""

TIMES_S_MAX: Final = 3650 * DAY_S
"""Longest time that can be set: ten years; what is longer is a slip, and in milliseconds may not fit the database."""

MAILBOX_BYTES_SETTABLE_MAX: Final = 2**40
"""Largest mailbox that can be set: a terabyte is more than one database can serve."""

RATE_SIZE_MAX: Final = 1_000_000
"""Most that a rate can allow at once: more is no limit, which `rated` says better."""


HANDSHAKES_MAX: Final = 500
"""TLS handshakes of one IP address that may be under way at once, loopback not counted: as many as `connections` lets
in at once. One that is left half-open costs 53 kB (measured) until HANDSHAKE_S is over."""


@dataclass(frozen=True)
class ServerLimits:
    """The limits a test or an operator may set; the others are constants of this module."""

    window: Annotated[int, Meta(ge=1, le=WINDOW_MAX)] = WINDOW
    retention_s: Annotated[int, Meta(ge=1, le=TIMES_S_MAX)] = RETENTION_S
    outbox_s: Annotated[int, Meta(ge=1, le=TIMES_S_MAX)] = OUTBOX_S
    mailbox_bytes_max: Annotated[int, Meta(ge=1, le=MAILBOX_BYTES_SETTABLE_MAX)] = MAILBOX_BYTES_MAX
    rates: Mapping[str, Rate] = field(default_factory=lambda: RATES)
    """What may be done how often, by the names of RATE_LIMITS; what has no rate here is not limited."""

    def announced(self) -> frames.Limits:
        """Return what Welcome tells the client."""
        messages = self.rates.get("messages", Rate(0, 0.0))
        return frames.Limits(
            message_bytes_max=frames.MESSAGE_BYTES_MAX,
            submit_bytes_max=frames.SUBMIT_BYTES_MAX,
            window=self.window,
            retention_s=self.retention_s,
            outbox_s=self.outbox_s,
            mailbox_bytes_max=self.mailbox_bytes_max,
            messages_max=messages.size,
            messages_refill_ms=round(messages.refill_s * 1000),
        )


def go_away_ms(links: int) -> int:
    """Return within how many milliseconds this many links are asked to come back (R17)."""
    return min(max(links * 1000 // LOGINS_PER_S, GO_AWAY_MS_MIN), GO_AWAY_MS_MAX)
