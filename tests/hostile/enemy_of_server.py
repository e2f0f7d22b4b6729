"""The router under attack: an enemy's changed messages on its own links, and an honest pair beside it."""

import random
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from onebar.core import frames, questions
from onebar.core.frames import ClientFrame, Hello, Recipient, Submit, Unreadable
from onebar.crypto import certificates
from onebar.crypto.certificates import AccountKey
from onebar.crypto.keys import DeviceKeys
from onebar.crypto.prekeys import SignedPrekey, make_bundle
from onebar_mockserver.flight import NoFlightError, open_flight
from onebar_mockserver.limits import ServerLimits
from onebar_mockserver.links import Outgoing
from onebar_mockserver.ports import BatchFailedError, Keys, Op, Outcome
from onebar_mockserver.router import Boarded, Ended, Input, Received, Router, Turn
from tests.hostile.mutations import Mutator
from tests.simulation.inline import InlineEngine, run

HOST: Final = "server.test"
NOW_MS: Final = 1_790_000_000_000
SAID_MAX: Final = 4096
"""Most frames that a turn may say to one link here: a message has at most 1,024, and each earns at most a few."""

SMALL: Final = ServerLimits(mailbox_bytes_max=256 * 1024, rates={})
"""A small mailbox, so that the enemy reaches its end."""


class Watched(InlineEngine):
    """An engine that counts the operations which made a batch fail: contained (R19), and a defect all the same."""

    def __init__(self) -> None:
        super().__init__(SMALL)
        self.failed: list[str] = []

    async def apply(self, ops: Sequence[Op], now_ms: int) -> Outcome:
        try:
            return await super().apply(ops, now_ms)
        except BatchFailedError as error:
            self.failed.append(f"{error.__cause__!r} in {[op.frame for op in ops]!r}"[:500])
            raise


class Peer:
    """A registered device with its link."""

    def __init__(self, engine: InlineEngine, phone: str, dice: random.Random) -> None:
        self.signing = SigningKey(dice.randbytes(32))
        box_secret = PrivateKey(dice.randbytes(32))
        self.device_keys = DeviceKeys(bytes(self.signing), bytes(box_secret))
        self.account_key = AccountKey(dice.randbytes(32))
        box = bytes(box_secret.public_key)
        keys = Keys(bytes(self.signing.verify_key), box, self.signing.sign(b"onebar box key 1\0" + box).signature)
        code = run(engine.issue_code(phone, b"seed", NOW_MS)).code
        registered = run(engine.register(phone, code, keys, NOW_MS))
        self.account, self.device = registered.account, registered.device
        self.connection_no = self.out_no = self.cursor = 0
        self.link = 0

    def flight(self, message: bytes) -> bytes:
        """Sign a message as a flight."""
        return self.signing.sign(b"onebar link 1\0" + HOST.encode() + b"\0" + message).signature + message

    def submit(self, to: "Peer", text: bytes) -> Submit:
        """Make the next envelope."""
        self.out_no += 1
        sealed = frames.encode_recipients([(to.device, text)])
        return Submit(self.out_no, max(0, self.out_no - 1), 0, msgspec.Raw(sealed))

    def publish(self) -> questions.Publish:
        """Make all that a device publishes: its account's list, its bundle and one-time prekeys."""
        one = self.account_key.certify(self.account, self.device, self.device_keys.public(), NOW_MS)
        listed = certificates.to_bytes(self.account_key.sign_list(self.account, (one,), NOW_MS))
        bundle = make_bundle(self.device_keys, SignedPrekey(1, bytes(range(32)), NOW_MS), None, NOW_MS)
        return questions.Publish(listed, frames.encode(bundle), NOW_MS, ((2, b"o" * 34), (3, b"p" * 34)), ((4, b"k"),))


