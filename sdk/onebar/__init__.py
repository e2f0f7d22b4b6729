"""Messaging that gets through on one bar of signal: every message once, in order, encrypted.

    from onebar import Client

Everything an app needs is here; `onebar.errors` draws the tree of exceptions, `onebar.events` has all events.
"""

from onebar.client import Client, Conversation, SentMessage
from onebar.config import Config
from onebar.drivers.tls import Tls
from onebar.errors import (
    InputError,
    MessageFailedError,
    NotRegisteredError,
    OnebarError,
    RegistrationError,
    StoreError,
    TransportError,
    WaitTimeoutError,
)
from onebar.events import (
    DeviceRemoved,
    DeviceReplaced,
    Event,
    MessageDelivered,
    MessageFailed,
    MessageReceived,
    MessageSent,
)
from onebar.models import Chat, LinkStatus, Message, MessageState
from onebar.version import __version__

__all__ = [
    "Chat",
    "Client",
    "Config",
    "Conversation",
    "DeviceRemoved",
    "DeviceReplaced",
    "Event",
    "InputError",
    "LinkStatus",
    "Message",
    "MessageDelivered",
    "MessageFailed",
    "MessageFailedError",
    "MessageReceived",
    "MessageSent",
    "MessageState",
    "NotRegisteredError",
    "OnebarError",
    "RegistrationError",
    "SentMessage",
    "StoreError",
    "Tls",
    "TransportError",
    "WaitTimeoutError",
    "__version__",
]
