"""What the protocol needs of a store beside messages and keys; like `onebar.core.ports`."""

from collections.abc import Sequence
from typing import Protocol

from onebar.core.content import Profile
from onebar.core.turn import SetChat
from onebar.models import Standing


class Standings(Protocol):
    """Which chats are wanted."""

    def get(self, phone: str) -> Standing | None:
        """Return how a chat stands; None where there is none yet."""

    def of(self, message_no: int) -> Standing:
        """Return how the chat of a message stands.

        Raises:
            LookupError: There is no such message.
        """

    def put(self, phone: str, standing: Standing) -> None:
        """Note what the user wants; the server is to be told of a block, and of its end."""

    def untold(self, limit: int) -> list[tuple[str, bool]]:
        """Return (phone number, whether it is blocked) of which the server does not know."""

    def told(self, phone: str, *, blocked: bool) -> None:
        """Note that the server knows, unless the user has changed it meanwhile."""

    def learn(self, phones: Sequence[str]) -> None:
        """Take over whom the account has blocked, on whatever device; but for what is not told yet."""


class SearchIndex(Protocol):
    """The full-text index of all messages, which keeps itself in step with them."""

    def catch_up(self, limit: int) -> bool:
        """Take some messages into the index that are older than it is; return whether there are more."""


class Profiles(Protocol):
    """What people say of themselves, account 0 being ours, and which devices were told of us."""

    def get(self, account: int) -> Profile | None:
        """Return what an account says of itself."""

    def put(self, account: int, profile: Profile) -> None:
        """Keep this in place of what was known."""

    def forget(self, account: int) -> None:
        """An account is somebody else's now: forget what was said of it, and that it was told of us."""

    def tell_all(self) -> None:
        """Note that all devices of accepted chats with which there is a session are to be told, and our own others."""

    def tell(self, account: int, device: int, now_ms: int) -> None:
        """Note that a device is to be told, if it does not know the current one, or was told long ago."""

    def again(self, account: int, device: int) -> None:
        """What a device was told may not have opened: tell it once more."""

    def due(self, limit: int) -> list[tuple[int, int]]:
        """Return (account, device) of those who are to be told."""

    def told(self, account: int, device: int, counter: int, out_no: int, now_ms: int) -> None:
        """Note that a device was told, or has told us, this one, in the envelope of this number."""

    def skip(self, account: int, device: int) -> None:
        """Note that a device cannot be told now; the next message for it brings it up again."""

    def rejected(self, out_no: int) -> None:
        """Note that the server did not take this number: who was to be told by it is told with the next message."""


class Places(Protocol):
    """Places in chats at which nothing comes, because what was meant for them was given up (R9)."""

    def passed(self, message_no: int) -> bool:
        """A message of ours is sealed: who gets it would wait for what was given up before it, and is due to hear so.

        Return whether there was any.
        """

    def again(self, message_no: int, account: int, device: int) -> None:
        """A device could not open this message of ours: nor, perhaps, what it was told of places near by."""

    def take(self, message_no: int, device: int, limit: int) -> list[int]:
        """Return which places of this message's chat a device is due to hear of, lowest first; it is due no more."""

    def skip(self, chat: int, account: int, device: int, chat_nos: Sequence[int]) -> str:
        """Count these places of an author's device in a chat as missing no more; return the chat's number if any were.

        What did come stays. Where nothing of that device has come so far, nothing is missing.
        """


class ChatSettings(Protocol):
    """What the user has set for each chat."""

    def put(self, wish: SetChat) -> bool:
        """Note what the user wants; return whether that is news.

        Raises:
            InputError: There is no such chat, and more than a draft was to be set.
        """

    def unread(self, phone: str) -> int:
        """Return how many messages of a chat are unread."""

    def bring_back(self, message_no: int, now_ms: int) -> str:
        """A message came: take its chat out of the archive, unless it is muted; return its phone number then."""
