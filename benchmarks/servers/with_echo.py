"""The floor: websockets' Sans-I/O core on uvloop, which sends every message back, and its links."""

from collections.abc import Sequence

from benchmarks.raw_links import RawLink, connect_all, masked
from benchmarks.servers.pairs import End


class EchoEnd(End):
    """Says messages of one length, and hears them again."""

    def __init__(self, link: RawLink, length: int) -> None:
        """Take a link and the length of a message's payload."""
        super().__init__(link.sock)
        self._link = link
        self._message = masked(bytes(length))

    def say(self, count: int) -> None:
        """Say the message again."""
        self.out.append(self._message * count)

    def hear(self, data: bytes) -> None:
        """Count what comes back."""
        self.received += sum(1 for _ in self._link.messages(data))
        self.accepted = self.received


def connect(port: int, count: int, length: int) -> list[tuple[End, End]]:
    """Open links to an echo; each is a pair of its own."""
    links: Sequence[RawLink] = connect_all(port, [None] * count)
    return [(end, end) for end in (EchoEnd(link, length) for link in links)]
