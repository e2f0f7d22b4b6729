"""Every version that was ever frozen can still be read, and its databases can go on (CHANGELOG.md)."""

import gzip
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from onebar.core import frames
from onebar.crypto.wrapping import WrappingKey
from onebar.models import MessageState
from onebar.store import SqliteStore, open_store
from onebar.version import __version__
from onebar_mockserver import MockServer
from onebar_mockserver.flight import is_signed_by, open_flight
from onebar_mockserver.sqlite.database import FILE_NAME, open_database
from tests.compat.freeze import DATA, Line, freeze, plain_message
from tests.compat.values import agrees, plain
from tests.mockserver.rawclient import register
from tests.simulation.inline import copy
from tests.simulation.phone import VAULT_KEY, Image
from tests.simulation.scenarios import calm_world, came, expect, pass_time

VERSIONS = sorted(folder.name for folder in DATA.iterdir())

CLIENT_FRAMES = {"Hello", "Submit", "Void", "Ack", "Request", "Ping"}

LATER = {"v0.1.0": {"Slow"}}
"""Frames that a version did not have."""


def transcript(version: str) -> list[Line]:
    text = (DATA / version / "transcript.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def expected(version: str) -> Any:
    return json.loads((DATA / version / "expected.json").read_text(encoding="utf-8"))


def unpacked(version: str, name: str, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.decompress((DATA / version / f"{name}.gz").read_bytes()))
    return path


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_this_version_is_frozen() -> None:
    assert f"v{__version__}" in VERSIONS, "run python -m tests.compat.freeze"


def test_every_frozen_message_is_read_as_it_was_meant(version: str) -> None:
    for number, line in enumerate(transcript(version), 1):
        data = bytes.fromhex(line["bytes"])
        if line["way"] == "down":
            read = plain(frames.decode_server(data))
        else:
            read = plain(frames.decode_client(data[64:] if line["way"] == "flight" else data))
        assert agrees(read, line["frames"]), (number, read, line["frames"])


def test_every_frozen_flight_is_still_signed_right(version: str) -> None:
    flights = [line for line in transcript(version) if line["way"] == "flight"]
    assert flights
    for line in flights:
        flight = open_flight(bytes.fromhex(line["bytes"]))
        assert is_signed_by(bytes.fromhex(line["identity_key"]), line["host"], flight.signature, flight.message)


def test_every_kind_of_frame_is_frozen(version: str) -> None:
    seen = {frame["is"] for line in transcript(version) for frame in line["frames"]}
    server = {kind.__name__ for kind in frames.ServerFrame.__args__}
    assert seen >= CLIENT_FRAMES | server - LATER.get(version, set())
    talked = [{frame["is"] for frame in line["frames"]} for line in transcript(version)[:-2]]
    assert set().union(*talked) >= {"Hello", "Submit", "Ack", "Welcome", "Accepted", "Deliver", "Delivered", "Response"}


@pytest.mark.parametrize("name", ["alice", "bob"])
def test_a_phones_database_is_opened_with_all_that_is_in_it(version: str, name: str, tmp_path: Path) -> None:
    store = opened_for_simulation(unpacked(version, f"{name}.db", tmp_path / "onebar.db"))
    with closing(store):
        known = expected(version)
        (chat,) = store.chats()
        found = [plain_message(message) for message in store.history(chat.phone, 1000)]
        assert found == known["history"][name]
        if name == "alice":
            assert [message.text for message in store.outbox_messages()] == known["outbox"]


async def test_the_backends_database_serves_on(version: str, tmp_path: Path) -> None:
    unpacked(version, "backend.sqlite3", tmp_path / FILE_NAME)
    with closing(open_database(tmp_path / FILE_NAME)) as connection:
        for phone, count in expected(version)["mailbox"].items():
            found = connection.execute(
                "SELECT count(*) FROM entries JOIN devices USING (device) JOIN accounts USING (account)"
                " WHERE phone = ? AND kind = 1",
                (phone,),
            ).fetchone()
            assert found == (count,)
    async with MockServer(tmp_path) as server:
        stranger = await register(server, "+4915112345671")
        line = await stranger.dial()
        await line.until(frames.CaughtUp)
        await line.close()


def test_the_databases_go_on_where_they_stopped(version: str, tmp_path: Path) -> None:
    known = expected(version)
    world = calm_world(5)
    with (
        closing(open_database(unpacked(version, "backend.sqlite3", tmp_path / FILE_NAME))) as backend,
        closing(opened_for_simulation(unpacked(version, "alice.db", tmp_path / "alice.db"))) as alice,
        closing(opened_for_simulation(unpacked(version, "bob.db", tmp_path / "bob.db"))) as bob,
    ):
        for author, name in enumerate(("alice", "bob")):
            for way, _, text in known["history"][name]:
                expect(world, author if way == "out" else 1 - author, 1 - author if way == "out" else author, text)
        world.server.restore((copy(backend), {}))
        for phone, store in zip(world.phones, (alice, bob), strict=True):
            phone.app.looked_up_to = 10**9  # what these databases tell happened in another world
            phone.restore(Image(connection_of(store), phone.app, {}))
        pass_time(world, 400)  # what the interim sealer of 0.1.0 had sealed is asked for again
        one, other = world.phones
        other.app.say(expect(world, 1, 0, "to Alice, by a later version"))
        pass_time(world, 120)
        texts = [text for way, _, text in known["history"]["alice"] if way == "out"]
        assert came(other, one) == texts
        assert came(one, other)[-1] == "to Alice, by a later version"
        history = one.store.history(other.number, 1000)
        assert {message.state for message in history if message.outgoing} == {MessageState.DELIVERED}
    for connection in (world.server.engine.connection, *(phone.database.connection for phone in world.phones)):
        connection.close()


def opened_for_simulation(path: Path) -> SqliteStore:
    return open_store(path, vault=WrappingKey(VAULT_KEY, os.urandom))


def connection_of(store: Any) -> sqlite3.Connection:
    connection: sqlite3.Connection = store._database.connection
    return connection


def test_what_is_frozen_for_this_version_is_what_it_writes(tmp_path: Path) -> None:
    """Until it is released; then this version's number rises, and its folder is never written again."""
    freeze(tmp_path)
    for name in ("transcript.jsonl", "expected.json"):
        frozen = (DATA / f"v{__version__}" / name).read_text(encoding="utf-8")
        assert (tmp_path / name).read_text(encoding="utf-8") == frozen, "run python -m tests.compat.freeze"
    for name in ("backend.sqlite3", "alice.db", "bob.db"):
        schemas = []
        for packed in (DATA / f"v{__version__}", tmp_path):
            file = tmp_path / "unpacked"
            file.write_bytes(gzip.decompress((packed / f"{name}.gz").read_bytes()))
            with closing(sqlite3.connect(file)) as connection:
                schemas.append(connection.execute("SELECT sql FROM sqlite_schema ORDER BY name").fetchall())
        assert schemas[0] == schemas[1], "run python -m tests.compat.freeze"
