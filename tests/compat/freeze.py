"""Writes this version's wire and databases down, for every later version to read: `python -m tests.compat.freeze`.

Run it once for each version that is released, and whenever the version that is not released yet changes on the
wire or on disk; a released version's folder is never written again. Time and dice are fixed, so it is repeatable.
"""

import gzip
import json
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from msgspec import Raw

from onebar.core import frames
from onebar.core.frames import Note, ServerFrame
from onebar.core.questions import (
    METHODS,
    AccountInfo,
    AddDevice,
    Added,
    Bundle,
    FindAccount,
    FindBundle,
    FindDevice,
    FindPhone,
    Limited,
    Publish,
    Question,
    RegisterPush,
)
from onebar.version import __version__
from onebar_mockserver.limits import ServerLimits
from onebar_mockserver.sqlite.database import APPLICATION_ID, MIGRATIONS
from tests.compat.values import plain
from tests.simulation.network import HOST, Wire
from tests.simulation.phone import Phone
from tests.simulation.scenarios import calm_world, expect, pass_time
from tests.simulation.world import World

DATA: Final = Path(__file__).parent / "data"
"""One folder for each version."""

SEED: Final = 20260101
"""Of the dice."""

FOR_GOOD_S: Final = 1e9
"""Longer than anything here lasts."""

Line = dict[str, Any]


@contextmanager
def recorded(lines: list[Line]) -> Iterator[None]:
    """Take down what travels on all wires, in both directions."""
    board, to_server, to_phone = Wire._board, Wire.to_server, Wire.to_phone

    def flying(self: Wire, flight: bytes) -> None:
        key = self.phone.engine.public_keys().identity_key.hex()
        lines.append(line("flight", flight, phone=self.phone.number, identity_key=key, host=HOST))
        board(self, flight)

    def up(self: Wire, data: bytes) -> None:
        lines.append(line("up", data, phone=self.phone.number))
        to_server(self, data)

    def down(self: Wire, data: bytes) -> None:
        lines.append(line("down", data, phone=self.phone.number))
        to_phone(self, data)

    with (
        patch.object(Wire, "_board", flying),
        patch.object(Wire, "to_server", up),
        patch.object(Wire, "to_phone", down),
    ):
        yield


def line(way: str, data: bytes, **more: str) -> Line:
    """Return one recorded message with what this version reads in it."""
    if way == "down":
        read = plain(frames.decode_server(data))
    else:
        read = plain(frames.decode_client(data[64:] if way == "flight" else data))
    return {"way": way, **more, "bytes": data.hex(), "frames": read}


def samples() -> Iterator[Line]:
    """Yield a message for each kind of frame, those included that a calm conversation does not have."""
    note = Note(4, "mailbox_full", ((2, 23),), ((2, 22), (3, 31)))
    sealed = Raw(frames.encode([frames.Recipient(2, ((22, b"ciphertext"), (23, b"other")))]))
    up: list[frames.ClientFrame] = [
        frames.Hello(1, 11, 5, 1_790_000_000_000, 3, 70_000, 12, (69_998, 70_000)),
        frames.Submit(13, 12, frames.FLAG_SILENT | frames.FLAG_TOP_UP, sealed),
        frames.Void(14, 12),
        frames.Ack(3, 70_001, (70_001,)),
        *(
            frames.Request(number, METHODS[type(question)], Raw(frames.encode(question)))
            for number, question in enumerate(_questions(), 1)
        ),
        frames.Ping(2**63 - 1),
    ]
    info = AccountInfo(2, "+12025550102", b"the list", b"the certificate", removed=True)
    down: list[ServerFrame] = [
        frames.Welcome(
            *(1_790_000_000_000, 5, 3, 70_000, 12, b"h" * 16, (note,), ServerLimits().announced(), 11),
            frames.Stock(3, 1_789_000_000_000, 99, 25),
        ),
        frames.Accepted(13, (note,)),
        frames.Response(1, "", Raw(frames.encode(info))),
        frames.Response(2, "no_account"),
        frames.Response(3, "", Raw(frames.encode(Bundle(b"signed", b"one-time", b"kem")))),
        frames.Response(4, "", Raw(frames.encode(Added(23)))),
        frames.Deliver(1, 2, 2, 22, 7, 1_790_000_000_001, frames.FLAG_SILENT, b"ciphertext"),
        frames.Dropped(2, 5, 3, "expired"),
        frames.CaughtUp(5),
        frames.Delivered(5, 6, 2, 22, ((1, 3), (5, 5))),
        frames.Undelivered(6, 7, 2, 22, 4, "device_removed"),
        frames.Pong(2**63 - 1),
        frames.GoAway(2000, "restart"),
        frames.Refused("connection_number", 9),
        frames.FlightWanted(),
        frames.Slow(14, "messages", 1000),
        frames.Response(5, "rate_limited", Raw(frames.encode(Limited("lookups", 10_000)))),
    ]
    yield line("up", frames.encode_message(up))
    yield line("down", frames.encode_message(down))


