"""What the protocol needs of a store beside messages and keys; like `onebar.core.ports`."""

from typing import Protocol

from onebar.core.turn import SetChat


class SearchIndex(Protocol):
    """The full-text index of all messages, which keeps itself in step with them."""

    def catch_up(self, limit: int) -> bool:
        """Take some messages into the index that are older than it is; return whether there are more."""


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
