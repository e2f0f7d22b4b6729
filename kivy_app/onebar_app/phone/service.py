"""The foreground service: fetches and sends what waits, in a process of its own, and ends.

Android 15 lets a `dataSync` service run six hours a day, so it does not stay: a push or the app starts it, and
`Client.handle_push` says when nothing waits any more. The app and the service share the database: the SDK lets one of
them hold the connection, and the other waits its turn.
"""

import asyncio
import os
from pathlib import Path
from typing import Final

from onebar import Client
from onebar.crypto.wrapping import KeyVault

DRAIN_S: Final = 60.0
"""How long one round may take: a push wakes the phone for about as long."""


async def sync(database: Path, server: str, key: KeyVault | None, patience_s: float = DRAIN_S) -> bool:
    """Fetch and send what waits; return whether that was done here.

    Args:
        database: The device's file.
        server: The server's URL.
        key: The phone's vault; None: the key file beside the database.
        patience_s: How long to wait for the app's process, if it has the connection, to end.
    """
    async with Client.open(database, server=server, vault=key) as client:
        if not client.registered or not await _our_turn(client, patience_s):
            return False  # nobody has registered yet, or the app itself is connected
        return (await client.handle_push(DRAIN_S)).done


async def _our_turn(client: Client, patience_s: float) -> bool:
    try:
        async with asyncio.timeout(patience_s):
            async for _ in client.link_changes():
                if client.holding:
                    break
    except TimeoutError:
        return False
    return client.holding


def main() -> None:
    """Run as python-for-android starts it: the argument is the server, a newline, and the database."""
    server, database = os.environ["PYTHON_SERVICE_ARGUMENT"].split("\n")
    from onebar_app.phone.keystore import KeystoreCipher, vault

    path = Path(database)
    asyncio.run(sync(path, server, vault(path.with_suffix(".master"), KeystoreCipher())))


if __name__ == "__main__":
    main()
