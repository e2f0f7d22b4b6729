"""The whole system in one thread and in virtual time: phones, the backend, the networks between, and what befalls them.

A world is drawn from a seed: who lives in it, what they say, on which networks, and a schedule of faults. It runs, it
is left in peace, and in the end the checkers judge. The same seed gives the same run, event by event.
"""

import random
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from onebar.core.rates import Rate
from onebar.core.turn import Dial, Input, MessageArrived, Transmit, Turn
from onebar.testing import PROFILES, NetworkProfile
from onebar_loadtest.workloads import LONG_CHARS, WORKLOADS, Away, Say, Script
from onebar_mockserver.limits import RATES, ServerLimits
from tests.simulation import havoc, profiles, verdict
from tests.simulation.app import Saying
from tests.simulation.backend import Server
from tests.simulation.checkers import Checks
from tests.simulation.clock import Clock
from tests.simulation.faults import ANEW, MALICE, Fault, Kind, draw_schedule
from tests.simulation.files import Blobs
from tests.simulation.party import Party
from tests.simulation.phone import Image, Phone
from tests.simulation.trace import Trace

JOINED_S: Final = 3.0
"""By this time everybody has registered and has a link, if nothing goes wrong."""

AFTERMATH_S: Final = 5.0
"""How long the world goes on after the last fault before peace is made."""

RATED_SHARE: Final = 1 / 3
"""Share of the worlds in which the server's rates are low."""

PEACE: Final = NetworkProfile(name="peace", delay_ms=40)
"""The network in the end."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a run depends on."""

    seed: int
    phones: int
    window: int
    profile: NetworkProfile
    script: Script
    seconds: float
    faults: tuple[Fault, ...]
    reads: float = 0.0
    """Which share of what comes in is shown to its reader at once, so that its author is told."""
    files: float = 0.0
    """Which share of what is said brings a file."""


def draw_plan(seed: int, *, files: float = 0.0) -> Plan:
    """Draw a run from a seed; the share that brings files changes nothing else of it."""
    dice = random.Random(f"{seed} plan")
    phones = dice.choices((2, 3, 4, 5, 6, 7, 8), weights=(50, 25, 10, 6, 4, 3, 2))[0]
    seconds = dice.choice((1.0, 8.0, 30.0, 90.0))
    messages = dice.randint(3, 20)
    workload = WORKLOADS[dice.choice(list(WORKLOADS))]
    network = PROFILES[dice.choice(list(PROFILES))] if dice.random() < 0.6 else PEACE
    script = workload(dice, phones, messages, seconds)
    faults = draw_schedule(dice, phones, JOINED_S, JOINED_S + seconds + 10)
    window, reads = dice.choice((1, 2, 8, 64)), dice.choice((0.0, 0.3, 1.0))
    return Plan(seed, phones, window, network, script, seconds, faults, reads, files)


def draw_rates(seed: int) -> Mapping[str, Rate]:
    """Draw what may be done how often: in one world of three so little that everybody meets limits."""
    dice = random.Random(f"{seed} rates")
    if dice.random() > RATED_SHARE:
        return RATES
    return {
        **RATES,
        "messages": Rate(dice.choice((1, 2, 5)), dice.choice((0.5, 3.0))),
        "lookups": Rate(1, 2.0),
        "prekeys": Rate(2, 20.0),
        "first_contacts": Rate(1, 15.0),
    }


