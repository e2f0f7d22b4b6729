"""Files in virtual time: the disk of a phone, the server's blobs, and the requests between them, which fail at random.

A world moves files only if its plan says so; what is drawn for them is drawn apart, so no other world changes.
"""

import hashlib
import random
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from onebar.core.files import File
from onebar.core.turn import Abort, CheckFile, Download, Hold, Inform, TransferAnswer, TransferOutput, Upload
from onebar.crypto.attachments import AttachmentSecret, sealed_bytes

if TYPE_CHECKING:
    from tests.simulation.phone import Phone
    from tests.simulation.world import World

GIVEN_UP_S: Final = 30.0
"""The driver's own time-out."""

HEAD_BYTES: Final = 400
"""What a request has beside its body."""

CUT: Final = 0.1
"""Share of requests whose body is cut somewhere."""

LOST: Final = 0.1
"""Share of requests whose answer is lost."""

REFUSED: Final = 0.05
"""Share of requests that the server cannot answer now."""

SPOILED: Final = 0.03
"""Share of files that arrive damaged, once."""

CANCELLED: Final = 0.15
"""Share of files that their sender gives up a little later."""

_LENGTHS: Final = (0, 1, 5_000, 65_536, 65_537, 300_000)


def file_of(world: "World", text: str) -> File | None:
    """Return the file that a saying brings, always the same one; None for most."""
    dice = random.Random(f"{world.seed} file {text}")
    if dice.random() >= world.plan.files:
        return None
    length = dice.choice(_LENGTHS)
    sealed = sealed_of(text, length)
    secret = AttachmentSecret(dice.randbytes(32), length, bytes(32), hashlib.sha256(sealed).digest())
    return File(dice.randbytes(16), secret, "file")


def cancelled_after_s(world: "World", text: str) -> float | None:
    """Return when the sender of a saying with a file gives it up; None for most."""
    dice = random.Random(f"{world.seed} cancel {text}")
    return dice.choice((0.0, 1.0, 20.0)) if dice.random() < CANCELLED else None


def sealed_of(text: str, length: int) -> bytes:
    """Return what stands for the sealed file of a saying."""
    return random.Random(text).randbytes(sealed_bytes(length))


@dataclass(slots=True)
class Blob:
    """One file at the server."""

    owner: int
    length: int
    expected: int
    data: bytearray = field(default_factory=bytearray)
    fetched: set[int] = field(default_factory=set)

    def __repr__(self) -> str:
        """Show where it stands."""
        return f"<Blob {len(self.data)}/{self.length} {len(self.fetched)}/{self.expected}>"


class Blobs:
    """The server's files, as docs/attachments.md has them; they outlive its crashes."""

    def __init__(self) -> None:
        self.kept: dict[str, Blob] = {}
        self.dropped: set[str] = set()
        """What was here once: a request that comes late may begin such a file anew, for seven days and nobody."""

    def receive(self, account: int, output: Upload, body: bytes, *, whole: bool) -> tuple[int, str]:
        """Take in what arrived of a request; return where the upload stands, or what is wrong."""
        if output.step == "create":
            blob = self.kept.setdefault(output.blob, Blob(account, output.total_bytes, output.expected))
            if (blob.owner, blob.length) != (account, output.total_bytes):
                return -1, "id_taken"
            if blob.data:
                return len(blob.data), ""
        elif (found := self.kept.get(output.blob)) is None or found.owner != account:
            return -1, "not_found"
        else:
            blob = found
        if output.step == "append" and output.offset != len(blob.data):
            return -1, "wrong_offset"
        blob.data += body
        return (len(blob.data), "") if whole else (-1, "no_network")

    def inform(self, device: int, output: Inform) -> str:
        """Hear about a file; return what is wrong."""
        blob = self.kept.get(output.blob)
        if output.what == "downloaded":
            if blob is not None:
                blob.fetched.add(device)
        elif blob is None or (output.what == "recipients" and len(blob.data) < blob.length):
            return "not_found"
        elif output.what == "recipients":
            blob.expected += output.more
        else:
            self._drop(output.blob)
        if blob is not None and len(blob.fetched) >= blob.expected:
            self._drop(output.blob)
        return ""

    def _drop(self, blob_id: str) -> None:
        self.kept.pop(blob_id, None)
        self.dropped.add(blob_id)


