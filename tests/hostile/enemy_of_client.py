"""One device's engine under attack: a server that says changed messages, and an honest one afterwards."""

import logging
import random
from typing import Final

import msgspec

from onebar.core import content, frames
from onebar.core.frames import Deliver, Dropped, Note, ServerFrame, Undelivered
from onebar.core.link_states import LinkState
from onebar.core.questions import Added, FindBundle, Publish
from onebar.core.records import Status
from onebar.core.turn import Dial, LinkConnected, LinkLost, MessageArrived, NetworkChanged, Registered
from tests.hostile.mutations import Mutator
from tests.sdk.core.scripted import LIMITS, ME, MY_PHONE, PEER, WALL_MS, Scripted, text

ROUND_S_MAX: Final = 40.0
"""Longest pause between two turns of an attack: longer than every timer of a link."""

SEQ_MAX: Final = 2**40
"""An honest server never gives a place in a mailbox beyond this."""

SECOND_DEVICE: Final = 23
"""Another device of the peer's account."""

SENT: Final = "ours"
"""What the device sends during an attack, in front of a number."""


class Defects(logging.Handler):
    """Keeps what the engine logs about inputs that made its turns fail: contained (R19), and defects all the same."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record that has an exception."""
        if record.exc_info:
            self.found.append(f"{record.getMessage()}: {record.exc_info[1]!r}")


