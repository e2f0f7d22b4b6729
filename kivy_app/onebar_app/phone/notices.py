"""Notifications: who wrote, and no more than the user wants seen on a locked phone."""

from typing import Final

from onebar_app.phone.android import activity, java

CHANNEL: Final = "messages"
"""The channel of Android's settings."""

_HIGH: Final = 4  # NotificationManager.IMPORTANCE_HIGH


def show(title: str, text: str, number: int) -> None:
    """Show a notification, in place of the one of the same number."""
    context = activity()
    manager = context.getSystemService("notification")
    manager.createNotificationChannel(java("android.app.NotificationChannel")(CHANNEL, "Onebar", _HIGH))
    builder = java("android.app.Notification$Builder")(context, CHANNEL)
    builder.setContentTitle(title).setContentText(text).setAutoCancel(True)
    builder.setSmallIcon(context.getApplicationInfo().icon)
    manager.notify(number, builder.build())
