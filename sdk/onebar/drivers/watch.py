"""Who waits for which message: one look at the database tells all of them, however many wait."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence

from onebar.models import Message, MessageState

Look = Callable[[Sequence[int]], Awaitable[list[Message | None]]]
Start = Callable[[Coroutine[object, object, None]], object]


class MessageWatch:
    """The messages that somebody waits for."""

    def __init__(self, look: Look, start: Start) -> None:
        """Watch nothing yet.

        Args:
            look: Reads these messages.
            start: Runs something short in the background.
        """
        self._look = look
        self._start = start
        self._waiting: dict[asyncio.Future[Message], tuple[int, MessageState | None]] = {}
        self._due = False
        self._looking = False
        self._end: Exception | None = None

    async def changed(self, message_no: int, known: MessageState | None) -> Message:
        """Return the message as soon as its state is not the known one; at once if it is not already.

        Raises:
            LookupError: The database has no such message.
            OnebarError: The client was closed, or its database failed.
        """
        if self._end is not None:
            raise self._end
        waiter: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[waiter] = (message_no, known)
        self.on_news()
        try:
            return await waiter
        finally:
            self._waiting.pop(waiter, None)

    def on_news(self) -> None:
        """Look again, once, however often this is called meanwhile."""
        self._due = True
        if self._waiting and not self._looking:
            self._looking = True
            self._start(self._look_while_due())

    def close(self, error: Exception) -> None:
        """Tell everybody who waits or comes that there will be no more news."""
        self._end = error
        self._fail(error)

    def _fail(self, error: Exception) -> None:
        for waiter in list(self._waiting):
            if not waiter.done():
                waiter.set_exception(error)

    async def _look_while_due(self) -> None:
        try:
            while self._due and self._waiting:
                self._due = False
                numbers = sorted({message_no for message_no, _ in self._waiting.values()})
                found = dict(zip(numbers, await self._look(numbers), strict=True))
                self._tell(found)
        except Exception as error:  # noqa: BLE001 - raised at everybody who waits
            self._fail(error)
        finally:
            self._looking = False

    def _tell(self, found: dict[int, Message | None]) -> None:
        for waiter, (message_no, known) in list(self._waiting.items()):
            if waiter.done() or message_no not in found:
                continue  # it came while we looked: on_news has noted that
            message = found[message_no]
            if message is None:
                waiter.set_exception(LookupError(f"this database has no message {message_no}"))
            elif message.state is not known:
                waiter.set_result(message)
