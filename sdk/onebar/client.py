"""`Client`: the one class that an app needs."""

import asyncio
import inspect
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from onebar.config import Config
from onebar.core.engine import Engine
from onebar.core.records import Status
from onebar.core.turn import NetworkChanged, Registered, Send
from onebar.drivers import http
from onebar.drivers.address import parse_address
from onebar.drivers.home import DeviceEngine, Home
from onebar.drivers.stream import EventStream
from onebar.drivers.tls import Tls
from onebar.errors import InputError, MessageFailedError, NotRegisteredError, OnebarError, WaitTimeoutError
from onebar.models import Chat, LinkStatus, Message, MessageState, Reach, check_key, check_phone, check_text
from onebar.store import SqliteStore, open_store

HISTORY_LIMIT_MAX: Final = 1000
"""Longest page of a history: 4 MB of the longest texts."""

Code = str | Callable[[], str | Awaitable[str]]
"""A registration code, or a function, plain or async, that gets it: called once the SMS is on its way."""

_REGISTERED: Final = frozenset({Status.REGISTERED, Status.REPLACING})
_DEFAULTS: Final = Config(host="")


class Client:
    """One device: sends and receives through whatever network there is, and keeps everything in one database.

        async with Client.open("alice.db", server="https://chat.example.org") as alice:
            await alice.register("+12025550101", code=read_code)
            message = await alice.chat("+12025550102").send("on my way")
            await message.delivered()

    Several processes may open one database at once: one of them talks to the server, the others read, send
    through it, and take over when it ends. Use a client on the event loop that opened it.
    """

    def __init__(
        self,
        database: str | os.PathLike[str],
        *,
        server: str,
        config: Config = _DEFAULTS,
        tls: Tls | None = None,
    ) -> None:
        """Prepare a client; see `open`."""
        self._path = Path(database)
        if str(database) == ":memory:":
            raise InputError("a client keeps its messages in a file; give it a path")
        self._address = parse_address(server, tls)
        self._config = replace(config, host=self._address.host)
        self._home: Home[SqliteStore] | None = None
        self._registering = asyncio.Lock()

    def __repr__(self) -> str:
        """Show the role, never the number."""
        role = "closed" if self._home is None else "holder" if self._home.holding else "guest"
        return f"<Client {role}>"

    @classmethod
    def open(
        cls,
        database: str | os.PathLike[str],
        *,
        server: str,
        config: Config = _DEFAULTS,
        tls: Tls | None = None,
    ) -> Self:
        """Return a client for `async with`, which opens and closes the database.

        Args:
            database: The device's file; it is created, readable by you alone, if it is missing.
            server: `https://host`, or `http://host:port` for development.
            config: Settings; its `host` is taken from `server`.
            tls: Your own certificate authority, or the server's pinned keys; None trusts whom the system trusts.

        Raises:
            InputError: The server's URL, the path or `tls` is not valid.
        """
        return cls(database, server=server, config=config, tls=tls)

    async def __aenter__(self) -> Self:
        """Open the database and begin to connect."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close; see `close`."""
        await self.close()

    async def start(self) -> None:
        """Open the database and begin to connect; `async with` does it for you.

        Raises:
            StoreError: The database cannot be used, or its directory does not exist.
            OnebarError: The client is open already.
        """
        if self._home is not None:
            raise OnebarError("this client is open already")
        home = Home(self._path, self._address, open_store, self._make_engine)
        await home.open()
        self._home = home

    async def close(self) -> None:
        """Finish what is being committed, cut the connection, close the database.

        Nothing that was committed is lost: the outbox goes on when the database is opened again.
        """
        home, self._home = self._home, None
        if home is not None:
            await home.close()

    @property
    def registered(self) -> bool:
        """Whether this device belongs to an account."""
        device = self._opened().device
        return device is not None and device.status in _REGISTERED

    @property
    def phone(self) -> str | None:
        """The account's phone number, E.164; None until this device is registered."""
        device = self._opened().device
        return device.phone if device is not None and device.phone else None

    @property
    def holding(self) -> bool:
        """Whether this process talks to the server; if not, another one that has the database open does."""
        return self._opened().holding

    @property
    def link(self) -> LinkStatus:
        """What to show of the connection: its state, since when, the round trip, and when the next try comes.

        In a process that is not `holding` the state is `elsewhere`. `network_changed()` is the "try now" button.
        """
        engine = self._opened().engine
        return LinkStatus(Reach.ELSEWHERE) if engine is None else engine.link

    async def request_code(self, phone: str) -> None:
        """Ask for a registration code by SMS, for apps that ask their user on another screen.

        Raises:
            InputError: The number is not in E.164.
            RegistrationError: The server refuses the number.
            TransportError: No network or no server.
        """
        await http.request_code(self._address, check_phone(phone))

    async def register(self, phone: str, *, code: Code) -> None:
        """Make this device part of the account of a phone number; returns at once if it is already.

        Calling it again after any error is safe. A device that its account removed comes back as a new one, with its
        history; so does one that the server does not know any more (`link.state` is `unknown`). Registering a number
        anew removes its older devices. A network that swallows everything is given up after 80 seconds.

        Args:
            phone: The number, E.164.
            code: The code from the SMS, or a function (plain or async) that returns it: then the SMS is asked
                for first.

        Raises:
            InputError: The number is not valid, or this database belongs to another number.
            RegistrationError: The server refuses the number or the code; `reason` says why.
            TransportError: No network or no server.
            OnebarError: Another process has the database open and must do it.
        """
        check_phone(phone)
        async with self._registering:
            home = self._opened()
            if self._already(home, phone):
                return
            if home.engine is None:
                raise OnebarError("another process has this database open: register there, or close it first")
            if not isinstance(code, str):
                await http.request_code(self._address, phone)
            keys = home.engine.public_keys()
            account, device = await http.register_device(self._address, phone, await _ask(code), keys)
            await home.submit(Registered(account, device, phone))

    def chat(self, phone: str) -> "Conversation":
        """Return the chat with a phone number; costs nothing and needs no network.

        Raises:
            InputError: The number is not in E.164.
        """
        return Conversation(self._opened(), check_phone(phone))

    async def chats(self) -> list[Chat]:
        """Return all chats, the one with the newest message first."""
        return await self._opened().read(lambda store: store.chats())

    async def message(self, message_no: int) -> Message | None:
        """Return one message, or None if this database has none of this number."""
        return await self._opened().read(lambda store: store.message(message_no))

    async def outbox(self) -> list[Message]:
        """Return the messages that the server has not acknowledged, oldest first."""
        return await self._opened().read(lambda store: store.outbox_messages())

    def events(self, consumer: str = "app") -> EventStream:
        """Return what happens, and what happened since this consumer last looked: an endless `async for`.

        Every consumer gets every event at least once, in order. Asking for the next event confirms the one
        before; an event that was not confirmed comes again, also after a crash. Two loops of one consumer see
        the same events. The loop ends when the client is closed.

        Args:
            consumer: A name of 1 to 128 characters. A new one begins with the oldest event that is kept.

        Raises:
            InputError: The name is not valid.
        """
        check_key(consumer)
        return EventStream(self._opened(), consumer)

    def network_changed(self) -> None:
        """Say that there is another network, or that the app came to the foreground: it connects at once.

        Does nothing where another process talks to the server.
        """
        self._opened().tell(NetworkChanged())

    def _make_engine(self, store: SqliteStore) -> DeviceEngine:
        return Engine(store, os.urandom, self._config)

    def _opened(self) -> Home[SqliteStore]:
        if self._home is None:
            raise OnebarError("this client is closed: use it inside `async with Client.open(…)`")
        self._home.check()
        return self._home

    @staticmethod
    def _already(home: Home[SqliteStore], phone: str) -> bool:
        device = home.device
        if device is None or device.status is Status.NEW:
            return False
        if device.phone != phone:
            raise InputError("this database belongs to another number: open another one for this number")
        forgotten = home.engine is not None and home.engine.link.state is Reach.UNKNOWN
        return device.status in _REGISTERED and not forgotten


