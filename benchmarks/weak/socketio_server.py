"""The server of Socket.IO's chat tutorial, steps 7 and 8, for two people: `python -m … PORT DATABASE [photos]`."""

import sqlite3
import sys
from contextlib import closing
from typing import Any, Final

PING_S: Final = 5
"""Probes a connection this often and gives it this long to answer; the defaults are 25 and 20 s."""

PHOTOS_PING_S: Final = (25, 20)
"""The defaults, where there are photos: an answer waits behind a photo, and on 2G no photo ever came with less."""

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS texts (
    number INTEGER PRIMARY KEY AUTOINCREMENT, sender INT, sender_number INT, recipient INT, text TEXT,
    UNIQUE (sender, sender_number))
"""
"""The tutorial's table: a client's own number makes a text that is sent twice one text."""


def make_server(database: sqlite3.Connection, *, photos: bool) -> Any:
    """Return the server with its handlers; a photo is a text of bytes."""
    import socketio

    every_s, within_s = PHOTOS_PING_S if photos else (PING_S, PING_S)
    server = socketio.AsyncServer(
        async_mode="aiohttp", ping_interval=every_s, ping_timeout=within_s, always_connect=True
    )

    async def connect(sid: str, _: object, auth: dict[str, int]) -> None:
        await server.save_session(sid, auth)
        query = "SELECT number, text FROM texts WHERE recipient = ? AND number > ? ORDER BY number"
        offset = auth["offset"]
        while missed := database.execute(query, (auth["user"], offset)).fetchall():
            for offset, words in missed:
                await server.emit("text", (offset, words), to=sid)
        await server.enter_room(sid, f"user {auth['user']}")  # at once after the last look: nothing comes between

    async def text(sid: str, other: int, sender_number: int, words: str | bytes) -> None:
        sender = (await server.get_session(sid))["user"]
        insert = "INSERT OR IGNORE INTO texts (sender, sender_number, recipient, text) VALUES (?, ?, ?, ?)"
        made = database.execute(insert, (sender, sender_number, other, words))
        database.commit()
        if made.rowcount:
            await server.emit("text", (made.lastrowid, words), to=f"user {other}")

    server.on("connect", connect)
    server.on("text", text)
    return server


def main() -> None:
    """Serve until SIGTERM."""
    from aiohttp import web

    port, path, *photos = sys.argv[1:]
    with closing(sqlite3.connect(path)) as database:
        database.execute(SCHEMA)
        app = web.Application()
        make_server(database, photos=bool(photos)).attach(app)
        web.run_app(app, host="127.0.0.1", port=int(port), print=None)


if __name__ == "__main__":
    main()
