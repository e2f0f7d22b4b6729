"""A message that was sent, as an app waits for what becomes of it."""

import asyncio

from onebar.drivers.home import Home
from onebar.errors import MessageFailedError, WaitTimeoutError
from onebar.message_file import MessageFile
from onebar.models import MessageState
from onebar.store import SqliteStore
from onebar.store.files import SealedFiles


class SentMessage:
    """A message that was committed to the outbox."""

    def __init__(self, home: Home[SqliteStore], files: SealedFiles, message_no: int) -> None:
        self._home = home
        self._files = files
        self.message_no = message_no
        """Its number in this database, for ever."""

    def __repr__(self) -> str:
        """Show which message."""
        return f"<SentMessage {self.message_no}>"

    @property
    def file(self) -> MessageFile:
        """The file that it brings: how far it is, and to stop it."""
        return MessageFile(self._home, self._files, self.message_no)

    async def state(self) -> MessageState:
        """Return how far it has come.

        Raises:
            LookupError: The database has no such message any more.
        """
        self._home.check()
        return (await self._home.messages.changed(self.message_no, None)).state

    async def sent(self, timeout_s: float | None = None) -> None:
        """Wait until the server has it durably.

        Args:
            timeout_s: Longest wait in seconds; None waits for ever.

        Raises:
            MessageFailedError: It ended in a failure.
            WaitTimeoutError: It took longer. The message stays in the outbox and still goes out.
        """
        await self._reached({MessageState.SENT, MessageState.DELIVERED, MessageState.READ}, timeout_s)

    async def delivered(self, timeout_s: float | None = None) -> None:
        """Wait until a device of the recipient opened it and has it durably.

        Args:
            timeout_s: Longest wait in seconds; None waits for ever.

        Raises:
            MessageFailedError: It ended in a failure.
            WaitTimeoutError: It took longer. The message stays in the outbox and still goes out.
        """
        await self._reached({MessageState.DELIVERED, MessageState.READ}, timeout_s)

    async def read(self, timeout_s: float | None = None) -> None:
        """Wait until a person has read it. Who has switched read receipts off never tells: give it a time.

        Args:
            timeout_s: Longest wait in seconds; None waits for ever.

        Raises:
            MessageFailedError: It ended in a failure.
            WaitTimeoutError: It took longer.
        """
        await self._reached({MessageState.READ}, timeout_s)

    async def _reached(self, states: set[MessageState], timeout_s: float | None) -> None:
        self._home.check()
        state = await self._next_state(None)  # without the time-out, so that one of 0 s is a question
        try:
            async with asyncio.timeout(timeout_s):
                while state not in states:
                    state = await self._next_state(state)
        except TimeoutError as error:
            wanted = " or ".join(sorted(states))
            raise WaitTimeoutError(f"not {wanted} within {timeout_s} s; it stays in the outbox until sent") from error

    async def _next_state(self, known: MessageState | None) -> MessageState:
        message = await self._home.messages.changed(self.message_no, known)
        if message.state.failed:
            raise MessageFailedError(message.state, message.reason)
        return message.state
