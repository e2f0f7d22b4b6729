"""What wakes phones, and what it needs: two ports, and the words between them."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol


class PushToken(NamedTuple):
    """By what one device is woken."""

    kind: str
    """`apns` or `fcm`."""
    token: str

    def __repr__(self) -> str:
        """Show no token."""
        return f"<PushToken {self.kind}>"


class Sleepers(NamedTuple):
    """A page of devices that have a token: those for which a message waits; where to go on, None at the end."""

    devices: tuple[int, ...]
    last: int | None


class Verdict(StrEnum):
    """What became of a wake-up."""

    SENT = "sent"
    """The gateway has it."""
    GONE = "gone"
    """The token is of no use any more."""
    REFUSED = "refused"
    """The gateway will not have it, and would not have it again: a key, a topic or a project is wrong."""
    LATER = "later"
    """Not now, for this device."""
    DOWN = "down"
    """Not now, for nobody."""


class Answer(NamedTuple):
    """What a gateway said."""

    verdict: Verdict
    reason: str = ""
    """The gateway's own word for it, for the log."""
    wait_s: float = 0.0
    """How long it wants to be left alone; 0: it did not say."""
    gone_ms: int | None = None
    """Since when the token is of no use, if the gateway knows."""


class PushGateway(Protocol):
    """Sends wake-ups, each without content and all of one size."""

    @property
    def kind(self) -> str:
        """Whose tokens it takes."""

    async def wake(self, token: str) -> Answer:
        """Send a wake-up. Whatever happens is an answer."""

    async def close(self) -> None:
        """End its connections."""


class PushTokens(Protocol):
    """The tokens of all devices, and for whom mail waits."""

    async def push_tokens(self, devices: Sequence[int]) -> dict[int, PushToken]:
        """Return the tokens of these devices; who has none is left out.

        Raises:
            EngineLostError: The engine must be reopened.
        """

    async def drop_push_token(self, device: int, token: str, before_ms: int, now_ms: int) -> None:
        """Drop a token that is of no use any more, unless it was registered after `before_ms`.

        Raises:
            EngineLostError: Unknown whether it was dropped.
        """

    async def sleepers(self, after: int, limit: int) -> Sleepers:
        """Look at so many devices with a token, from this number on; return those for which a message waits.

        Raises:
            EngineLostError: The engine must be reopened.
        """