async def _ask(code: Code) -> str:
    answer = code if isinstance(code, str) else code()
    text = await answer if inspect.isawaitable(answer) else answer
    if not isinstance(text, str) or not text.strip():
        raise InputError("a code is a text, as it came by SMS")
    return text.strip()


class Conversation:
    """The chat with one phone number."""

    def __init__(self, home: Home[SqliteStore], phone: str) -> None:
        self._home = home
        self.phone = phone
        """The other side's number, E.164."""

    def __repr__(self) -> str:
        """Show no number."""
        return "<Conversation>"

    async def send(self, text: str, *, key: str | None = None) -> "SentMessage":
        """Commit a text to the outbox; it goes out as soon as there is a network, now or in two weeks.

        Never fails for want of a network. A call that is cancelled has either committed it or done nothing.

        Args:
            text: 1 to 4,096 bytes of UTF-8.
            key: Your own name for this message, 1 to 128 characters. Sending again with the same key, even
                after a crash, returns the first message instead of making a second one.

        Raises:
            InputError: The text or the key is not valid, or the number is your own.
            NotRegisteredError: This device has no account.
            StoreError: The database cannot be written.
        """
        send = Send(self.phone, check_text(text), check_key(key))
        self._home.check()
        device = self._home.device
        if device is None or device.status not in _REGISTERED:
            raise NotRegisteredError("this device has no account: call `Client.register` first")
        if device.phone == self.phone:
            raise InputError("this is your own number")
        return SentMessage(self._home, await self._home.send(send))

    async def history(self, *, limit: int = 50, before: int | None = None) -> list[Message]:
        """Return a page of the chat, oldest message first.

        Args:
            limit: How many messages, 1 to 1,000; a few more come where messages share a place.
            before: `Message.place` of the oldest message that you have; None for the newest page.

        Raises:
            InputError: The limit is out of range.
        """
        if not 1 <= limit <= HISTORY_LIMIT_MAX:
            raise InputError(f"a page has 1 to HISTORY_LIMIT_MAX = {HISTORY_LIMIT_MAX} messages, not {limit}")
        return await self._home.read(lambda store: store.history(self.phone, limit, before))


