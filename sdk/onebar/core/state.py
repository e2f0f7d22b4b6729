"""What a turn works on: the device, its links and timers. A cache of what is committed; dropped when in doubt."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec

from onebar.config import Config
from onebar.core.backoff import Entropy, fraction, pause_s
from onebar.core.copies import copier
from onebar.core.errands import Transfers
from onebar.core.frames import Stock
from onebar.core.link import Link
from onebar.core.link_states import LinkState, LinkTrigger
from onebar.core.liveness import Path
from onebar.core.ports import Store
from onebar.core.questions import AddDevice, Question
from onebar.core.rates import Rate
from onebar.core.records import Device, Status
from onebar.core.turn import Hang, Instant, Output
from onebar.crypto.kem import Kem
from onebar.crypto.keys import SEED_BYTES, DeviceKeys
from onebar.errors import StoreError

ASK_LATER_S_MIN: Final = 2.0
"""Pause before the server is asked again for what it does not have yet, such as the prekeys of a device that has just
registered: it publishes them within two round trips."""

ASK_LATER_S_MAX: Final = 30.0
"""The pause after some more tries: no pause in the foreground is longer (D8)."""

CLOCKS_APART_MS_MAX: Final = 60 * 60 * 1000
"""How far the phone's two clocks may have drifted apart since a Welcome: an hour does not matter after 30 days (R5)."""

_NEVER: Final = Instant(0.0, 0)


class Pause(NamedTuple):
    """Until when something waits, in monotonic seconds, for how long, and whether a limit of the server is why."""

    until_s: float
    pause_s: float
    limited: bool = False


