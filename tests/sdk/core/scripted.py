"""One engine and a server played by the test, frame by frame."""

import hashlib
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from onebar.config import Config
from onebar.core import content
from onebar.core.engine import Engine
from onebar.core.frames import (
    HASH_BYTES,
    Accepted,
    ClientFrame,
    Deliver,
    Delivered,
    Hello,
    Limits,
    Note,
    Request,
    Response,
    ServerFrame,
    Submit,
    Unreadable,
    Welcome,
    decode_client,
    decode_recipients,
    encode,
    encode_message,
)
from onebar.core.questions import AccountInfo, DeviceInfo
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
from onebar.crypto.keys import DeviceKeys
from onebar.crypto.sealer import associated_data, open_sealed, seal
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


class Scripted:
    """A device under test; the test is its server, its clock and its peer."""

    def __init__(self, database: Database | None = None, *, window: int = 64, seed: int = 0) -> None:
        self.database = database or Database(":memory:")
        self.store = SqliteStore(self.database)
        self.dice = random.Random(seed)
        self.now_s = 1000.0
        self.wall_s = 0.0
        self.config = Config(host="server.test", window=window)
        self.engine = Engine(self.store, self.dice.randbytes, self.config)
        self.peer_keys = DeviceKeys(b"p" * 32, b"q" * 32)
        self.turn = Turn()
        self.outputs: list[Output] = []
        self.seq = 0

    def give(self, *inputs: Input) -> Turn:
        """Run one turn; its outputs are kept for the questions below."""
        self.turn = self.engine.turn(inputs, Instant(self.now_s, WALL_MS + round((self.now_s + self.wall_s) * 1000)))
        self.outputs = self.turn.outputs
        return self.turn

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
        sent = [output.data for output in self.outputs if isinstance(output, Transmit)]
        return [frame for data in sent for frame in decode_client(data)]

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
        welcome = Welcome(
            WALL_MS + round(self.now_s * 1000),
            *(
                link_no if connection_no is None else connection_no,
                epoch,
                cursor,
                mark,
                mark_hash,
                notes,
                LIMITS,
                floor,
            ),
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

    def peer_info(self, *devices: tuple[int, bool]) -> AccountInfo:
        """What the directory says of the peer: pairs of device and whether it is removed."""
        keys = self.peer_keys.public()
        infos = tuple(
            DeviceInfo(device, keys.identity_key, keys.box_key, keys.key_signature, removed)
            for device, removed in devices or ((PEER[1], False),)
        )
        return AccountInfo(PEER[0], PEER_PHONE, infos)

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
        """Make the next entry of the mailbox, from the peer."""
        bound = associated_data((PEER[0], device), out_no, ME)
        plain = what if isinstance(what, bytes) else content.encode(what)
        sealed = seal(plain, bound, self.peer_keys, self.engine.public_keys(), self.dice.randbytes)
        self.seq += 1
        return Deliver(self.seq - 1, self.seq, PEER[0], device, out_no, WALL_MS, flags, change(sealed))

    def opened(self, submit: Submit) -> content.Content:
        """Open one of our envelopes as the peer would."""
        (recipient,) = decode_recipients(submit.recipients)
        device, ciphertext = recipient.envelopes[0]
        bound = associated_data(ME, submit.out_no, (recipient.account, device))
        return content.decode(open_sealed(ciphertext, bound, self.peer_keys, self.engine.public_keys()))

    def crash(self) -> "Scripted":
        """Start again on the same database, as after kill -9."""
        again = Scripted(self.database, window=self.config.window, seed=self.dice.randrange(1 << 30))
        again.now_s = self.now_s
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