class World:
    """One run."""

    def __init__(self, plan: Plan, *, keep_all: bool = False, early: tuple[Fault, ...] = ()) -> None:
        self.plan, self.seed, self.window, self.profile = plan, plan.seed, plan.window, plan.profile
        self.dice = random.Random(f"{plan.seed} world")
        self.entropy = random.Random(f"{plan.seed} entropy").randbytes
        self.reading = random.Random(f"{plan.seed} reading")
        self.clock = Clock()
        self.trace = Trace(keep_all=keep_all)
        self.checks = Checks(self)
        self.crashes = self.cuts = 0
        self.fired_kinds: Counter[Kind] = Counter()
        self.touched: dict[Kind, set[int]] = {}
        """Whom each kind of fault happened to, as numbers of parties."""
        self.wire_numbers = iter(range(1, 10**9))
        self.server = Server(self, ServerLimits(rates=draw_rates(plan.seed)))
        self.blobs = Blobs()
        self.troubled = True
        """Whether requests for files fail at random."""
        self.numbers = [f"+1202555{101 + no:04}" for no in range(plan.phones)]
        self.phones = [Phone(self, no + 1, f"phone {no + 1}", number) for no, number in enumerate(self.numbers)]
        self.retired: list[Phone] = []
        self.further: list[Phone] = []
        """Second phones of people, beside those in `phones`."""
        self.sayings: dict[str, Saying] = {}
        self.opened: dict[int, set[str]] = {no: set() for no in range(plan.phones)}
        """What each person has ever opened, on any phone."""
        self.orphans: set[str] = set()
        """What was said on a phone whose memory of it is lost."""
        self.shown: set[str] = set()
        """What an app has ever shown its user."""
        self.marked: set[str] = set()
        """What of it is certain to be in a database."""
        self.cancelled: set[str] = set()
        """Sayings with files that their senders gave up, or tried to."""
        self.names: dict[int, set[str]] = {}
        """What people have ever called themselves."""
        self.last_said_s = 0.0
        havoc.plan(self, early)  # before anybody joins; the plan's own faults wait until all have joined
        for phone in self.phones:
            phone.register()

    @property
    def in_use(self) -> list[Phone]:
        """All phones that somebody uses."""
        return [*self.phones, *self.further]

    def note(self, party: str, what: str, *details: object) -> None:
        """Add an event to the trace."""
        self.trace.note(self.clock.now_s, party, what, *details)

    def fired(self, fault: Fault, party: Party) -> None:
        """Note that a fault happens."""
        self.fired_kinds[fault.kind] += 1
        self.touched.setdefault(fault.kind, set()).add(party.no)
        self.note(party.name, "FAULT", fault.kind.value, fault.amount)

    def run(self) -> None:
        """Run the plan, make peace, and judge.

        Raises:
            ViolationError: Something that must hold does not.
            SpinningError: The system keeps itself busy.
        """
        self.clock.run_until(JOINED_S)
        havoc.plan(self, self.plan.faults)
        profiles.plan(self, JOINED_S, self.plan.seconds)
        self._play(self.plan.script)
        ends_s = max(JOINED_S + self.plan.seconds, *(fault.ends_s for fault in self.plan.faults), 0.0) + AFTERMATH_S
        self.clock.run_until(ends_s)
        while ends_s < self._all_awake_s():
            ends_s = self._all_awake_s()
            self.clock.run_until(ends_s + 1)
        self._make_peace()
        verdict.judge(self)

    def _all_awake_s(self) -> float:
        return max(phone.asleep_until_s for phone in [*self.in_use, *self.retired])

    def _play(self, script: Script) -> None:
        for step in script:
            at_s = JOINED_S + step.at_s
            if isinstance(step, Say):
                saying = self._saying(step)
                self.clock.at(at_s, lambda saying=saying: self._say(saying))  # type: ignore[misc]
            else:
                self.clock.at(at_s, lambda step=step: self._away(step))  # type: ignore[misc]

    def _saying(self, step: Say) -> Saying:
        no = len(self.sayings)
        name = f"{no} from {step.author} to {step.reader} "
        text = name.ljust(step.chars, "x")
        if step.chars > LONG_CHARS[1]:  # a letter, which must not shrink to nothing when it is compressed
            dice = random.Random(f"{self.seed} letter {no}")
            text = (name + b64encode(dice.randbytes(step.chars)).decode())[: step.chars]
        self.sayings[text] = saying = Saying(no, step.author, step.reader, text, JOINED_S + step.at_s)
        return saying

    def _say(self, saying: Saying) -> None:
        phone = self.phones[saying.author]
        self.note(phone.name, "says", saying.no)
        phone.app.say(saying)

    def _away(self, step: Away) -> None:
        self.phones[step.person].sleep(step.for_s, monotonic_stops=False)

    def _make_peace(self) -> None:
        self.note("world", "peace")
        self.troubled = False
        self.server.waiting.clear()
        self.server.slow_until_s = 0.0
        self.server.free_disk()
        for phone in [*self.in_use, *self.retired]:
            phone.waiting.clear()
            phone.free_disk()
            phone.weather.switch(PEACE, self.clock.now_s)
            for wire in list(phone.wires.values()):
                wire.cut("peace", lose=True)

    # What happens to phones as a whole

    def restore(self, phone: Phone, image: Image) -> None:
        """Put an older image on a phone."""
        if phone.gone:
            return
        self._orphan(phone, image)
        image.app.pending.clear()  # the lost copy may have sent them, and neither the SDK nor its app can know
        phone.restore(image)

    def clone(self, phone: Phone, image: Image) -> None:
        """Let an older image of a phone come to life beside it: from now on people use the copy."""
        if phone.gone:
            return
        self._orphan(phone, image)
        image.app.pending.clear()  # they are said on the other phone
        copy = Phone(self, phone.no, f"{phone.name}'", phone.number, image)
        copy.app.start()
        self._succeed(phone, copy)

    def _orphan(self, phone: Phone, image: Image) -> None:
        """Note that the memory of what was said since an image is lost."""
        self.orphans.update(text for text in phone.app.stored if text not in image.app.stored)
        self.orphans.update(phone.app.pending, image.app.pending)

    def reinstall(self, phone: Phone) -> None:
        """Let a person go on with a new phone that knows nothing; the old one is off."""
        new = Phone(self, phone.no, f"{phone.name}+", phone.number)
        self.orphans.update(phone.app.stored, phone.app.pending)
        self._succeed(phone, new)
        phone.leave()
        new.register()

    def _succeed(self, old: Phone, new: Phone) -> None:
        new.waiting, old.waiting = old.waiting, []
        if not old.awake:
            new.sleep(old.asleep_until_s - self.clock.now_s, monotonic_stops=False)
        new.deceived = old.deceived
        self.retired.append(old)
        self.phones[old.no - 1] = new

    def watch_progress(self, phone: Phone, seconds: float) -> None:
        """Look, while a phone's network flaps, whether mail gets through in each 40 s."""
        begun = len(self.opened[phone.no - 1]), phone.engine.device.floor, self._owed(phone)

        def look() -> None:
            disturbed = self.trace_of_faults(phone) or not phone.awake
            moved = (len(self.opened[phone.no - 1]), phone.engine.device.floor) != begun[:2]
            self.checks.look("progress", moved or disturbed or not begun[2], f"{phone.name}: {begun}")

        del seconds
        self.clock.after(40.0, look)

    # What is seen

    def _owed(self, phone: Phone) -> bool:
        return phone.engine.device.out_no > phone.engine.device.floor

    def trace_of_faults(self, phone: Phone) -> bool:
        """Whether more than its network may keep a phone from making progress."""
        kinds = {kind for kind, who in self.touched.items() if phone.no in who or 0 in who}
        return bool(kinds - {Kind.FLAPPING, Kind.APP_KILLED, Kind.HINT}) or self.profile is not PEACE

    def heard(self, phone: Phone, chat: str, text: str) -> None:
        """Judge a text that came out of a phone."""
        saying = self.sayings.get(text)
        person = phone.no - 1
        self.checks.look("right-author", saying is not None and chat == self.numbers[saying.author], f"{text[:9]!r}")
        self.checks.look("right-audience", saying is not None and saying.reader == person, f"{text[:9]!r} at {person}")
        self.checks.look("nothing-twice", phone.app.heard.count(text) == 1, f"{text[:9]!r} twice at {phone.name}")
        self.opened[person].add(text)
        if saying is not None and not self.excused(saying.author):
            self._meant_for(phone, self.phones[saying.author], text)

    def _meant_for(self, reader: Phone, author: Phone, text: str) -> None:
        """Judge whether a text was sealed for the account key that opens it: a number may have changed hands (R11)."""
        row = author.database.connection.execute("SELECT audience FROM message WHERE key = ?", (text,)).fetchone()
        own = reader.store.contacts.contact(reader.engine.device.account)
        if row is not None and own is not None:
            self.checks.look("right-audience", row[0] == own.account_key, f"{text[:9]!r}: another account key's")

    def copied(self, phone: Phone, chat: str, text: str) -> None:
        """Judge a copy of what another device of this person has said."""
        saying = self.sayings.get(text)
        good = saying is not None and (saying.author, self.numbers[saying.reader]) == (phone.no - 1, chat)
        self.checks.look("right-author", good, f"{phone.name} has a copy of {text[:9]!r}")

    def saw_turn(self, phone: Phone, inputs: Sequence[Input], turn: Turn) -> None:
        """Add a phone's turn to the trace."""
        sizes = [len(item.data) if isinstance(item, MessageArrived) else type(item).__name__ for item in inputs]
        said = [
            f"{type(item).__name__} {item.link_no}" if isinstance(item, Dial | Transmit) else type(item).__name__
            for item in turn.outputs
        ]
        self.note(phone.name, "turn", sizes, said)

    def excused(self, *people: int) -> bool:
        """Whether one of these people has, or had, another device than the one that mail was meant for."""
        return any(person + 1 in self.touched.get(kind, ()) for kind in ANEW for person in people)

    def file_excused(self, phone: Phone) -> bool:
        """Whether a file may be gone though this phone has not fetched it: it, or the file's sender, is not who it was.

        A message may also be older than a file is kept, or be sealed again, after a restore, for a file that is gone.
        """
        kinds = self.touched.keys() & {*ANEW, *MALICE, Kind.RESTORE, Kind.CLONE, Kind.NIGHT}
        return bool(kinds) or phone in self.retired

    def deceived(self, person: int) -> bool:
        """Whether a malicious server has had its way with this person's mail."""
        return any(person + 1 in self.touched.get(kind, ()) for kind in MALICE)
