"""The app as a process that a test may kill: it opens a chat and sends texts by touching the screen.

Arguments: server, database, the other's number, how many texts, a name for them.
"""

import asyncio
import sys
from pathlib import Path

from onebar import Client
from tests.app.stage import Stage, prepare


def sent(stage: Stage) -> int:
    """Return how many texts of ours the chat has: what comes in meanwhile is none."""
    return sum(message.outgoing for message in stage.screen.chat.messages)


async def main(server: str, path: str, phone: str, texts: int, name: str) -> None:
    """Send, and say what was sent before each tap, so that a kill cannot fool the test."""
    from onebar_app.ui.screens.chats import open_chat

    database = Path(path)
    async with Client.open(database, server=server) as client, Stage(client, database) as stage:
        await stage.until(lambda: stage.shell.chats.loaded)
        open_chat(stage.shell, phone)
        await stage.until(lambda: stage.screen.chat.loaded and stage.screen.composer)
        for number in range(texts):
            print(f"sending {name} {number}", flush=True)
            known = sent(stage)
            stage.screen.composer.entry.text = f"{name} {number}"
            await stage.tap_on(stage.screen.composer.button)
            await stage.until(lambda known=known: sent(stage) > known)  # type: ignore[misc]
            print(f"committed {name} {number}", flush=True)
        print("done", flush=True)
        await asyncio.Event().wait()  # it receives until it is killed


if __name__ == "__main__":
    prepare()
    server, path, phone, texts, name = sys.argv[1:]
    asyncio.run(main(server, path, phone, int(texts), name))
