"""The app on Android: the same screens, with the phone's keystore, networks and sharing."""

import json
from pathlib import Path
from typing import Final

from onebar import Client
from onebar_app.phone import push, syncing
from onebar_app.phone.android import activity
from onebar_app.phone.codes import read_codes
from onebar_app.phone.connectivity import follow
from onebar_app.phone.keystore import KeystoreCipher, vault
from onebar_app.phone.microphone import PhoneMicrophone
from onebar_app.phone.notices import show
from onebar_app.phone.permissions import CAMERA, ask, ask_to_notify
from onebar_app.phone.sharing import shared
from onebar_app.view_models.settings import Settings

CONFIGURATION: Final = Path(__file__).parent / "server.json"
"""Which server this build talks to: `{"server": "https://…"}`, written by who builds the app."""


def server_of(path: Path = CONFIGURATION) -> str:
    """Return the server of this build.

    Raises:
        FileNotFoundError: The build has none: docs/phone.md says how to write it.
    """
    return str(json.loads(path.read_text(encoding="utf-8"))["server"])


async def run() -> None:
    """Open the client under the keystore's key and show it until Android ends the app."""
    from onebar_app.ui import window

    window.prepare_phone()
    from onebar_app.ui.app import OnebarApp, Phone, system_language

    folder = Path(str(activity().getFilesDir().getAbsolutePath()))
    database = folder / "onebar.db"
    key = vault(database.with_suffix(".master"), KeystoreCipher())
    server = server_of()
    async with Client.open(database, server=server, vault=key) as client:
        unfollow = follow(client)
        app = OnebarApp(Phone(client, database, Settings(folder / "settings.json", system_language())))
        app.take_shared = lambda: shared(folder)
        app.notify = show
        app.microphone = PhoneMicrophone()
        app.reader = read_codes
        app.ask_to_notify = ask_to_notify
        app.before_camera = lambda: ask(CAMERA)
        app.sync_later = lambda: syncing.start(activity(), server, str(database))
        await push.register(client, push.bridge())
        try:
            await app.async_run("asyncio")
        finally:
            unfollow()
            await app.finish()
