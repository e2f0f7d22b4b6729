"""What the app takes on the phone's disk."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from onebar_app.view_models.session import Session


@dataclass(frozen=True, slots=True)
class Storage:
    """Bytes on the disk."""

    database_bytes: int
    files_bytes: int
    messages: int


async def measure(session: Session) -> Storage:
    """Add up the files of the database and those beside it."""
    messages = sum(chat.messages for chat in await session.messenger.chats())
    database, files = await asyncio.to_thread(_sizes, session.database)
    return Storage(database, files, messages)


def _sizes(database: Path) -> tuple[int, int]:
    own = files = 0
    for path in database.parent.glob(f"{database.name}*"):
        if path.is_dir():
            files += sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        elif path.is_file():
            own += path.stat().st_size
    return own, files
