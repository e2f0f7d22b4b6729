"""One chat, as an app has it: what is said, how far it has come, and whether it really is the other side."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from onebar.account import ORDER_S, carry_out
from onebar.chats import FOREVER, ChatSummary, Profile, check_draft, check_page, to_ms
from onebar.core.questions import Report
from onebar.core.records import Trust
from onebar.core.turn import MarkRead, SetChat, SetStanding, SetTrust
from onebar.crypto.certificates import AccountKey
from onebar.crypto.safety_numbers import SafetyNumber, safety_number
from onebar.errors import InputError, NotRegisteredError
from onebar.media.portraits import harmless_portrait
from onebar.models import Message, Standing
from onebar.sending import REGISTERED, Sending
from onebar.store import SqliteStore

_ID_BYTES: Final = 8  # an account's number never changes: it names a person in a safety number (docs/protocol.md §5)


@dataclass(frozen=True, slots=True)
class _Sides:
    """Whose keys a safety number is made of."""

    own_account: int
    own_key: bytes = field(repr=False)
    other_account: int
    other_key: bytes = field(repr=False)

    def number(self) -> SafetyNumber:
        own_id, other_id = (one.to_bytes(_ID_BYTES, "big") for one in (self.own_account, self.other_account))
        return safety_number(own_id, self.own_key, other_id, self.other_key)


class Conversation(Sending):
    """The chat with one phone number."""

    def __repr__(self) -> str:
        """Show no number."""
        return "<Conversation>"

    async def history(self, *, limit: int = 50, before: int | None = None, after: int | None = None) -> list[Message]:
        """Return a page of the chat, oldest message first.

        Args:
            limit: How many messages, 1 to 1,000; a few more come where messages share a place.
            before: `Message.place` of the oldest message that you have; None for the newest page.
            after: `Message.place` of the newest message that you have, for the page after it.

        Raises:
            InputError: The limit is out of range, or both `before` and `after` are given.
        """
        check_page(limit)
        if before is not None and after is not None:
            raise InputError("a page is before or after a place: pass one of the two")
        if after is not None:
            return await self._home.read(lambda store: store.history_after(self.phone, limit, after))
        return await self._home.read(lambda store: store.history(self.phone, limit, before))

    async def summary(self) -> ChatSummary | None:
        """Return this chat's row of `Client.chats`; None if nothing was said or typed in it."""
        return await self._home.read(lambda store: store.chat(self.phone))

    async def profile(self) -> Profile | None:
        """Return what the other side says of itself; None: nothing so far.

        A photo that is not the small JPEG that it must be is left out, before anything decodes it.
        """
        said = await self._home.read(lambda store: store.profiles.of(self.phone))
        if said is None:
            return None
        return Profile(said.name, said.about, await asyncio.to_thread(harmless_portrait, said.photo))

    async def mark_read(self, message: Message | int | None = None) -> None:
        """Note that the user has seen this chat up to a message; its authors are told, several at once.

        They are told when there is a network, and only while `Client.read_receipts` is on; who made a request is told
        once it is accepted. What was read stays so: a message that comes late, in a place before it, is unread by
        itself. Marking an older message changes nothing.

        Args:
            message: The newest message that was shown, or its `message_no`; None: whatever is there, so name the
                message if one may come that the user does not see.

        Raises:
            InputError: It is a message of another chat.
            OnebarError: Another process has the database open and must do it.
        """
        if isinstance(message, Message) and message.chat != self.phone:
            raise InputError(f"message {message.message_no} is of another chat: mark it as read there")
        message_no = message.message_no if isinstance(message, Message) else message
        await self._home.submit(MarkRead(self.phone, message_no))

    async def set_draft(self, text: str) -> None:
        """Keep what was typed and not sent; empty: nothing. Sending exactly this text forgets it.

        It stays on this device. Call it when the typing pauses, not at each key: every call is a commit.

        Raises:
            InputError: It is longer than 65,536 bytes of UTF-8, or this is your own number.
            OnebarError: Another process has the database open and must do it.
        """
        await self._set(SetChat(self.phone, draft=check_draft(text)))

    async def mute(self, until: datetime | None = FOREVER) -> None:
        """Let this chat make no sound until a time; None: let it make sounds again. It stays on this device.

        Args:
            until: With its time zone, such as `datetime.now(UTC) + timedelta(hours=8)`.

        Raises:
            InputError: It has no time zone, or nothing was said in this chat so far.
            OnebarError: Another process has the database open and must do it.
        """
        await self._set(SetChat(self.phone, muted_until_ms=to_ms(until)))

    async def pin(self, on: bool = True) -> None:
        """Let this chat stand before others in the list, or not any more. It stays on this device.

        Raises:
            InputError: Nothing was said in this chat so far.
            OnebarError: Another process has the database open and must do it.
        """
        await self._set(SetChat(self.phone, pinned=on))

    async def archive(self, on: bool = True) -> None:
        """Take this chat out of the list, or put it back. It stays on this device.

        The next message that comes in it puts it back, unless it is muted then (`mute`).

        Raises:
            InputError: Nothing was said in this chat so far.
            OnebarError: Another process has the database open and must do it.
        """
        await self._set(SetChat(self.phone, archived=on))

    async def _set(self, wish: SetChat) -> None:
        await self._home.submit(wish)

    async def standing(self) -> Standing:
        """Return whether this chat is `requested` by a stranger, `accepted`, or `blocked`."""
        return await self._home.read(lambda store: store.standings.get(self.phone)) or Standing.ACCEPTED

    async def accept(self) -> None:
        """Accept a request (`ChatRequested`): what was read is told, and files come. Sending accepts, too.

        Accepting a chat that is blocked unblocks it.

        Raises:
            InputError: It is your own number.
            OnebarError: Another process has the database open and must do it.
        """
        await self._home.submit(SetStanding(self.phone, Standing.ACCEPTED))

    async def block(self) -> None:
        """Take nothing from this number any more, on any of your devices; the other side is not told.

        It returns once that is committed; the server is told when there is a network, and what comes before that is in
        the history without an event. Blocked messages are never delivered, not even after `unblock`.

        Raises:
            InputError: It is your own number.
            OnebarError: Another process has the database open and must do it.
        """
        await self._home.submit(SetStanding(self.phone, Standing.BLOCKED))

    async def unblock(self) -> None:
        """Take messages from this number again; see `accept`."""
        await self.accept()

    async def report(self, message: Message | int, timeout_s: float | None = ORDER_S) -> None:
        """Tell the server's operator that a message is unwanted: who sent it, not what it says. Block them as well.

        The server takes a report only from an account to which the sender has written.

        Args:
            message: A message that came in, or its `message_no`.
            timeout_s: Longest wait for the server, in seconds; None waits for ever.

        Raises:
            InputError: It did not come in, is of another chat, or came to a version that did not note from where.
            RefusedError: The server does not know of it, say because its sender's account is gone.
            WaitTimeoutError: The server could not be reached in time.
            OnebarError: Another process has the database open and must do it.
        """
        message_no = message.message_no if isinstance(message, Message) else message
        found = await self._home.read(lambda store: (store.message(message_no), store.inbox.origin(message_no)))
        known, origin = found
        if known is None or known.chat != self.phone or origin is None:
            raise InputError(f"message {message_no} did not come in in this chat: report one that did")
        await carry_out(self._home, Report(*origin), timeout_s)

    async def safety_number(self) -> SafetyNumber:
        """Return what both sides compare, by eye or by QR code, to see that nobody sits between them.

        Show `digits` (60) and `qr()` (74 bytes, for a QR code in binary mode). If the digits are the same on both
        screens, call `mark_verified` with this very number; if the other screen was scanned, call `verify`.

        Raises:
            InputError: Nothing is known of the other side yet: send a message first, with a network.
            NotRegisteredError: This device has no account.
        """
        return (await self._sides()).number()

    async def verify(self, scanned: bytes) -> None:
        """Compare a QR code that was scanned from the other side's screen, and note that this chat is verified.

        Args:
            scanned: What the code holds, as bytes.

        Raises:
            NotASafetyNumberError: It is some other code.
            SafetyNumberVersionError: One of the two apps needs an update.
            SafetyNumberMismatchError: The keys differ, or it is the code of another chat. Nothing was changed.
            InputError: Nothing is known of the other side yet, or its key changed just now: scan again.
            OnebarError: Another process has the database open and must do it.
        """
        sides = await self._sides()
        sides.number().compare(scanned)
        await self._home.submit(SetTrust(self.phone, sides.other_key, verified=True))

    async def mark_verified(self, number: SafetyNumber) -> None:
        """Note that the user has compared the digits with the other side's, and they are the same.

        Args:
            number: The one that was shown: if it has changed meanwhile, the new one is not taken for it.

        Raises:
            InputError: The number has changed since; show the new one and compare again.
            OnebarError: Another process has the database open and must do it.
        """
        await self._decide(number, verified=True)

    async def accept_safety_number(self, number: SafetyNumber) -> None:
        """Go on without comparing, after a `SafetyNumberChanged` held up a chat that had been verified.

        What waits for the user's decision is sent then; the chat is unverified.

        Args:
            number: The new one, from `safety_number`; see `mark_verified`.

        Raises:
            InputError: The number has changed once more.
            OnebarError: Another process has the database open and must do it.
        """
        await self._decide(number, verified=False)

    async def trust(self) -> Trust:
        """Return what the user thinks of the other side's key: `unverified`, `verified`, or `changed` since.

        While it is `changed`, nothing is sent: call `verify`, `mark_verified` or `accept_safety_number`.
        """

        def find(store: SqliteStore) -> Trust:
            account = store.contacts.account(self.phone)
            contact = None if account is None else store.contacts.contact(account)
            return Trust.UNVERIFIED if contact is None else contact.trust

        return await self._home.read(find)

    async def _decide(self, number: SafetyNumber, *, verified: bool) -> None:
        sides = await self._sides()
        if sides.number() != number:
            raise InputError("the safety number has changed since it was shown: show the new one and compare again")
        # Should the key change just now, the turn sees that this is another one.
        await self._home.submit(SetTrust(self.phone, sides.other_key, verified))

    async def _sides(self) -> _Sides:
        return await self._home.read(self._find_sides)

    def _find_sides(self, store: SqliteStore) -> _Sides:
        device = store.load_device()
        if device is None or device.status not in REGISTERED:
            raise NotRegisteredError("this device has no account: call `Client.register` first")
        own = store.contacts.contact(device.account)
        own_key = AccountKey(device.account_seed).public if device.account_seed else own.account_key if own else b""
        account = store.contacts.account(self.phone)
        other = None if account is None or account == device.account else store.contacts.contact(account)
        if other is None or not other.account_key:
            raise InputError("there is no safety number yet: send a message in this chat first, with a network")
        return _Sides(device.account, own_key, other.account, other.account_key)
