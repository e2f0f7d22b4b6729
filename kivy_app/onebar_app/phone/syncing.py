"""Starting the service that sends and fetches while the app is not in front (`phone/service.py`)."""

from typing import Any, Final

from onebar_app.phone.android import java

SERVICE: Final = "org.onebar.onebar.ServiceSync"
"""The class that python-for-android makes of `services = Sync:…` and the package's name in `buildozer.spec`."""


def start(context: Any, server: str, database: str) -> None:
    """Start it; does nothing if it runs.

    Android lets an app do so while it is in front or is just leaving, and for a push of high priority.

    Args:
        context: The activity, or what a push was given.
        server: The server's URL.
        database: The device's file.
    """
    java(SERVICE).start(context, f"{server}\n{database}")