class SentMessage:
    """A message that was committed to the outbox."""

    def __init__(self, home: Home[SqliteStore], message_no: int) -> None:
        self._home = home
        self.message_no = message_no
        """Its number in this database, for ever."""

    def __repr__(self) -> str:
        """Show which message."""
        return f"<SentMessage {self.message_no}>"

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
        await self._reached({MessageState.SENT, MessageState.DELIVERED}, timeout_s)

    async def delivered(self, timeout_s: float | None = None) -> None:
        """Wait until a device of the recipient opened it and has it durably.

        Args:
            timeout_s: Longest wait in seconds; None waits for ever.

        Raises:
            MessageFailedError: It ended in a failure.
            WaitTimeoutError: It took longer. The message stays in the outbox and still goes out.
        """
        await self._reached({MessageState.DELIVERED}, timeout_s)

    async def _reached(self, states: set[MessageState], timeout_s: float | None) -> None:
        self._home.check()
        state = await self._next_state(None)  # without the time-out, so that one of 0 s is a question
        try:
            async with asyncio.timeout(timeout_s):
                while state not in states:
                    state = await self._next_state(state)
        except TimeoutError as error:
            wanted = " or ".join(sorted(states))
            raise WaitTimeoutError(f"not {wanted} within {timeout_s} s; it stays in the outbox") from error

    async def _next_state(self, known: MessageState | None) -> MessageState:
        message = await self._home.messages.changed(self.message_no, known)
        if message.state.failed:
            raise MessageFailedError(message.state, message.reason)
        return message.state