class Courier:
    """The driver of one phone's files, and its disk."""

    def __init__(self, world: "World", phone: "Phone", disk: dict[str, bytes] | None = None) -> None:
        self.world, self.phone = world, phone
        self.disk = disk if disk is not None else {}
        """Whole sealed files, by digest; parts behind `part `. Survives crashes."""
        self._asked: dict[int, TransferOutput] = {}
        self._dice = random.Random(f"{world.seed} courier {phone.name}")

    def carry_out(self, output: TransferOutput) -> None:
        """Begin or give up a request."""
        if isinstance(output, Abort):
            for request_no in list(self._asked) if output.request_no == 0 else [output.request_no]:
                self._asked.pop(request_no, None)
            return
        if isinstance(output, Hold):
            return
        self._asked[output.request_no] = output
        clock = self.world.clock
        if isinstance(output, CheckFile):
            clock.after(0.01, partial(self._check, output))
            return
        flow = self.phone.weather.dial(clock.now_s)
        size = HEAD_BYTES + (output.size if isinstance(output, Upload | Download) else 0)
        there_s = flow.connects_s
        if there_s < clock.now_s + GIVEN_UP_S:
            there_s = flow.arrival_s(there_s, size, up=True)
        if there_s < clock.now_s + GIVEN_UP_S:
            clock.at(there_s, partial(self._arrive, output))
        else:
            clock.after(GIVEN_UP_S, partial(self._answer, output, -1, "no_network"))

    def crash(self) -> None:
        """The phone died: nobody waits for an answer any more."""
        self._asked.clear()

    def _answer(self, output: TransferOutput, offset: int, problem: str) -> None:
        assert not isinstance(output, Abort | Hold)
        if self._asked.get(output.request_no) is output and self.phone.awake:
            del self._asked[output.request_no]
            self.phone.hear(TransferAnswer(output.request_no, offset, problem))

    def _arrive(self, output: TransferOutput) -> None:
        """A request is at the server, whole or not; it counts there even if the phone has given it up."""
        fate = self._dice.random() if self.world.troubled else 1.0
        cut, lost, refused = fate < CUT, CUT <= fate < CUT + LOST, CUT + LOST <= fate < CUT + LOST + REFUSED
        offset, problem = -1, "unavailable"
        if not refused:
            offset, problem = self._at_server(output, cut=cut)
        if lost or cut:
            problem, offset = "no_network", offset if isinstance(output, Download) else -1
        self.world.note(self.phone.name, "file", type(output).__name__, offset, problem)
        self.world.clock.after(0.05, partial(self._answer, output, offset, problem))

    def _at_server(self, output: TransferOutput, *, cut: bool) -> tuple[int, str]:
        account, device = self.phone.address
        blobs = self.world.blobs
        if isinstance(output, Inform):
            return -1, "" if cut else blobs.inform(device, output)
        if isinstance(output, Download):
            return self._fetch(output, cut=cut)
        assert isinstance(output, Upload)
        body = self.disk[output.digest][output.offset : output.offset + output.size]
        return blobs.receive(account, output, body[: self._dice.randint(0, len(body))] if cut else body, whole=not cut)

    def _fetch(self, output: Download, *, cut: bool) -> tuple[int, str]:
        name, blob = f"part {output.digest}", self.world.blobs.kept.get(output.blob)
        if output.digest in self.disk:
            return output.total_bytes, ""
        part = self.disk.get(name, b"")
        if blob is None or len(blob.data) < blob.length:
            self.world.checks.look(
                "kept-until-fetched", self.world.file_excused(self.phone), f"{self.phone.name} cannot fetch {output}"
            )
            return len(part), "not_found"
        end = min(output.offset + output.size, output.total_bytes)
        came = bytes(blob.data[len(part) : end])
        self.disk[name] = part + (came[: self._dice.randint(0, len(came))] if cut else came)
        return len(self.disk[name]), ""

    def _check(self, output: CheckFile) -> None:
        digest, name = output.file.digest, f"part {output.file.digest}"
        if not self.disk.keys() & {digest, name}:
            self._answer(output, -1, "damaged")
            return
        data = self.disk.get(digest) or self.disk.pop(name, b"")
        once = f"spoiled {digest}"
        if self.world.troubled and self._dice.random() < SPOILED and not self.disk.keys() & {digest, once}:
            self.disk[once] = b""
            self._answer(output, -1, "damaged")
            return
        whole = hashlib.sha256(data).hexdigest() == digest
        self.world.checks.look("files-whole", whole, f"{self.phone.name}: {len(data)} bytes of {output.file!r}")
        self.disk[digest] = data
        self._answer(output, -1, "")
