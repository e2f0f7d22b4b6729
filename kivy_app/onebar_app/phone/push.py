"""Push by Firebase, if the build has it: a small class of Java keeps the token and hands it out (docs/phone.md)."""

from typing import Any, Final, Protocol

from onebar import OnebarError
from onebar_app.phone.android import java

BRIDGE: Final = "org.onebar.push.PushBridge"
"""The class of Java that knows Firebase: `static String token()`, null while there is none."""


class PushTaker(Protocol):
    """The part of `onebar.Client` that takes tokens."""

    async def register_push(self, kind: str, token: str) -> None:
        """Let the server wake this device."""


def bridge() -> Any:
    """Return the class of Java, or None: this build has no Firebase."""
    try:
        return java(BRIDGE)
    except Exception:  # noqa: BLE001 - ImportError on a desktop, and pyjnius's own class for a class that is not there
        return None


async def register(client: PushTaker, found: Any) -> bool:
    """Tell the SDK the token that Firebase gave this time, at each start of the app; return whether there was one.

    Args:
        client: The open client.
        found: What `bridge` returned.
    """
    token = found.token() if found is not None else None
    if not token:
        return False
    try:
        await client.register_push("fcm", str(token))
    except OnebarError:
        return False  # the service holds the connection just now: the next start tells it
    return True
