"""One chat: its messages page by page, what is written in it, and what is done with its files."""

import asyncio
from pathlib import Path
from typing import Final

from onebar import Event, InputError, Message, MessageState
from onebar.events import ChatEvent, MessageEvent
from onebar.models import Standing, TransferState
from onebar_app.view_models.observable import Observable
from onebar_app.view_models.rows import NoticeRow, Row, chat_rows
from onebar_app.view_models.session import Session, now_ms

PAGE: Final = 60
"""Messages of a page: two to three screens of short ones."""

KEPT_MAX: Final = 5 * PAGE
"""Messages that are in memory at once: those further away from the eye are read again when it comes back. Two pages on
each side of the one that is looked at, so that a page is read long before it is seen."""

DRAFT_S: Final = 0.8
"""A draft is kept when typing rests for this time."""

# Files that are sent as what they are; all others as they are.
PHOTOS: Final = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".avif", ".gif", ".bmp", ".tif", ".tiff"}
)
VIDEOS: Final = frozenset({".mp4", ".mov", ".mkv", ".webm", ".3gp", ".m4v"})
SOUNDS: Final = frozenset({".wav", ".ogg", ".opus", ".m4a", ".aac", ".mp3", ".amr", ".flac"})


class Chat(Observable):
    """A chat that is open on the screen."""

    def __init__(self, session: Session, phone: str) -> None:
        super().__init__()
        self.session = session
        self.phone = phone
        self.conversation = session.client.chat(phone)
        self.messages: list[Message] = []
        self.rows: list[Row] = []
        self.standing = Standing.ACCEPTED
        self.key_changed = False
        """Whether nothing is sent until the user has looked at the safety number."""
        self.begin_reached = False
        """Whether the first of `messages` is the chat's first."""
        self.end_reached = True
        """Whether the last of `messages` is the chat's last."""
        self.loaded = False
        self.preparing = 0
        """How many files are being made small."""
        self.unread = 0
        """How many messages came in below what is seen."""
        self.draft = ""
        self._unread_from = 0
        self._unread_count = 0
        self._loading = asyncio.Lock()
        self._draft_task: asyncio.Task[None] | None = None
        self._files: dict[int, asyncio.Task[None]] = {}
        self._unlisten = session.on_event(self._happened)

    async def open(self, around: Message | None = None) -> None:
        """Read the newest page, or down to a message that was found, and what is new."""
        self.standing = await self.conversation.standing()
        summary = await self.conversation.summary()
        unread = summary.unread if summary else 0
        self.draft = summary.draft if summary else ""
        if around is None:
            await self._read_newest(max(PAGE, min(unread + 5, 1000)))
        else:
            before = await self.conversation.history(limit=PAGE, before=around.place + 1)
            after = await self.conversation.history(limit=PAGE, after=around.place)
            self.messages = [*before, *after]
            self.begin_reached, self.end_reached = len(before) < PAGE, len(after) < PAGE
        self._mark_new(unread)
        await self._look_at_trust()
        for message in self.messages:
            self._follow_file(message)
        self.loaded = True
        self._rebuild()

    def close(self) -> None:
        """Stop following; keep the draft."""
        self._unlisten()
        for task in self._files.values():
            task.cancel()
        if self._draft_task is not None and not self._draft_task.done():
            self._draft_task.cancel()
            self.session.run(self._keep_draft())

    async def older(self) -> None:
        """Read the page before; does nothing at the begin of the chat, or while one is being read."""
        if self.begin_reached or self._loading.locked() or not self.messages:
            return
        async with self._loading:
            page = await self.conversation.history(limit=PAGE, before=self.messages[0].place)
            self.begin_reached = not page
            joined = [*self._fresh(page), *self.messages]
            end = _whole_place(joined, KEPT_MAX)
            self.end_reached &= end == len(joined)
            self.messages = joined[:end]
            self._rebuild()

    async def newer(self) -> None:
        """Read the page after; does nothing at the end of the chat, or while one is being read."""
        if self.end_reached or self._loading.locked() or not self.messages:
            return
        async with self._loading:
            page = await self.conversation.history(limit=PAGE, after=self.messages[-1].place)
            self.end_reached = not page
            joined = [*self.messages, *self._fresh(page)]
            begin = _whole_place(joined, max(0, len(joined) - KEPT_MAX))
            self.begin_reached &= begin == 0
            self.messages = joined[begin:]
            self._rebuild()

    async def newest(self) -> None:
        """Go to the end of the chat, from wherever it is."""
        if self.end_reached:
            return
        async with self._loading:
            await self._read_newest(PAGE)
            self._rebuild()

    async def _read_newest(self, limit: int) -> None:
        self.messages = await self.conversation.history(limit=limit)
        self.begin_reached, self.end_reached = len(self.messages) < limit, True

    def _fresh(self, page: list[Message]) -> list[Message]:
        """Return what of a page is not there yet; follow its files."""
        known = {message.message_no for message in self.messages}
        fresh = [message for message in page if message.message_no not in known]
        for message in fresh:
            self._follow_file(message)
        return fresh

    def type(self, text: str) -> None:
        """Note what is in the input line; it is kept when typing rests."""
        self.draft = text
        if self._draft_task is not None:
            self._draft_task.cancel()
        self._draft_task = asyncio.get_running_loop().create_task(self._keep_draft_soon())

    async def send(self, text: str) -> None:
        """Send a text; it is on the disk when this returns.

        Raises:
            InputError: It cannot be sent; nothing was.
        """
        said = text.strip()
        if not said:
            return
        sent = await self.conversation.send(said)
        self.standing = Standing.ACCEPTED
        self.type("")
        await self._show_sent(sent.message_no)

    async def send_path(self, path: Path, caption: str = "") -> None:
        """Send a file as what it is: a photo, a video, a voice note, or as it is.

        Raises:
            InputError: It cannot be sent; nothing was.
            OnebarError: The picture, video or sound cannot be read.
            OSError: The file cannot be read, or there is no room.
        """
        suffix = path.suffix.lower()
        self.preparing += 1
        self.changed()
        try:
            if suffix in PHOTOS:
                sent = await self.conversation.send_photo(path, caption=caption)
            elif suffix in VIDEOS:
                sent = await self.conversation.send_video(path, caption=caption)
            elif suffix in SOUNDS:
                sent = await self.conversation.send_voice_note(path)
            else:
                sent = await self.conversation.send_file(path, caption=caption)
        finally:
            self.preparing -= 1
            self.changed()
        await self._show_sent(sent.message_no)

    async def send_recording(self, path: Path, waveform: bytes) -> None:
        """Send a voice note that was recorded here; a phone's own Opus as it is, else what the SDK makes of it.

        Raises:
            InputError: It cannot be sent; nothing was.
            OnebarError: The sound cannot be read.
            OSError: The file cannot be read, or there is no room.
        """
        own = waveform if path.suffix == ".ogg" else b""
        sent = await self.conversation.send_voice_note(path, waveform=own)
        await self._show_sent(sent.message_no)

    async def send_again(self, message: Message) -> None:
        """Send a text that failed once more, as a new message."""
        if message.attachment is None:
            await self.send(message.text)
        else:
            sent = await self.conversation.forward(message)
            await self._show_sent(sent.message_no)

    async def _show_sent(self, message_no: int) -> None:
        self._unread_from = self._unread_count = 0
        await self.newest()
        await self._take(message_no)

    async def seen(self, message: Message) -> None:
        """Note that the user has seen the chat down to a message."""
        self.unread = 0
        await self.conversation.mark_read(message)

    async def accept(self) -> None:
        """Accept a request, or unblock."""
        await self.conversation.accept()
        self.standing = Standing.ACCEPTED
        self._rebuild()

    async def block(self) -> None:
        """Take nothing from this number any more."""
        await self.conversation.block()
        self.standing = Standing.BLOCKED
        self._rebuild()

    async def report_and_block(self) -> None:
        """Tell the operator of the newest message that came in, and block; blocks at once, reports with a network."""
        newest = next((message for message in reversed(self.messages) if not message.outgoing), None)
        await self.block()
        if newest is not None:
            await self.conversation.report(newest, timeout_s=None)

    async def transfer(self, message: Message) -> None:
        """Do with a file what a tap on its ring does: pause, go on, fetch."""
        if message.attachment is None:
            return
        file = self.session.client.file(message)
        if message.attachment.state is TransferState.WAITING:
            await file.pause()
        elif message.attachment.state is not TransferState.DONE:
            await file.fetch()
        await self._take(message.message_no)

    async def cancel(self, message: Message) -> None:
        """Give a transfer up."""
        await self.session.client.file(message).cancel()
        await self._take(message.message_no)

    def _mark_new(self, unread: int) -> None:
        """Find where the divider goes: before the oldest of the newest messages that came in."""
        incoming = [message for message in self.messages if not message.outgoing]
        if unread and incoming:
            self._unread_from = incoming[-min(unread, len(incoming))].message_no
            self._unread_count = unread

    def _happened(self, event: Event) -> None:
        if isinstance(event, MessageEvent) and event.chat == self.phone:
            self.session.run(self._take(event.message_no))
        elif isinstance(event, ChatEvent) and event.chat == self.phone:
            self.session.run(self._look_again())

    async def _look_again(self) -> None:
        await self._look_at_trust()
        self._rebuild()

    async def _look_at_trust(self) -> None:
        self.key_changed = (await self.conversation.trust()).value == "changed"

    async def _take(self, message_no: int) -> None:
        """Put a message into its place as it is now."""
        message = await self.session.client.message(message_no)
        if message is None or message.chat != self.phone or not self.loaded:
            return
        places = {known.message_no: index for index, known in enumerate(self.messages)}
        if message_no in places:
            self.messages[places[message_no]] = message
        elif self.messages and message.place < self.messages[0].place and not self.begin_reached:
            return  # its page has not been read
        elif self.messages and message.place > self.messages[-1].place and not self.end_reached:
            self.unread += message.unread  # nor has that one
        else:
            self.messages.append(message)
            self.messages.sort(key=lambda known: (known.place, known.message_no))
            if not message.outgoing:
                self.unread += 1
            self.standing = await self.conversation.standing()
        self._follow_file(message)
        self._rebuild()

    def _follow_file(self, message: Message) -> None:
        attachment, number = message.attachment, message.message_no
        if (
            attachment is None
            or attachment.state in {TransferState.DONE, TransferState.FAILED}
            or number in self._files
        ):
            return
        self._files[number] = self.session.run(self._follow(number))

    async def _follow(self, number: int) -> None:
        try:
            async for _ in self.session.client.file(number).progress():
                await self._take(number)
        finally:
            self._files.pop(number, None)

    def _rebuild(self) -> None:
        rows = chat_rows(
            self.messages, now_ms(), self.session.words, unread_from=self._unread_from, unread=self._unread_count
        )
        if self.begin_reached:
            rows.insert(0, NoticeRow("begin", self.session.words("encrypted_notice")))
        self.rows = rows
        self.changed()

    async def _keep_draft_soon(self) -> None:
        await asyncio.sleep(DRAFT_S)
        await self._keep_draft()

    async def _keep_draft(self) -> None:
        await self.session.messenger.keep(self.phone, "draft", self.draft)


def _whole_place(messages: list[Message], at: int) -> int:
    """Return where to cut, at an index or behind it: what shares a place is read together."""
    while 0 < at < len(messages) and messages[at - 1].place == messages[at].place:
        at += 1
    return min(at, len(messages))


def can_be_resent(message: Message) -> bool:
    """Whether a failed message of ours may be sent again."""
    return message.outgoing and message.state in {
        MessageState.EXPIRED,
        MessageState.REJECTED,
        MessageState.UNDELIVERABLE,
    }


def why_not(error: InputError | OSError | Exception) -> str:
    """Return an error in one sentence for the user."""
    text = str(error) or type(error).__name__
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
