"""One engine and a server played by the test, frame by frame."""

import hashlib
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import msgspec

from onebar.config import Config
from onebar.core import content
from onebar.core.compression import compress
from onebar.core.engine import Engine
from onebar.core.frames import (
    HASH_BYTES,
    Accepted,
    ClientFrame,
    Deliver,
    Delivered,
    Hello,
    Limits,
    MessageError,
    Note,
    Request,
    Response,
    ServerFrame,
    Stock,
    Submit,
    Unreadable,
    Welcome,
    decode_as,
    decode_client,
    decode_recipients,
    encode,
    encode_message,
)
from onebar.core.questions import AccountInfo, Bundle, FindBundle, Publish
from onebar.core.sealing import the_way
from onebar.core.turn import (
    Dial,
    Hang,
    Input,
    Instant,
    LinkConnected,
    MessageArrived,
    Output,
    Poked,
    Registered,
    Send,
    Transmit,
    Turn,
)
from onebar.crypto import certificates, sessions
from onebar.crypto.certificates import AccountKey, DeviceList
from onebar.crypto.keys import DeviceKeys, PeerKeys
from onebar.crypto.padding import pad
from onebar.crypto.pqxdh import KemPrekey
from onebar.crypto.prekeys import OneTimePrekey, PrekeyBundle, SignedBundle, SignedPrekey, make_bundle
from onebar.crypto.wrapping import WrappingKey
from onebar.errors import CommitError
from onebar.events import Event
from onebar.models import Message, MessageState
from onebar.store import SqliteStore
from onebar.store.database import Database

ME: Final = (1, 11)
PEER: Final = (2, 22)
MY_PHONE: Final = "+12025550101"
PEER_PHONE: Final = "+12025550102"
LIMITS: Final = Limits(262_144, 16_384, 64, 30 * 86_400, 30 * 86_400, 1 << 20)
WALL_MS: Final = 1_790_000_000_000


class PeerDevice:
    """A device of the peer: its keys, its prekeys, and its sessions with the device under test."""

    def __init__(self, device: int = PEER[1], account: int = PEER[0], *, account_seed: bytes = b"a" * 32) -> None:
        self.account, self.device = account, device
        self.account_key = AccountKey(account_seed)
        self.dice = random.Random(device)
        self.keys = DeviceKeys(self.dice.randbytes(32), self.dice.randbytes(32))
        self.prekey = SignedPrekey(1, self.dice.randbytes(32), WALL_MS)
        self.sessions = sessions.PeerSessions()

    def signed(self, prekey_id: int) -> SignedPrekey | None:
        """Return the one prekey."""
        return self.prekey if prekey_id == 1 else None

    def one_time(self, prekey_id: int) -> OneTimePrekey | None:
        """Return nothing: there are none."""

    def kem(self, prekey_id: int) -> KemPrekey | None:
        """Return nothing: there are none."""

    def bundle(self) -> Bundle:
        """Return its prekeys, as the server hands them out."""
        return Bundle(msgspec.msgpack.encode(make_bundle(self.keys, self.prekey, None, WALL_MS)))

    def forget(self) -> None:
        """Lose all sessions."""
        self.sessions = sessions.PeerSessions()

    def seal(self, plain: bytes, out_no: int, to: tuple[int, int], keys: PeerKeys, signed: bytes) -> bytes:
        """Seal for the device under test, which has published this signed bundle."""
        if self.sessions.need_bundle(WALL_MS):
            bundle = PrekeyBundle(msgspec.msgpack.decode(signed, type=SignedBundle), None, None)
            self.sessions = sessions.start(self.sessions, self.keys, keys, bundle, WALL_MS, self.dice.randbytes)
        way = the_way((self.account, self.device), out_no, to)
        self.sessions, sealed = sessions.seal(self.sessions, plain, way, self.dice.randbytes)
        return sealed

    def open(self, sealed: bytes, out_no: int, sender: tuple[int, int], keys: PeerKeys) -> bytes:
        """Open what the device under test has sealed."""
        way = the_way(sender, out_no, (self.account, self.device))
        opened = sessions.open_envelope(self.sessions, sealed, way, self.keys, keys, self, WALL_MS, self.dice.randbytes)
        self.sessions = opened.sessions
        return opened.plain