class Siege:
    """A router, an honest pair, and an enemy with two accounts."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.engine = Watched()
        self.router = Router(self.engine, self.engine, SMALL)
        names = ("alice", "bob", "enemy", "victim")
        self.peers = {
            name: Peer(self.engine, f"+1202555010{number}", self.dice) for number, name in enumerate(names, 1)
        }
        self.enemy = self.peers["enemy"]
        self.enemy_seqs: list[int] = []
        self.links = 0
        self.examples = self.reached = 0
        self.closed: set[int] = set()
        for name in names:
            self.board(self.peers[name])
        self.mutator = Mutator(self.dice, self._corpus())

    def board(self, peer: Peer) -> Turn:
        """Open a link for a peer, as its honest SDK would."""
        self.links += 1
        peer.connection_no += 1
        peer.link = self.links
        hello = Hello(peer.account, peer.device, peer.connection_no, 0, 1, peer.cursor, peer.out_no)
        opened = open_flight(peer.flight(frames.encode_message([hello])))
        return self.turn(Boarded(peer.link, HOST, opened.signature, opened.message, opened.hello))

    def turn(self, *inputs: Input) -> Turn:
        """Run turns until nothing is left to do; return what the first said."""
        said = run(self.router.turn(inputs, NOW_MS))
        self._look(said)
        for _ in range(20):
            if not self.router.unfinished:
                break
            self._look(run(self.router.turn([], NOW_MS)))
        return said

    def attack(self) -> None:
        """Play one example: a message on the enemy's link, or a flight, signed or not."""
        self.play(self.mutator.draw(), as_flight=self.dice.random() < 0.25)

    def play(self, data: bytes, *, as_flight: bool) -> None:
        """Let the enemy say these bytes."""
        self.examples += 1
        if as_flight:
            self._fly(data)
        else:
            self._say(data)
        assert not self.engine.failed, self.engine.failed
        if self.enemy.link in self.closed or self.dice.random() < 0.01:
            self.turn(Ended(self.enemy.link))
            self._refresh()

    def check_honest_pair(self) -> None:
        """An honest message still goes from one to the other, and is acknowledged, whatever the enemy did."""
        alice, bob = self.peers["alice"], self.peers["bob"]
        said = self.turn(Received(alice.link, alice.submit(bob, b"still here")))
        verdict = said[alice.link].accepted
        assert verdict is not None
        assert (verdict.mark, verdict.notes) == (alice.out_no, ()), verdict
        envelopes = [frame for frame in said[bob.link].mail if isinstance(frame, frames.Deliver)]
        assert [frame.ciphertext for frame in envelopes if frame.device == alice.device] == [b"still here"]
        self.turn(Received(bob.link, frames.Ack(1, envelopes[-1].seq)))
        said = self.turn(Received(alice.link, frames.Ping(7)))
        assert said[alice.link].answers == [frames.Pong(7)]
        alice.cursor = self._head(alice)
        self.turn(Received(alice.link, frames.Ack(1, alice.cursor)))

    def _head(self, peer: Peer) -> int:
        found = self.engine.connection.execute("SELECT head FROM positions WHERE device = ?", (peer.device,))
        return int(found.fetchone()[0])

    def _say(self, data: bytes) -> None:
        try:
            decoded = frames.decode_client(data)
        except frames.MessageError:
            return
        self._count(decoded)
        self.turn(*(Received(self.enemy.link, frame) for frame in decoded))

    def _fly(self, data: bytes) -> None:
        """Most flights are signed after they were changed: only so do they come past the signature."""
        flight = self.enemy.flight(data) if self.dice.random() < 0.8 else self.dice.randbytes(64) + data
        try:
            opened = open_flight(flight)
        except NoFlightError:
            return
        self._count([opened.hello, *opened.behind])
        self.links += 1
        boarded = Boarded(self.links, HOST, opened.signature, opened.message, opened.hello)
        self.turn(boarded, *(Received(self.links, frame) for frame in opened.behind))
        self.turn(Ended(self.links))
        self._refresh()  # its Hello may have fenced the enemy's own link

    def _count(self, decoded: Iterable[ClientFrame | Unreadable]) -> None:
        self.reached += any(not isinstance(frame, Unreadable) for frame in decoded)

    def _refresh(self) -> None:
        """The enemy opens a new link, from where the server knows it to be; ruined beyond that, it registers anew."""
        row = self.engine.connection.execute(
            "SELECT connection_no, mark FROM positions WHERE device = ?", (self.enemy.device,)
        ).fetchone()
        if row[0] > 2**62:
            self.enemy = self.peers["enemy"] = Peer(self.engine, "+12025550103", self.dice)
            row = (0, 0)
        self.enemy.connection_no, self.enemy.out_no = row
        self.closed.clear()
        self.board(self.enemy)
        self.mutator.corpus = self._corpus()

    def _look(self, said: Turn) -> None:
        honest = {self.peers[name].link for name in ("alice", "bob", "victim")}
        for link, outgoing in said.items():
            self._look_at(outgoing)
            if outgoing.close is not None:
                assert link not in honest, "the enemy cost an honest peer its link"
                self.closed.add(link)

    def _look_at(self, outgoing: Outgoing) -> None:
        """Whatever is said can be read by an honest client, and is not too much."""
        listed = outgoing.frames()
        assert len(listed) <= SAID_MAX, len(listed)
        for start in range(0, len(listed), frames.FRAMES_MAX):
            read = frames.decode_server(frames.encode_message(listed[start : start + frames.FRAMES_MAX]))
            unreadable = [frame for frame in read if isinstance(frame, Unreadable)]
            assert not unreadable, (unreadable, listed)

    def _corpus(self) -> list[bytes]:
        """Make what an honest client would say in the enemy's place."""
        me, victim = self.enemy, self.peers["victim"]
        out_no = me.out_no + 1
        sealed = msgspec.Raw(frames.encode_recipients([(victim.device, b"x" * 40)]))
        both = msgspec.Raw(
            frames.encode([Recipient(victim.account, ((victim.device, b"y"), (99, b"z"))), Recipient(7, ((8, b""),))])
        )
        submits = [Submit(out_no + number, me.out_no, 0, sealed) for number in range(4)]
        hello = Hello(me.account, me.device, me.connection_no + 1, 0, 1, 0, me.out_no)
        said: list[list[ClientFrame]] = [
            [submits[0]],
            [*submits],
            [Submit(out_no, me.out_no, 1, both)],
            [frames.Void(out_no, me.out_no), submits[1]],
            [frames.Ack(1, 0)],
            [frames.Ack(1, 5, (1, 2, 3))],
            [frames.Ping(9)],
            *([request] for request in _requests(me, victim)),
            [hello],
            [hello, *submits, frames.Ack(1, 0), frames.Ping(1)],
        ]
        return [frames.encode_message(message) for message in said]


def _requests(me: Peer, victim: Peer) -> list[ClientFrame]:
    """Make one request of each kind, and one that withdraws prekeys."""
    new = victim.device_keys.public()
    asked = (
        questions.FindPhone("+12025550101"),
        questions.FindAccount(victim.account),
        questions.FindDevice(victim.account, victim.device),
        questions.FindBundle(victim.account, victim.device),
        me.publish(),
        questions.Publish(anew=True),
        questions.AddDevice(new.identity_key, new.box_key, new.key_signature),
    )
    return [
        frames.Request(no, questions.METHODS[type(what)], msgspec.Raw(frames.encode(what)))
        for no, what in enumerate(asked, 1)
    ]
