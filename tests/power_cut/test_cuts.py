"""The proof sees what a server loses: here the server is a database, and the trace is made by hand."""

import random
from pathlib import Path

from onebar.core import frames
from onebar.core.frames import Accepted, Deliver, Delivered, Limits, Stock, Welcome
from onebar_mockserver.sqlite.database import FILE_NAME, open_database
from tests.mockserver.sqlite.test_invariants import SOUND
from tests.power_cut.claims import Claims
from tests.power_cut.cuts import cut_everywhere
from tests.power_cut.disk import Image
from tests.power_cut.recovery import recover
from tests.power_cut.trace import Create, Happening, Said, Sync, Write

HEAD = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
SENDER, READER = 5011, 5022
"""Ports of the devices 11 and 22 of SOUND: 11 has mark 3, of which 1 and 2 wait and 3 was rejected."""


def message(*said: frames.ServerFrame) -> bytes:
    payload = frames.encode_message(said)
    assert len(payload) < 126
    return bytes((0x82, len(payload))) + payload


def claims(*said: tuple[int, bytes]) -> Claims:
    made = Claims({SENDER: 11, READER: 22})
    for port, data in ((SENDER, HEAD), (READER, HEAD), *said):
        made.hear(port, data)
    return made


def sound(folder: Path) -> Image:
    """Return a database in which 2 more messages of device 11 wait, and its rejection counts as delivered."""
    connection = open_database(folder / FILE_NAME)
    connection.executescript(SOUND)
    connection.executescript("UPDATE positions SET mark = 2, notes_bytes = 0 WHERE device = 11; DELETE FROM notes")
    connection.close()
    image = {FILE_NAME: (folder / FILE_NAME).read_bytes()}
    (folder / FILE_NAME).unlink()
    return image


def deliver(seq: int, out_no: int) -> bytes:
    return message(Deliver(seq - 1, seq, 1, 11, out_no, 0, 0, b"x"))


def test_what_is_there_is_not_lost(tmp_path: Path) -> None:
    image = sound(tmp_path)
    stream = message(Accepted(2, ())) + message(Delivered(0, 1, 2, 22, ()))
    kept = claims((SENDER, stream[:3]), (SENDER, stream[3:]), (READER, deliver(2, 1)), (READER, deliver(3, 2)))
    assert kept.accepted == {11: 2}
    assert kept.delivered == {(11, 1): (22, 2), (11, 2): (22, 3)}
    assert recover(image, tmp_path, kept) == []
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_there_is_lost(tmp_path: Path) -> None:
    image = sound(tmp_path)
    welcome = Welcome(0, 9, 1, 0, 0, b"", (), Limits(0, 0, 0, 0, 0, 0), 0, Stock())
    assert recover(image, tmp_path, claims((SENDER, message(Accepted(3, ()))))) == [
        "device 11 was told mark 3, and that is not in the database"
    ]
    assert recover(image, tmp_path, claims((READER, deliver(4, 2)))) == [
        "device 22 was told sent 4, and that is not in the database"
    ]
    assert recover(image, tmp_path, claims((SENDER, message(welcome)))) == [
        "device 11 was told connection_no 9, and that is not in the database"
    ]
    assert recover(image, tmp_path, claims((SENDER, message(Delivered(0, 1, 2, 22, ((2, 2),)))))) == [
        "device 11 was told that 2 was delivered, and it waits"
    ]
    assert recover({FILE_NAME: image[FILE_NAME][:5000]}, tmp_path, claims())[0].startswith("it cannot be opened")


def test_a_message_that_is_nowhere_is_lost_unless_it_was_acknowledged(tmp_path: Path) -> None:
    image = sound(tmp_path)
    (tmp_path / FILE_NAME).write_bytes(image[FILE_NAME])
    connection = open_database(tmp_path / FILE_NAME)
    connection.executescript(
        "DELETE FROM entries WHERE seq = 2; UPDATE positions SET mailbox_bytes = 42, acked = 2 WHERE device = 22"
    )
    connection.close()
    image = {FILE_NAME: (tmp_path / FILE_NAME).read_bytes()}
    (tmp_path / FILE_NAME).unlink()
    assert recover(image, tmp_path, claims((READER, deliver(2, 1)))) == []
    assert recover(image, tmp_path, claims()) == ["message 1 of device 11 is in no mailbox, and nobody acknowledged it"]


def test_a_server_that_speaks_before_its_sync_is_caught(tmp_path: Path) -> None:
    data = sound(tmp_path)[FILE_NAME]
    created: list[Happening] = [Create(FILE_NAME), Sync(".")]
    write, sync, said = Write(FILE_NAME, 0, data), Sync(FILE_NAME), Said(SENDER, message(Accepted(2, ())))
    honest = cut_everywhere([*created, write, sync, said], claims(), 0, random.Random(1), tmp_path)
    assert (honest.points, honest.checkpoints, honest.problems) == (2, 1, [])
    assert (honest.planted, honest.found) == (1, 1)
    liar = cut_everywhere([*created, write, said, sync], claims(), 0, random.Random(1), tmp_path)
    assert any("was told mark 2" in line or "cannot be opened" in line for line in liar.problems), liar.problems