def device_list(*devices: PeerDevice, counter: int = 1, account: int = PEER[0]) -> DeviceList:
    """Return a list of the account of these devices, signed by the account key of the first."""
    key = devices[0].account_key
    listed = tuple(key.certify(account, one.device, one.keys.public(), WALL_MS) for one in devices)
    signed = key.sign_list(account, listed, WALL_MS)
    for _ in range(counter - 1):
        signed = key.sign_list(account, listed, WALL_MS, signed)
    return signed


class Scripted:
    """A device under test; the test is its server, its clock and its peer.

    What it publishes is taken, and prekeys that it asks for are given at once, unless `silent` names these questions.
    """

    def __init__(self, database: Database | None = None, *, window: int = 64, seed: int = 0) -> None:
        self.database = database or Database(":memory:")
        self.store = SqliteStore(self.database, WrappingKey(b"v" * 32, random.Random(seed).randbytes))
        self.dice = random.Random(seed)
        self.now_s = 1000.0
        self.wall_s = 0.0
        self.config = Config(host="server.test", window=window, one_time_prekeys=0, attentive_s=())
        self.engine = Engine(self.store, self.dice.randbytes, self.config)
        self.peer = PeerDevice()
        self.peers = {self.peer.device: self.peer}
        """Every device that bundles are given of."""
        self.list_counter = 1
        self.turn = Turn()
        self.outputs: list[Output] = []
        self.silent: set[type] = set()
        self.limits = LIMITS
        self.stock = Stock()
        self.signed = self.devices = b""
        """The signed bundle and the device list that it has published."""
        self._answered: set[tuple[int, int]] = set()
        self.seq = 0

    def give(self, *inputs: Input) -> Turn:
        """Run one turn; its outputs are kept for the questions below."""
        if any(isinstance(item, Registered) for item in inputs):  # a new device has published nothing, on no link yet
            self.stock, self._answered = Stock(self.stock.list_counter), set()
        self.turn = self.engine.turn(inputs, self._now)
        self.outputs = self.turn.outputs
        while answers := self._answers():
            turn = self.engine.turn(answers, self._now)
            self.outputs = self.outputs + turn.outputs
            self.turn.timer_s, self.turn.more = turn.timer_s, turn.more
        return self.turn

    @property
    def _now(self) -> Instant:
        return Instant(self.now_s, WALL_MS + round((self.now_s + self.wall_s) * 1000))

    def _answers(self) -> list[Input]:
        """Answer what the device publishes, and its questions for prekeys."""
        answers: list[Input] = []
        for link_no, frame in self._sent():
            if not isinstance(frame, Request) or (link_no, frame.no) in self._answered:
                continue
            answer = self._answer_to(frame)
            if answer is not None:
                self._answered.add((link_no, frame.no))
                answers.append(MessageArrived(link_no, encode_message([answer])))
        return answers

    def _sent(self) -> list[tuple[int, ClientFrame | Unreadable]]:
        """The frames that the last turn sent, and their links."""
        sent = [output for output in self.outputs if isinstance(output, Transmit)]
        return [(output.link_no, frame) for output in sent for frame in _frames_of(output.data)]

    def _answer_to(self, request: Request) -> Response | None:
        if request.method == "publish" and Publish not in self.silent:
            published = decode_as(Publish, request.params)
            self.devices, self.signed = published.devices or self.devices, published.signed or self.signed
            counter = certificates.list_from_bytes(self.devices).counter if self.devices else 0
            self.stock = Stock(counter, max(self.stock.bundle_ms, published.bundle_ms), 0, 0)
            return Response(request.no, "", msgspec.Raw(encode(self.stock)))
        if request.method == "bundle" and FindBundle not in self.silent:
            asked = decode_as(FindBundle, request.params)
            if asked.device in self.peers:
                return Response(request.no, "", msgspec.Raw(encode(self.peers[asked.device].bundle())))
        return None

    def wait(self, seconds: float) -> Turn:
        """Let time pass, and run the turn that a timer would."""
        self.now_s += seconds
        return self.give(Poked())

    @property
    def dials(self) -> list[Dial]:
        """The dials of the last turn."""
        return [output for output in self.outputs if isinstance(output, Dial)]

    @property
    def hangs(self) -> list[int]:
        """The links that the last turn gave up."""
        return [output.link_no for output in self.outputs if isinstance(output, Hang)]

    @property
    def frames(self) -> list[ClientFrame | Unreadable]:
        """The frames that the last turn sent."""
        every = [frame for _, frame in self._sent()]
        return [frame for frame in every if not (isinstance(frame, Request) and frame.method in {"publish", "bundle"})]

    def give_bundles(self) -> None:
        """Answer the questions for prekeys of the last turn that found silence."""
        self.outputs = self.engine.turn(self._answers(), self._now).outputs

    def requests(self, method: str) -> list[Request]:
        """The requests of a kind that the last turn made."""
        return [frame for _, frame in self._sent() if isinstance(frame, Request) and frame.method == method]

    def submits(self) -> list[Submit]:
        """The envelopes that the last turn sent."""
        return [frame for frame in self.frames if isinstance(frame, Submit)]

    def hello(self) -> Hello:
        """The Hello of the last turn's dial."""
        first = decode_client(self.dials[0].flight[64:])[0]
        assert isinstance(first, Hello)
        return first

    def register(self) -> Dial:
        """Become a device of an account; returns the dial that follows."""
        self.give(Registered(*ME, MY_PHONE))
        return self.dials[0]

    def welcome(self, link_no: int, *, mark: int = 0, mark_hash: bytes = b"", epoch: int = 1, cursor: int = 0,
                notes: tuple[Note, ...] = (), connection_no: int | None = None, floor: int = 0) -> Turn:  # fmt: skip
        """Answer a dial."""
        self.seq = cursor
        number = link_no if connection_no is None else connection_no
        welcome = Welcome(
            WALL_MS + round(self.now_s * 1000),
            *(number, epoch, cursor, mark, mark_hash, notes, self.limits, floor, self.stock),
        )
        return self.give(LinkConnected(link_no), MessageArrived(link_no, encode_message([welcome])))

    def welcome_again(self, link_no: int) -> Turn:
        """Answer a dial whose upgrade is answered already."""
        return self.say(link_no, Welcome(WALL_MS, link_no, 1, 0, 0, b"", (), LIMITS))

    def open(self) -> int:
        """Register and be welcomed; returns the link."""
        link_no = self.register().link_no
        self.welcome(link_no)
        return link_no

    def say(self, link_no: int, *frames: ServerFrame) -> Turn:
        """The server says this on a link."""
        return self.give(MessageArrived(link_no, encode_message(frames)))

    @staticmethod
    def to(phone: str, words: str) -> Send:
        """Make a send to another number."""
        return Send(phone, words)

    def send(self, text: str, key: str | None = None) -> int:
        """The app sends a text to the peer."""
        result = self.give(Send(PEER_PHONE, text, key)).results[-1]
        assert isinstance(result, int), result
        return result

    def peer_info(self, *devices: int, certificate: int = 0, removed: bool = False) -> AccountInfo:
        """What the server says of the peer: its devices (one unless told otherwise), and of one of them."""
        for device in (*devices, *([certificate] if certificate else [])):
            self.peers.setdefault(device, PeerDevice(device))
        known = [self.peers[device] for device in devices] or [self.peer]
        listed = device_list(*known, counter=self.list_counter)
        self.list_counter += 1
        one = self.peers[certificate] if certificate else None
        signed = one and one.account_key.certify(PEER[0], certificate, one.keys.public(), WALL_MS)
        packed = certificates.to_bytes(signed) if signed else b""
        return AccountInfo(PEER[0], PEER_PHONE, certificates.to_bytes(listed), packed, removed)

    def answer(self, link_no: int, info: AccountInfo | None = None, error: str = "") -> Turn:
        """Answer the request that the last turn made."""
        (request,) = [frame for frame in self.frames if isinstance(frame, Request)]
        result = msgspec.Raw(encode(info or self.peer_info()))
        return self.say(link_no, Response(request.no, error, msgspec.Raw(b"\xc0") if error else result))

    def answer_no(self, link_no: int, no: int, info: AccountInfo) -> Turn:
        """Answer the request of this number."""
        return self.say(link_no, Response(no, "", msgspec.Raw(encode(info))))

    def meet_peer(self, link_no: int) -> Submit:
        """Send a first text, and let the directory introduce the peer; returns the envelope."""
        self.send("hello")
        self.answer(link_no)
        (submit,) = self.submits()
        return submit

    def accept(self, link_no: int, mark: int, *notes: Note) -> Turn:
        """The server gives its verdicts."""
        return self.say(link_no, Accepted(mark, notes))

    def tick(self, link_no: int, first: int, last: int, device: int = PEER[1]) -> Turn:
        """The server says that the peer's device opened these."""
        self.seq += 1
        return self.say(link_no, Delivered(self.seq - 1, self.seq, PEER[0], device, ((first, last),)))

    def deliver(self, what: content.Content | bytes, out_no: int, *, flags: int = 0, device: int = PEER[1],
                change: Callable[[bytes], bytes] = bytes) -> Deliver:  # fmt: skip
        """Make the next entry of the mailbox, from the peer; bytes stand for content as it is before it is padded."""
        peer = self.peers.setdefault(device, PeerDevice(device))
        plain = pad(compress(what)) if isinstance(what, bytes) else content.encode(what)
        sealed = peer.seal(plain, out_no, ME, self.engine.public_keys(), self.signed)
        self.seq += 1
        return Deliver(self.seq - 1, self.seq, peer.account, device, out_no, WALL_MS, flags, change(sealed))

    def opened(self, submit: Submit, device: int = 0) -> content.Content | content.Unknown:
        """Open one of our envelopes as a device of the peer would, the first one unless told otherwise."""
        envelopes = dict(pair for one in decode_recipients(submit.recipients) for pair in one.envelopes)
        device = device or next(iter(envelopes))
        peer = self.peers[device]
        return content.decode(peer.open(envelopes[device], submit.out_no, ME, self.engine.public_keys()))

    def crash(self) -> "Scripted":
        """Start again on the same database, as after kill -9."""
        again = Scripted(self.database, window=self.config.window, seed=self.dice.randrange(1 << 30))
        again.now_s = self.now_s
        again.peer, again.peers, again.list_counter = self.peer, self.peers, self.list_counter
        again.stock, again.signed, again.devices = self.stock, self.signed, self.devices
        return again

    def message(self, message_no: int) -> Message:
        """Look a message up."""
        message = self.store.message(message_no)
        assert message is not None
        return message

    def events(self) -> list[Event]:
        """All events so far."""
        return self.store.next_events("app", 10_000)

    def texts(self) -> list[str]:
        """What the peer's chat shows of the peer."""
        page = self.store.history(PEER_PHONE, 10_000)
        return [message.text for message in page if message.state is MessageState.RECEIVED]


def _frames_of(data: bytes) -> Sequence[ClientFrame | Unreadable]:
    try:
        return decode_client(data)
    except MessageError:
        return decode_client(data[64:])  # a flight that goes as a message, behind its signature


@contextmanager
def commits_fail(store: SqliteStore, *, after: bool) -> Iterator[None]:
    """Let every commit fail: before it took effect, or (an fsync error) after."""
    real = store.transaction

    @contextmanager
    def failing() -> Iterator[None]:
        if after:
            with real():
                yield
            raise CommitError("it took effect, and nobody knows")
        with real():
            yield
            raise CommitError("the disk is full")

    store.transaction = failing
    try:
        yield
    finally:
        store.transaction = real


def text(number: int, words: str | None = None) -> content.Text:
    """Make a text of the peer with this place among its messages."""
    return content.Text(1000 + number, number, WALL_MS, words or f"text {number}")


def hash_of(submit: Submit) -> bytes:
    """Return an envelope's hash."""
    return hashlib.sha256(bytes(submit.recipients)).digest()[:HASH_BYTES]
