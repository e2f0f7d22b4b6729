"""What Android lets an app do only if the user says so, asked for when it is needed."""

from typing import Final

from onebar_app.phone.android import java

# Android's names of them.
MICROPHONE: Final = "android.permission.RECORD_AUDIO"
CAMERA: Final = "android.permission.CAMERA"
NOTIFICATIONS: Final = "android.permission.POST_NOTIFICATIONS"

ASKED_SINCE: Final = 33
"""From this API on, Android 13, notifications need the user's word."""


def sdk() -> int:
    """Return the level of Android's API."""
    return int(java("android.os.Build$VERSION").SDK_INT)


def held(permission: str) -> bool:
    """Whether the user has allowed it."""
    from android.permissions import check_permission

    return bool(check_permission(permission))


def ask(permission: str) -> bool:
    """Return whether it is allowed; if not, let Android ask the user, who answers later."""
    if held(permission):
        return True
    from android.permissions import request_permissions

    request_permissions([permission])
    return False


def ask_to_notify() -> None:
    """Ask whether notifications may be shown, where that has to be asked."""
    if sdk() >= ASKED_SINCE:
        ask(NOTIFICATIONS)
