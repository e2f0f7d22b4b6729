"""What a server has promised at a moment, read from the bytes that it had said by then."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from onebar.core import frames
from onebar.core.frames import Accepted, Deliver, Delivered, ServerFrame, Unreadable, Welcome

_HEAD_END: Final = b"\r\n\r\n"


class _Stream:
    """One connection's bytes: an HTTP answer, then WebSocket messages."""

    def __init__(self) -> None:
        self._head = b""
        self._reader: StreamReader | None = None

    def messages(self, data: bytes) -> list[bytes]:
        if self._reader is None:
            self._head += data
            head, found, data = self._head.partition(_HEAD_END)
            if not found or not head.startswith(b"HTTP/1.1 101"):
                return []
            self._reader = StreamReader()
        self._reader.feed_data(data)
        messages = []
        while (frame := self._frame()) is not None:
            if frame.opcode is Opcode.BINARY:
                messages.append(bytes(frame.data))
        return messages

    def _frame(self) -> Frame | None:
        assert self._reader is not None
        kept = bytes(self._reader.buffer)
        parsing = Frame.parse(self._reader.read_exact, mask=False)
        try:
            next(parsing)
        except StopIteration as done:
            frame: Frame = done.value
            return frame
        self._reader.buffer[:] = kept  # not complete: begin again with more
        return None


@dataclass
class Claims:
    """What the server told the devices whose connections have these ports."""

    devices: Mapping[int, int]
    """A device for each client's port."""
    accepted: dict[int, int] = field(default_factory=dict)
    """The mark that a sender was told."""
    delivered: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    """The recipient and `seq` under which a sender's number came."""
    sent: dict[int, int] = field(default_factory=dict)
    """The highest `seq` that a recipient was sent."""
    ticked: dict[int, set[int]] = field(default_factory=dict)
    """The numbers of which a sender was told that their recipient has them."""
    connection_no: dict[int, int] = field(default_factory=dict)
    """The connection number that was welcomed."""
    _streams: dict[int, _Stream] = field(default_factory=dict)

    def hear(self, port: int, data: bytes) -> None:
        """Take bytes that left for a client."""
        device = self.devices.get(port)
        if device is None:  # registration
            return
        for message in self._streams.setdefault(port, _Stream()).messages(data):
            for frame in frames.decode_server(message):
                self._take(device, frame)

    def _take(self, device: int, frame: ServerFrame | Unreadable) -> None:
        if isinstance(frame, Welcome):
            self.connection_no[device] = frame.connection_no
            self.accepted[device] = max(self.accepted.get(device, 0), frame.mark)
        elif isinstance(frame, Accepted):
            self.accepted[device] = max(self.accepted.get(device, 0), frame.mark)
        elif isinstance(frame, Deliver):
            self.delivered[frame.device, frame.out_no] = device, frame.seq
            self.sent[device] = max(self.sent.get(device, 0), frame.seq)
        elif isinstance(frame, Delivered):
            numbers = self.ticked.setdefault(device, set())
            for first, last in frame.out_nos:
                numbers.update(range(first, last + 1))
