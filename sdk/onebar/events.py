"""What the SDK tells the app: rows of the database, numbered in the turn that caused them (docs/protocol.md R13).

Every consumer gets each event at least once, in order. An app that stores `event_no` together with the event's effect
gets it exactly once.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, and is committed."""

    event_no: int
    """Rises with every event of this database; never used twice."""


@dataclass(frozen=True, slots=True)
class MessageEvent(Event):
    """Something that happened to one message."""

    message_no: int
    """Number of the message in this database."""
    chat: str
    """The other side's phone number."""

    def __repr__(self) -> str:
        """Show which message, never its chat or text."""
        return f"<{type(self).__name__} {self.event_no}: message {self.message_no}>"


@dataclass(frozen=True, slots=True, repr=False)
class MessageQueued(MessageEvent):
    """`send` committed it to the outbox."""


@dataclass(frozen=True, slots=True, repr=False)
class MessageSent(MessageEvent):
    """The server has it durably."""


@dataclass(frozen=True, slots=True, repr=False)
class MessageDelivered(MessageEvent):
    """A device of the recipient opened it and has it durably."""


@dataclass(frozen=True, slots=True, repr=False)
class MessageRead(MessageEvent):
    """A person has read it."""


@dataclass(frozen=True, slots=True, repr=False)
class MessageFailed(MessageEvent):
    """It ended as expired, rejected or undeliverable."""

    state: str
    """`expired`, `rejected` or `undeliverable`."""
    reason: str
    """Why, as one word."""


@dataclass(frozen=True, slots=True, repr=False)
class MessageReceived(MessageEvent):
    """A message came in."""

    text: str
    """What it says."""


@dataclass(frozen=True, slots=True, repr=False)
class ChatRequested(MessageEvent):
    """Somebody wrote for the first time, to whom nothing was said here: show the chat as a request.

    The message follows as `MessageReceived`. Until `Conversation.accept`, or something is sent in it, the other side is
    not told what was read, and files do not come by themselves.
    """


@dataclass(frozen=True, slots=True, repr=False)
class MessageUnreadable(MessageEvent):
    """A message came in that could not be opened, even after it was asked for again."""


@dataclass(frozen=True, slots=True, repr=False)
class MessageUnsupported(MessageEvent):
    """A message came in that only a later version of this app can show; it is kept until then."""


@dataclass(frozen=True, slots=True, repr=False)
class AttachmentReceived(MessageEvent):
    """The file of a message is here, whole, and the one that its sender sealed."""


@dataclass(frozen=True, slots=True, repr=False)
class AttachmentFailed(MessageEvent):
    """The file of a message that came in will not come."""

    reason: str
    """Why, as one word: `gone` from the server, `damaged`, `file_lost` (the disk), or what is wrong with a picture."""


@dataclass(frozen=True, slots=True)
class ChatEvent(Event):
    """Something that happened to a chat."""

    chat: str
    """The other side's phone number."""

    def __repr__(self) -> str:
        """Show what happened, never to which chat."""
        return f"<{type(self).__name__} {self.event_no}>"


@dataclass(frozen=True, slots=True, repr=False)
class SafetyNumberChanged(ChatEvent):
    """The other side has another account key: a new phone, or somebody who sits between the two of you.

    If the chat was verified, nothing is sent until `Conversation.accept_safety_number` or `Conversation.verify`.
    """


@dataclass(frozen=True, slots=True, repr=False)
class DevicesChanged(ChatEvent):
    """The other side, or our own account if it is our number, has added or removed a device."""


@dataclass(frozen=True, slots=True, repr=False)
class SessionHealed(ChatEvent):
    """A message did not open, and a new session was started; what was missing is asked for again."""


@dataclass(frozen=True, slots=True, repr=False)
class ChatChanged(ChatEvent):
    """A chat was read, muted, pinned or archived, came back from the archive, or has another draft."""


@dataclass(frozen=True, slots=True, repr=False)
class ProfileChanged(ChatEvent):
    """The other side has another name, sentence or photo (`Conversation.profile`); our own account, if it is ours."""


@dataclass(frozen=True, slots=True)
class DeviceReplaced(Event):
    """The device went on under a new id: its database was an old copy (docs/protocol.md R20), or the server forgot it.

    What a lost copy had already received is not here; ask the people you talk to.
    """


@dataclass(frozen=True, slots=True)
class DeviceRemoved(Event):
    """The account no longer knows this device; everything unsent has ended as undeliverable (R18)."""

    reason: str
    """`device_removed` or `account_gone`."""


@dataclass(frozen=True, slots=True)
class RateLimited(Event):
    """The server takes no more of something for now. The SDK waits and goes on by itself; nothing is lost.

    It is told once a minute for each limit, not with each message that waits.
    """

    limit: str
    """Its name, of docs/protocol.md §8: `messages`, `first_contacts`, `prekeys`, `connections`, …"""
    until_ms: int
    """When the next one is tried, in milliseconds since 1970."""


@dataclass(frozen=True, slots=True)
class Resync(Event):
    """Events were dropped because nobody asked for them: read the history instead. `event_no` is the last one lost."""


MESSAGE_EVENTS: Final[dict[str, type[MessageEvent]]] = {
    kind.__name__: kind
    for kind in (
        MessageQueued,
        MessageSent,
        MessageDelivered,
        MessageRead,
        MessageFailed,
        ChatRequested,
        MessageReceived,
        MessageUnreadable,
        MessageUnsupported,
        AttachmentReceived,
        AttachmentFailed,
    )
}
"""The events about a message, by the name that their rows carry."""

CHAT_EVENTS: Final[dict[str, type[ChatEvent]]] = {
    kind.__name__: kind for kind in (ChatChanged, ProfileChanged, SafetyNumberChanged, DevicesChanged, SessionHealed)
}
"""The events about a chat, by the name that their rows carry."""