@dataclass(slots=True)
class DeviceState:
    """One device in memory."""

    store: Store
    entropy: Entropy
    config: Config
    device: Device
    window: int
    """Most envelopes without a verdict at once: ours or the server's limit, whichever is less."""
    now: Instant = _NEVER
    links: dict[int, Link] = field(default_factory=dict)
    path: Path = field(default_factory=Path)
    """What was measured of the way to the server."""
    network: str = ""
    """The network that this phone is on, as the app has named it."""
    keepalive_s: float | None = None
    """How long a link may be idle on it; None: to be looked up."""
    caught_up_ms: int | None = None
    """When all mail that waited had come, the last time it had, by the phone's clock; None: not yet."""
    foreground: bool = True
    """Whether somebody may be looking at the app."""
    asleep: bool = False
    """Whether no link is wanted until somebody looks, or there is something to send."""
    confirmed: bool = False
    """Whether a Welcome has matched since the database was opened; nothing is sealed before (R20)."""
    why: str = ""
    """Why the last link ended, in plain words."""
    bare: bool = False
    """Whether to dial without the flight in the request, because something on this network spoils it."""
    unknown: bool = False
    """Whether the server said last that it does not know this device: it may be registered anew then (R21)."""
    failures: int = 0
    """Dials that failed in a row."""
    unwelcomed: int = 0
    """Dials since an answer came on any link: each makes the next one more patient."""
    dial_at_s: float = 0.0
    slot: tuple[float, float] | None = None
    """The slot that a GoAway gave, and the one that it would have given with mail waiting; both are `dial_at_s`."""
    slots_end_s: tuple[float, float] = (0.0, 0.0)
    """Until when the last GoAway has slots for devices with mail, and for the others."""
    replace_at_s: float = 0.0
    expire_at_s: float = 0.0
    repair_at_s: float | None = 0.0
    """When to look after the quarantine; None: it is empty."""
    outbox_s: int | None = None
    """The server's horizon for messages that wait; None before the first Welcome."""
    clock: tuple[int, float] | None = None
    """The server's time in ms at the last Welcome, and the monotonic time then; None before the first one."""
    kem: Kem | None = None
    """The provider of ML-KEM-768, if there is one."""
    stock: Stock | None = None
    """What the server holds of what we publish, as it said last; None before the first Welcome."""
    stock_at_s: float = 0.0
    """When it said so."""
    publish_due: bool = True
    """Whether to look what the server lacks of what we publish."""
    listed: bool = False
    """Whether the server has our certificate and prekeys: before that, nobody could open a word of ours."""
    postponed: dict[Question, Pause] = field(default_factory=dict)
    """What the server could not answer."""
    pace: Rate | None = None
    """How many envelopes for one other account the server takes; None: it did not say."""
    paces: dict[int, float] = field(default_factory=dict)
    """When each account's bucket at the server is full again, as far as we know, in monotonic seconds."""
    resting: dict[str, float] = field(default_factory=dict, repr=False)
    """Chats that wait for a limit, by phone number, and until when."""
    slow_until_s: float = 0.0
    """Until when the server wants no numbered envelope."""
    burst: int = 1 << 30
    """Most numbers on their way at once since it last said so; more than the window: it never did."""
    told: dict[str, float] = field(default_factory=dict)
    """Until when the app is not told again of a limit."""
    healing: dict[tuple[int, int], bool] = field(default_factory=dict)
    """Devices, as (account, device), that need a new session, and whether one was tried."""
    adding: dict[AddDevice, str] = field(default_factory=dict)
    """Devices that our user approved and the server has not given a number yet, or why it will not."""
    transfers: Transfers = field(default_factory=Transfers)
    """Files on their way."""
    orders: dict[Question, str | None] = field(default_factory=dict)
    """What our user wants of the server: None while it was not answered, else the error's name, empty for none."""
    blocks_due: bool = True
    """Whether to look for blocked numbers that the server does not know of."""
    outbox_due: bool = True
    """Whether the outbox may hold something that is not sealed yet: most turns need not look."""
    receipts_at_s: float = 0.0
    """When receipts may be told again: several are told at once."""
    indexing: bool = True
    """Whether there may be messages that are older than the full-text index, and not in it."""
    profiles_left: bool = False
    """Whether more devices are to be told of our profile than one turn has looked at."""
    poison: set[tuple[object, ...]] = field(default_factory=set)
    """What made a turn fail: it is set aside unseen the next time (R19). Shared by copies."""
    drawn: dict[int, int] = field(default_factory=dict)
    """The message ids drawn in this turn, by the identity of the call."""
    outputs: list[Output] = field(default_factory=list)
    news: bool = False

    def copy(self) -> "DeviceState":
        """Return a copy that does not change with this one."""
        twin = _copied(self)
        twin.links = {no: link.copy() for no, link in self.links.items()}
        twin.postponed = dict(self.postponed)
        twin.paces = dict(self.paces)
        twin.resting = dict(self.resting)
        twin.told = dict(self.told)
        twin.healing = dict(self.healing)
        twin.adding = dict(self.adding)
        twin.transfers = self.transfers.copy()
        twin.orders = dict(self.orders)
        twin.drawn = dict(self.drawn)
        twin.outputs = list(self.outputs)
        return twin

    @property
    def keys(self) -> DeviceKeys:
        """This device's keys."""
        return DeviceKeys(self.device.identity_seed, self.device.box_secret)

    @property
    def server_ms(self) -> int:
        """The time by the server's clock: exact once welcomed, whatever the phone's clock does; else the best guess."""
        if self.clock is not None:
            return self.clock[0] + round((self.now.monotonic_s - self.clock[1]) * 1000)
        return max(0, self.now.wall_ms + self.device.clock_offset_ms)

    @property
    def sure_ms(self) -> int | None:
        """The same where both clocks of the phone agree on it, else None: one may have stood still in a long sleep."""
        if self.clock is None:
            return None
        apart_ms = self.now.wall_ms + self.device.clock_offset_ms - self.server_ms
        return self.server_ms if abs(apart_ms) < CLOCKS_APART_MS_MAX else None

    @property
    def mail_waits(self) -> bool:
        """Whether something that was sent has no verdict yet."""
        return self.device.out_no > self.device.floor or bool(self.store.outbox.drafts(1))

    def change(self, **fields: object) -> None:
        """Change the device; the turn's transaction saves it."""
        self.device = msgspec.structs.replace(self.device, **fields)

    def postpone(self, question: Question, wait_s: float = 0.0) -> None:
        """Do not ask this again for a while: as long as the server says, or each time twice as long."""
        before = self.postponed.get(question)
        pause_s = ASK_LATER_S_MIN if before is None else min(2 * before.pause_s, ASK_LATER_S_MAX)
        self.postponed[question] = Pause(self.now.monotonic_s + max(wait_s, pause_s), pause_s, wait_s > 0)

    @contextmanager
    def contained(self, key: tuple[object, ...]) -> Iterator[None]:
        """Remember by this key what makes the turn fail, so that it can be set aside when the turn runs again (R19)."""
        try:
            yield
        except StoreError:
            raise  # that is the disk's fault
        except Exception:
            self.poison.add(key)
            raise

    def open_links(self) -> Iterator[Link]:
        """Go through the links that mail can go out on."""
        return (link for link in self.links.values() if link.state is LinkState.OPEN)

    def tell(self, kind: type, message_no: int | None = None, detail: str = "") -> None:
        """Append an event for the app."""
        self.store.events.add(kind.__name__, message_no, detail)
        self.news = True

    def drop(self, link: Link, trigger: LinkTrigger = LinkTrigger.LOST) -> None:
        """Be done with a link; dial again when none is left."""
        if self.links.pop(link.link_no, None) is None:
            return
        self.outputs.append(Hang(link.link_no))
        useful, before = link.useful_at(self.now.monotonic_s), link.state
        link.trigger(trigger)
        if before is LinkState.DIALING and trigger is LinkTrigger.TIMED_OUT:
            self.dial_at_s = self.now.monotonic_s  # nobody there to be spared: the next try is as good as a pause
        elif before is LinkState.OPEN and any(other.live for other in self.links.values()):
            pass  # the one beside it goes on
        else:
            slot_s = self.dial_at_s if before is LinkState.DRAINING else 0.0  # by GoAway it has its slot
            self._count(useful=useful)
            self.dial_at_s = slot_s or self.dial_at_s

    def after(self, link: Link) -> None:
        """Let a link that was of no use delay the next dial, also where another one has taken its place already."""
        self._count(useful=link.useful_at(self.now.monotonic_s))

    def _count(self, *, useful: bool) -> None:
        self.failures = 0 if useful else self.failures + 1
        now_s = self.now.monotonic_s
        left_s = self.slots_end_s[0 if self.mail_waits else 1] - now_s
        if left_s > 0:  # the server is not back yet: who came too early would come with all others once it is (R17)
            self.dial_at_s = now_s + left_s * fraction(self.entropy)
            self.slot = (self.dial_at_s, now_s)
        else:
            self.dial_at_s = now_s + self.pause_s()

    def hang(self, link: Link) -> None:
        """Be done with a link that another one makes needless."""
        del self.links[link.link_no]
        self.outputs.append(Hang(link.link_no))
        link.trigger(LinkTrigger.LOST)

    def drop_all(self) -> None:
        """Be done with all links, and dial none for now."""
        for link in list(self.links.values()):
            self.hang(link)

    def pause_s(self) -> float:
        """Draw the pause before the next try."""
        return pause_s(self.failures, self.config.backoff_s_min, self.config.backoff_s_max, self.entropy)


_copied: Final = copier(DeviceState)


def new_device(entropy: Entropy) -> Device:
    """Make the keys of a device that has no account yet."""
    return Device(
        status=Status.NEW,
        phone="",
        account=0,
        device=0,
        account_seed=entropy(SEED_BYTES),
        identity_seed=entropy(SEED_BYTES),
        box_secret=entropy(SEED_BYTES),
        next_identity_seed=b"",
        next_box_secret=b"",
        connection_no=0,
        epoch=0,
        cursor=0,
        floor=0,
        floor_hash=b"",
        out_no=0,
        clock_offset_ms=0,
    )