def _questions() -> list[Question]:
    return [
        FindPhone("+12025550102"),
        FindAccount(2),
        FindDevice(2, 22),
        FindBundle(2, 22),
        Publish(b"the list", b"signed", 1_789_000_000_000, ((1, b"one-time"),), ((2, b"kem"),)),
        AddDevice(b"i" * 32, b"b" * 32, b"s" * 64),
        RegisterPush("apns", "ab" * 32),
    ]


def conversation() -> tuple[World, list[Line]]:
    """Play a conversation that ends with mail waiting for Bob, and with a text in Alice's outbox."""
    lines: list[Line] = []
    with recorded(lines):
        world = calm_world(SEED)
        alice, bob = world.phones
        for number in range(1, 4):
            alice.app.say(expect(world, 0, 1, f"to Bob {number}"))
            bob.app.say(expect(world, 1, 0, f"to Alice {number} ✓"))
            pass_time(world, 10)
        alice.wires[max(alice.wires)].cut("for a second link", lose=True)
        pass_time(world, 60)
        bob.leave()
        for number in range(4, 7):
            alice.app.say(expect(world, 0, 1, f"to Bob {number}"))
        pass_time(world, 30)
        alice.weather.blackout(world.clock.now_s, FOR_GOOD_S)
        _hang_up(alice)
        pass_time(world, 5)
        alice.app.say(expect(world, 0, 1, "to Bob 7"))
        pass_time(world, 0.01)
    return world, lines + list(samples())


def _hang_up(phone: Phone) -> None:
    for wire in list(phone.wires.values()):
        wire.cut("gone", lose=True)


def freeze(folder: Path) -> None:
    """Write everything into this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    world, lines = conversation()
    with (folder / "transcript.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    server = world.server.engine.connection
    server.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    server.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    save(server, folder / "backend.sqlite3.gz")
    for name, phone in zip(("alice", "bob"), world.phones, strict=True):
        save(phone.database.connection, folder / f"{name}.db.gz")
    expected = {
        "history": {
            name: [plain_message(message) for message in phone.store.history(other.number, 1000)]
            for name, phone, other in (
                ("alice", world.phones[0], world.phones[1]),
                ("bob", world.phones[1], world.phones[0]),
            )
        },
        "outbox": [message.text for message in world.phones[0].store.outbox_messages()],
        "mailbox": {
            phone.number: server.execute(
                "SELECT count(*) FROM entries JOIN devices USING (device) JOIN accounts USING (account)"
                " WHERE phone = ? AND kind = 1",
                (phone.number,),
            ).fetchone()[0]
            for phone in world.phones
        },
    }
    text = json.dumps(expected, ensure_ascii=False, indent=1) + "\n"
    (folder / "expected.json").write_text(text, encoding="utf-8")


def plain_message(message: Any) -> list[str]:
    """Return what a history must still say of a message."""
    return ["out" if message.outgoing else "in", str(message.state), message.text]


def save(connection: sqlite3.Connection, path: Path) -> None:
    """Write a database as one file, as it is after a clean end, with its log folded in; compressed."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "database"
        connection.execute("VACUUM INTO ?", (str(file),))
        written = sqlite3.connect(file)
        written.execute("PRAGMA journal_mode = WAL")
        written.close()
        path.write_bytes(gzip.compress(file.read_bytes(), mtime=0))


if __name__ == "__main__":
    freeze(DATA / f"v{__version__}")
    sys.exit(0)
