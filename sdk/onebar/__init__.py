"""Messaging that gets through on one bar of signal: every message once, in order, encrypted.

    from onebar import Client

Everything an app needs is here; `onebar.errors` draws the tree of exceptions, `onebar.events` has all events.
"""

from onebar.client import Client
from onebar.config import Config
from onebar.conversation import Conversation
from onebar.core.records import Trust
from onebar.crypto.safety_numbers import SafetyNumber
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
    Event,
    MessageDelivered,
    MessageFailed,
    MessageRead,
    MessageReceived,
    MessageSent,
    SafetyNumberChanged,
)
from onebar.models import Message, MessageState
from onebar.sent_message import SentMessage
from onebar.version import __version__

__all__ = [
    "Client",
    "Config",
    "Conversation",
    "Event",
    "InputError",
    "Message",
    "MessageDelivered",
    "MessageFailed",
    "MessageFailedError",
    "MessageRead",
    "MessageReceived",
    "MessageSent",
    "MessageState",
    "NotRegisteredError",
    "OnebarError",
    "RegistrationError",
    "SafetyNumber",
    "SafetyNumberChanged",
    "SentMessage",
    "StoreError",
    "Tls",
    "TransportError",
    "Trust",
    "WaitTimeoutError",
    "__version__",
]
