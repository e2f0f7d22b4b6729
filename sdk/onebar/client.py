"""`Client`: the one class that an app needs."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from onebar import account_devices, registration
from onebar.account import Account
from onebar.attachments import Attachments
from onebar.chats import ChatSummary, SearchHit, check_page
from onebar.config import Config
from onebar.connectivity import Connectivity
from onebar.conversation import Conversation
from onebar.core.engine import Engine
from onebar.core.turn import SetReadReceipts
from onebar.crypto.kem import find_kem
from onebar.crypto.wrapping import KeyVault
from onebar.drivers import http
from onebar.drivers.address import parse_address
from onebar.drivers.home import Home, finish
from onebar.drivers.home_ports import DeviceEngine
from onebar.drivers.stream import EventStream
from onebar.drivers.tls import Tls
from onebar.errors import InputError, OnebarError
from onebar.message_file import MessageFile
from onebar.models import AccountDevice, Message, check_key, check_phone
from onebar.registration import Code
from onebar.sending import REGISTERED
from onebar.store import SqliteStore, open_store

APPROVE_S: Final = 60.0
"""How long an approval waits for the server unless told otherwise: longer than any retry pause (DESIGN D8)."""

_DEFAULTS: Final = Config()


class Client(Connectivity):
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
        endpoints: Sequence[str] = (),
        passphrase: str | None = None,
        vault: KeyVault | None = None,
    ) -> None:
        """Prepare a client; see `open`."""
        self._path = Path(database)
        if str(database) == ":memory:":
            raise InputError("a client keeps its messages in a file; give it a path")
        self._address = parse_address(server, tls, endpoints)
        self._config = replace(config, host=self._address.host)
        if passphrase is not None and vault is not None:
            raise InputError("a database has a vault or a passphrase, not both")
        self._passphrase = passphrase
        self._given_vault = self._vault = vault
        self._home: Home[SqliteStore] | None = None
        self._starting = False
        self._attachments = Attachments(self._path)
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
        endpoints: Sequence[str] = (),
        passphrase: str | None = None,
        vault: KeyVault | None = None,
    ) -> Self:
        """Return a client for `async with`, which opens and closes the database.

        Args:
            database: The device's file; it is created, readable by you alone, if it is missing.
            server: `https://host`, or `http://host:port` for development.
            config: Settings; `host` is taken from `server`.
            tls: Your own certificate authority, or the server's pinned keys; None trusts whom the system trusts.
            endpoints: Further ways to the same server, `host` or `host:port`, at most 8: if one does not answer within
                300 ms, the next is tried beside it, the last good one first. Its certificate names `server` on each.
            passphrase: Opens the device's keys, 1 to 1,024 bytes of UTF-8; always the same for one database. Without
                one, and without `vault`, they are wrapped under a key in a file beside the database, `NAME.key`,
                readable by you alone: who copies the database alone can use none of them.
            vault: Wraps the keys instead, say with the phone's keystore; see `onebar.crypto.wrapping.KeyVault`.

        Raises:
            InputError: The server's URL, the path, `tls` or an endpoint is not valid; or there are a vault and a
                passphrase.
        """
        return cls(
            database,
            server=server,
            config=config,
            tls=tls,
            endpoints=endpoints,
            passphrase=passphrase,
            vault=vault,
        )

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
            WrongPassphraseError: The passphrase is another one; nothing was changed.
            StoreError: The database cannot be used, its directory does not exist, or its key file is gone.
            InputError: The passphrase is empty or too long.
            OnebarError: The client is open already.
        """
        if self._home is not None or self._starting:
            raise OnebarError("this client is open already")
        attachments = Attachments(self._path)
        home = Home(self._path, self._address, self._open_store, self._make_engine, attachments.files)
        self._starting = True
        try:
            await home.open()
        finally:
            self._starting = False
        self._home, self._attachments = home, attachments
        attachments.opened(home)

    async def close(self) -> None:
        """Finish what is being committed, cut the connection, close the database.

        Nothing that was committed is lost: the outbox goes on when the database is opened again. A caller who is
        cancelled goes once it is closed.
        """
        home, self._home = self._home, None
        if home is not None:
            await finish(asyncio.create_task(self._close(home), name="onebar close"))

    async def _close(self, home: Home[SqliteStore]) -> None:
        await asyncio.to_thread(self._attachments.close)
        await home.close()
        self._vault = self._given_vault

    @property
    def registered(self) -> bool:
        """Whether this device belongs to an account."""
        device = self._opened().device
        return device is not None and device.status in REGISTERED

    @property
    def phone(self) -> str | None:
        """The account's phone number, E.164; None until this device is registered."""
        device = self._opened().device
        return device.phone if device is not None and device.phone else None

    @property
    def holding(self) -> bool:
        """Whether this process talks to the server; if not, another one that has the database open does."""
        return self._opened().holding

    async def request_code(self, phone: str) -> None:
        """Ask for a registration code by SMS, for apps that ask their user on another screen.

        Another SMS can be asked for after a minute, then after five, then each hour.

        Raises:
            InputError: The number is not in E.164.
            RegistrationError: The server refuses the number; or it is too early (`rate_limited`): `retry_after_s` says
                when to come back, and while `limit` is `code_resend` the last code can still be used.
            TransportError: No network or no server.
        """
        await http.request_code(self._address, check_phone(phone))

    async def register(
        self, phone: str, *, code: Code, pin: str | None = None, totp: str | None = None, device_name: str = ""
    ) -> None:
        """Make this device part of the account of a phone number; returns at once if it is already.

        Calling it again after any error is safe. A device that its account removed comes back as a new one, with its
        history; so does one that the server does not know any more (`link.state` is `unknown`). Registering a number
        anew removes its older devices. A network that swallows everything is given up after 80 seconds. It returns when
        others can write to this device, or at most 10 seconds later than it could.

        Args:
            phone: The number, E.164.
            code: The code from the SMS, or a function (plain or async) that returns it: then the SMS is asked
                for first, unless one is on its way already.
            pin: The PIN, where the number is protected by one (`Account.set_pin`).
            totp: What the authenticator app shows, where one is wanted (`Account.set_totp`).
            device_name: What the user calls this device (`Account.name_device`); a slow network may lose it.

        Raises:
            PinError: The number is protected: ask the user for what `reason` says, and call again with the same code.
            InputError: The number or the PIN is not valid, or this database belongs to another number.
            RegistrationError: The server refuses the number or the code; `reason` says why.
            TransportError: No network or no server.
            OnebarError: Another process has the database open and must do it.
        """
        check_phone(phone)
        async with self._registering:
            await registration.register(self._opened(), self._address, phone, code, pin, device_name, totp)

    async def device_request(self) -> str:
        """Return what a new device shows, as a QR code or to be pasted, so that the account's first device approves it.

        It holds public keys, and no secret. It is the same until the device belongs to an account.

        Raises:
            OnebarError: Another process has the database open and must do it.
        """
        return account_devices.request_text(self._opened().holder_engine().public_keys())

    async def approve_device(self, request: str, timeout_s: float | None = APPROVE_S) -> str:
        """Make a further device one of this account, and return the approval, for `join` on that device.

        Only the account's first device can. Ask the user first: the new device will read and write whatever this one
        does. Calling it again with the same request, say after a crash, is safe and gives the approval again.

        Args:
            request: What the new device shows; see `device_request`.
            timeout_s: Longest wait for the server, in seconds; None waits for ever.

        Raises:
            InputError: It is no request, it is damaged, or this is not the account's first device.
            NotRegisteredError: This device has no account.
            RegistrationError: The server refuses; `reason` is `too_many_devices`, or `bad_request` for keys that it
                cannot take.
            WaitTimeoutError: The server could not be reached in time.
            OnebarError: Another process has the database open and must do it.
        """
        return await account_devices.approve(self._opened(), request, timeout_s)

    async def join(self, approval: str) -> None:
        """Make this new device one of the account whose first device approved it; needs no network.

        Calling it again is safe.

        Args:
            approval: What `approve_device` returned on the first device.

        Raises:
            InputError: It is no approval, it is damaged, it is for another device, or this one has an account already.
            OnebarError: Another process has the database open and must do it.
        """
        async with self._registering:
            await account_devices.join(self._opened(), approval)

    async def devices(self) -> list[AccountDevice]:
        """Return the devices of this account, oldest first; none before this device was first connected.

        What they are called is what the server said last; `Account.device_names` asks it.
        """
        return await account_devices.listed(self._opened())

    async def remove_device(self, number: int) -> None:
        """Take a device out of this account: nothing more is sealed for it, and the server cuts it off.

        Only the account's first device can. It returns once that is committed; the server is told when there is a
        network. Removing it again does nothing.

        Args:
            number: `AccountDevice.number`.

        Raises:
            InputError: It is no other device of this account, or this is not the account's first device.
            NotRegisteredError: This device has no account.
            OnebarError: Another process has the database open and must do it.
        """
        await account_devices.remove(self._opened(), number)

    @property
    def read_receipts(self) -> bool:
        """Whether others are told what was read here (`Conversation.mark_read`)."""
        device = self._opened().device
        return device is None or device.read_receipts

    async def set_read_receipts(self, wanted: bool) -> None:
        """Tell others from now on what was read here, or not any more.

        Raises:
            OnebarError: Another process has the database open and must do it.
        """
        await self._opened().submit(SetReadReceipts(wanted))

    @property
    def account(self) -> Account:
        """The account: its profile, its PIN, whom it has blocked, and its end."""
        return Account(self._opened())

    def chat(self, phone: str) -> Conversation:
        """Return the chat with a phone number; costs nothing and needs no network.

        Raises:
            InputError: The number is not in E.164.
        """
        return Conversation(self._opened(), self._attachments, check_phone(phone))

    async def chats(self, *, archived: bool = False) -> list[ChatSummary]:
        """Return the list of chats: pinned ones first, then by their newest message.

        After a `ChatEvent` or a `MessageEvent`, `Conversation.summary` reads the row of that chat alone.

        Args:
            archived: Whether to return those that are archived instead of those that are not.
        """
        return await self._opened().read(lambda store: store.chats(archived=archived))

    async def search(
        self, query: str, *, chat: str | None = None, limit: int = 50, before: int | None = None
    ) -> list[SearchHit]:
        """Return the messages that have all words of a query, or begins of them, the newest one first.

        Case and accents do not matter, and nothing is syntax. Where a script has no spaces between words, as Chinese,
        Japanese and Thai, what is typed is found wherever it stands together. Needs no network. Right after an update
        from a version without search, older messages are found as soon as the engine has read them again.

        Args:
            query: What the user has typed; of more than 256 characters or 16 words, the rest is left out.
            chat: The phone number of the only chat to look in; None: all.
            limit: How many, 1 to 1,000.
            before: `message_no` of the last hit that you have, for the next page; None for the first one.

        Raises:
            InputError: The limit is out of range, or the number is not in E.164.
            StoreError: This SQLite was built without FTS5.
        """
        check_page(limit)
        phone = None if chat is None else check_phone(chat)
        return await self._opened().read(lambda store: store.search.hits(query, phone, limit, before))

    async def message(self, message_no: int) -> Message | None:
        """Return one message, or None if this database has none of this number."""
        return await self._opened().read(lambda store: store.message(message_no))

    def file(self, message: Message | int) -> MessageFile:
        """Return the file that a message brings: to see how far it is, to fetch and to open it."""
        number = message.message_no if isinstance(message, Message) else message
        return MessageFile(self._opened(), self._attachments.files, number)

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

    def _open_store(self, path: Path) -> SqliteStore:
        """Open a connection; the second one spares itself the passphrase, which is slow on purpose."""
        store = open_store(path, vault=self._vault, passphrase=self._passphrase if self._vault is None else None)
        self._vault = store.vault
        return store

    def _make_engine(self, store: SqliteStore) -> DeviceEngine:
        return Engine(store, os.urandom, self._config, find_kem())  # on the turns' thread: looking takes 35 ms

    def _opened(self) -> Home[SqliteStore]:
        if self._home is None:
            raise OnebarError("this client is closed: use it inside `async with Client.open(…)`")
        self._home.check()
        return self._home
