"""Scripted, with files: the test sees what is asked of the driver, and says how it went."""

from typing import TypeVar

from onebar.core.content import Attachment, Copy, Text
from onebar.core.engine import Engine
from onebar.core.files import File
from onebar.core.turn import (
    Abort,
    CheckFile,
    Download,
    Inform,
    Poked,
    Send,
    TransferAnswer,
    TransferOutput,
    Turn,
    Upload,
)
from onebar.crypto.attachments import AttachmentSecret, sealed_bytes
from onebar.events import Event, MessageReceived
from onebar.models import Attachment as Shown
from tests.sdk.core.scripted import PEER_PHONE, WALL_MS, Scripted

OutputT = TypeVar("OutputT", bound=TransferOutput)
PLAIN_BYTES = 100_000
TOTAL = sealed_bytes(PLAIN_BYTES)


def a_file(plain_bytes: int = PLAIN_BYTES, number: int = 1, kind: str = "file") -> File:
    secret = AttachmentSecret(b"k" * 32, plain_bytes, bytes(32), bytes([number]) * 32)
    return File(bytes([number]) * 16, secret, kind, "text/plain", "a name")


class Courier(Scripted):
    """A device on an open link whose peer is known; its first text is out and accepted."""

    def __init__(self) -> None:
        super().__init__()
        self.link_no = self.open()
        self.meet_peer(self.link_no)
        self.mark = 1
        self.accept(self.link_no, self.mark)

    def restart(self) -> None:
        """Start again on the same database, as after kill -9, and be welcomed."""
        self.engine = Engine(self.store, self.dice.randbytes, self.config)
        self.give(Poked())
        self.be_welcomed()

    def be_welcomed(self) -> None:
        """Be welcomed on the link that was dialed last."""
        self.link_no, device = self.dials[0].link_no, self.engine.device
        self.welcome(self.link_no, mark=device.floor, mark_hash=device.floor_hash, floor=device.floor, cursor=self.seq)

    def receive(self, file: File, number: int = 1) -> int:
        """The peer sends a file; return the message's number."""
        said = Attachment(1000 + number, number, WALL_MS, "look", file)
        self.say(self.link_no, self.deliver(said, number))
        (*_, event) = self.news(MessageReceived)
        assert isinstance(event, MessageReceived)
        return event.message_no

    def send_file(self, file: File | None = None, caption: str = "", *, forwarded: bool = False) -> int:
        result = self.give(Send(PEER_PHONE, caption, None, file or a_file(), forwarded)).results[-1]
        assert isinstance(result, int)
        return result

    def asked(self, kind: type[OutputT]) -> list[OutputT]:
        """What the last turn asked of the driver."""
        return [output for output in self.outputs if isinstance(output, kind)]

    def one(self, kind: type[OutputT]) -> OutputT:
        (found,) = self.asked(kind)
        return found

    @property
    def quiet(self) -> bool:
        """Whether the last turn asked nothing of the driver."""
        return not self.asked(Upload) + self.asked(Download) + self.asked(CheckFile) + self.asked(Inform)

    def went(self, output: Upload | Download | CheckFile | Inform, offset: int = -1, problem: str = "") -> Turn:
        """Say how a request went, after a second."""
        self.now_s += 1
        return self.give(TransferAnswer(output.request_no, offset, problem))

    def verdict(self) -> None:
        """The server accepts what was sent last."""
        self.mark += 1
        self.accept(self.link_no, self.mark)

    def upload_all(self) -> None:
        """Take every piece until there are no more."""
        while pieces := self.asked(Upload):
            (piece,) = pieces
            self.went(piece, piece.offset + piece.size)

    def said(self) -> Attachment | Text:
        """What the last envelope says."""
        (submit,) = self.submits()
        what = self.opened(submit)
        assert not isinstance(what, Copy)
        assert isinstance(what, Attachment | Text)
        return what

    def shown(self, message_no: int) -> Shown:
        attachment = self.message(message_no).attachment
        assert attachment
        return attachment

    def news(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events() if isinstance(event, kind)]

    def aborted(self) -> list[int]:
        return [output.request_no for output in self.asked(Abort)]