class Captive:
    """A device whose server is the enemy; only the peer's envelopes are genuine."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.device = Scripted(seed=seed)
        self.defects = Defects()
        self.link_no = self.device.open()
        self.device.meet_peer(self.link_no)
        self.genuine = {f"genuine {number}" for number in range(1, 9)}
        self.sent = 0
        self.examples = self.reached = 0
        self.mail = [self.device.deliver(text(number, f"genuine {number}"), number) for number in range(1, 9)]
        self.device.say(self.link_no, *self.mail[:2])
        self.mutator = Mutator(self.dice, self._corpus())

    def attack(self) -> None:
        """Play one example: a changed message, and now and then a valid one."""
        if self.examples % 8 == 0:
            self.mutator.corpus = self._corpus()
        greeting = LinkState.GREETING in self.device.engine.links.values()
        if self.dice.random() < 0.05:
            data = self.dice.choice(self.mutator.corpus)
        elif greeting and self.dice.random() < 0.7:
            data = self.mutator.mutate(self.mutator.corpus[0])
        else:
            data = self.mutator.draw()
        self.play(data)

    def play(self, data: bytes) -> None:
        """Let the enemy say these bytes on a link, which is dialed and connected first if need be."""
        self.examples += 1
        dice, device = self.dice, self.device
        device.now_s += dice.choice((0.0, 0.001, 0.1, dice.uniform(0, ROUND_S_MAX)))
        device.silent = {question for question in (FindBundle, Publish) if dice.random() < 0.5}  # the enemy answers
        if dice.random() < 0.05:
            self.sent += 1
            self._try_to_send()
        link_no = self._link()
        self.reached += link_no is not None and self._readable(data)
        if link_no is not None:
            device.give(MessageArrived(link_no, data))
        for _ in range(20):
            if not device.turn.more:
                break
            device.give()
        self._answer_replacement()

    def check_history(self) -> None:
        """Nothing stands in any history that nobody sealed, and nothing stands there twice."""
        shown: list[str] = []
        for chat in self.device.store.chats():
            page = self.device.store.history(chat.phone, 10_000)
            texts = [message.text for message in page if message.text]
            for message in page:
                own = message.outgoing and (message.text == "hello" or message.text.startswith(SENT))
                assert own or not message.text or message.text in self.genuine, message
            assert len(texts) == len(set(texts)), texts
            shown += texts
        assert not self.defects.found, self.defects.found

    def check_rescue(self) -> None:
        """With an honest server the device works again: it receives and it sends."""
        device = self.device
        device.silent = set()
        self._free()
        link_no = self._welcome_honestly()
        words = f"genuine, after {self.examples}"
        self.genuine.add(words)
        own = (device.engine.device.account, device.engine.device.device)
        device.seq = device.engine.device.cursor
        mail = self._deliver_to(own, content.Text(self.dice.getrandbits(60), 1_000_000 + self.examples, WALL_MS, words))
        device.say(link_no, mail)
        self._introduce_peer(link_no)
        chats = [device.store.history(chat.phone, 10_000) for chat in device.store.chats()]
        # In whichever chat: which number an account has is the directory's word, and that was the enemy's.
        assert words in {message.text for page in chats for message in page}, device.engine.device
        assert device.engine.device.cursor == mail.seq
        self.check_history()

    def _deliver_to(self, own: tuple[int, int], what: content.Text) -> Deliver:
        device = self.device
        out_no = 1_000_000 + self.examples
        device.peer.forget()  # the device may be a new one, with new keys
        sealed = device.peer.seal(content.encode(what), out_no, own, device.engine.public_keys(), device.signed)
        device.seq += 1
        return Deliver(device.seq - 1, device.seq, *PEER, out_no, WALL_MS, 0, sealed)

    def _introduce_peer(self, link_no: int) -> None:
        """Answer questions about the peer, whose keys the enemy may have had removed."""
        for _ in range(4):
            for frame in self.device.frames:
                if isinstance(frame, frames.Request):
                    self.device.answer_no(link_no, frame.no, self.device.peer_info())
                    break
            else:
                return

    def _free(self) -> None:
        """Whatever state the enemy left: become a registered device again, with no link."""
        device = self.device
        if device.engine.device.status is not Status.REGISTERED:
            device.give(Registered(ME[0], self.dice.randrange(1, 2**31), MY_PHONE))
        for link_no in list(device.engine.links):
            device.give(LinkLost(link_no, "the enemy is gone"))
        assert device.engine.device.status is Status.REGISTERED

    def _welcome_honestly(self) -> int:
        self.device.give(NetworkChanged())
        (dial,) = [output for output in self.device.outputs if isinstance(output, Dial)][-1:]
        self._welcome(dial.link_no)
        assert self.device.engine.links.get(dial.link_no) is LinkState.OPEN, self.device.engine.link
        return dial.link_no

    def _welcome(self, link_no: int) -> None:
        """Welcome the device as an honest server does: a cursor that it never gave begins a new epoch (R21)."""
        known = self.device.engine.device
        lost = known.cursor > SEQ_MAX
        self.device.welcome(
            link_no,
            mark=known.floor,
            mark_hash=known.floor_hash,
            epoch=known.epoch + lost or 1,
            cursor=0 if lost else known.cursor,
            floor=known.floor,
        )

    def _try_to_send(self) -> None:
        if self.device.engine.device.status is Status.REGISTERED:
            self.device.send(f"{SENT} {self.sent}")

    def _link(self) -> int | None:
        """Return an open link, dialed if need be; sometimes one that still waits for its Welcome."""
        device = self.device
        if device.engine.device.status is Status.REMOVED:
            device.give(Registered(ME[0], self.dice.randrange(1, 2**31), MY_PHONE))
        if not device.engine.links:
            device.give(NetworkChanged())
        if not device.engine.links:
            return None
        link_no = max(device.engine.links)
        if device.engine.links[link_no] is LinkState.DIALING:
            if self.dice.random() < 0.7:
                self._welcome(link_no)
            else:
                device.give(LinkConnected(link_no))
        return link_no if link_no in device.engine.links else None

    def _answer_replacement(self) -> None:
        if self.device.engine.device.status is Status.REPLACING:
            self.device.give(Registered(ME[0], self.dice.randrange(1, 2**31)))

    @staticmethod
    def _readable(data: bytes) -> bool:
        try:
            decoded = frames.decode_server(data)
        except frames.MessageError:
            return False
        return any(not isinstance(frame, frames.Unreadable) for frame in decoded)

    def _corpus(self) -> list[bytes]:
        """Make what an honest server would say now; the first is its Welcome."""
        known = self.device.engine.device
        seq = known.cursor
        mail = [
            msgspec.structs.replace(frame, prev_seq=(seq + number) % 2**63, seq=(seq + number + 1) % 2**63)
            for number, frame in enumerate(self.mail)
        ]
        info = self.device.peer_info(PEER[1], SECOND_DEVICE, certificate=SECOND_DEVICE)
        answers = (info, self.device.peer.bundle(), self.device.stock, Added(12))
        welcome = frames.Welcome(
            *(WALL_MS, known.connection_no, known.epoch or 1, seq, known.floor, known.floor_hash),
            *((Note(known.floor + 1, "", ((2, 23),), ((2, 22),)),), LIMITS, known.floor),
            self.device.stock,
        )
        said: list[list[ServerFrame]] = [
            [welcome],
            [welcome, frames.Accepted(known.floor), *mail[2:4], frames.CaughtUp(seq)],
            [frames.Accepted(known.out_no)],
            [frames.Accepted(known.floor + 1, (Note(known.floor + 1, "mailbox_full"),))],
            [frames.Accepted(known.out_no, (Note(known.out_no, "", ((2, 23),), ((2, 22),)),))],
            *([_answer(no, what)] for what in answers for no in range(1, 4)),
            [frames.Response(2, "no_account")],
            [frames.Response(1, "no_bundle")],
            [frames.Response(1, "old_list")],
            [*mail],
            [Dropped(seq, mail[0].seq, 1, "expired")],
            [frames.Delivered(seq, mail[0].seq, *PEER, ((1, 3),))],
            [Undelivered(seq, mail[0].seq, *PEER, 1, "device_removed")],
            [frames.Pong(1), frames.CaughtUp(seq)],
            [frames.GoAway(2000, "restart")],
            [frames.Refused("connection_number", 1)],
            [frames.Refused("unavailable")],
            [frames.FlightWanted()],
        ]
        one_by_one = [frames.encode_message([frame]) for frame in mail]
        return [frames.encode_message(message) for message in said] + one_by_one


def _answer(no: int, what: msgspec.Struct) -> ServerFrame:
    return frames.Response(no, "", msgspec.Raw(frames.encode(what)))
