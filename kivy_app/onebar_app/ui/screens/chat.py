"""One chat."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from kivy.clock import Clock
from kivy.core.clipboard import Clipboard

from onebar import InputError, Message
from onebar.models import Standing, TransferState
from onebar_app.ui.bubbles import BubbleActions, BubbleView, ChipView
from onebar_app.ui.composer import Ask, Composer, SendButton
from onebar_app.ui.file_bubbles import FileView, MediaView, ring_icon
from onebar_app.ui.look import look
from onebar_app.ui.navigator import BAR, Screen
from onebar_app.ui.net_banner import NetBanner
from onebar_app.ui.painting import Box, Picture
from onebar_app.ui.player import Player
from onebar_app.ui.recorder import RecordingBar
from onebar_app.ui.scrolling import VirtualList
from onebar_app.ui.sheets import Choice, Menu, Question
from onebar_app.ui.shell import Shell
from onebar_app.ui.widgets import TOUCH, Avatar, IconButton, Row, Tappable, Text, WordButton, grounded
from onebar_app.view_models.chat import Chat, can_be_resent, why_not
from onebar_app.view_models.formats import initials, number
from onebar_app.view_models.recording import Recording
from onebar_app.view_models.rows import BubbleRow, DayRow, FileRow, MediaRow, NoticeRow, UnreadRow

SEEN_S: Final = 0.3
"""A message that was on the screen for this time was seen."""

FOUND_S: Final = 1.6
"""How long the message is lit that a search has led to: the eye needs a second to find it."""


class JumpButton(Tappable):
    """Goes to the newest message, and says how many are new."""

    def __init__(self, on_tap: Callable[[], object]) -> None:
        super().__init__(on_tap, radius=22, size_hint=(None, None), size=(look.dp(44), look.dp(44)))
        with self.canvas:
            self._shadow, self._box, self._icon = Box(22), Box(22), Picture()
            self._badge, self._count = Box(10 * look.text_size), Picture()
        self.unread = 0
        self.bind(pos=self._redraw, size=self._redraw)

    def show(self, shown: bool, unread: int) -> None:
        """Be there, or not."""
        self.unread, self.enabled, self.opacity = unread, shown, 1 if shown else 0
        self._redraw()

    def _redraw(self, *_: object) -> None:
        self._shadow.put(self.x, self.y - look.dp(1), *self.size)
        self._shadow.paint("#000000", 0.16)
        self._box.put(*self.pos, *self.size)
        self._box.paint("surface")
        side = look.sp(22)
        self._icon.icon(
            "chevron-down", 22, "quiet", (self.x + self.width / 2) - side / 2, (self.y + self.height / 2) - side / 2
        )
        count = look.lay_out(str(self.unread) if self.unread else "", 12, bold=True)
        high = look.sp(20)
        wide = max(high, count.width + look.dp(10))
        x, y = (self.x + self.width / 2) - wide / 2, (self.y + self.height) - high / 2
        self._badge.put(x, y, wide, high)
        self._badge.paint("fill" if self.unread else "")
        self._count.text(count, "on_fill", x + (wide - count.width) / 2, y + (high + count.height) / 2)


class ChatBar(Row):
    """Who it is; a tap tells more."""

    def __init__(self, shell: Shell, chat: Chat, on_open: Callable[[], None]) -> None:
        super().__init__(size_hint_y=None, height=max(look.dp(BAR + 4), look.sp(52)), padding=(look.dp(4), 0))
        grounded(self, "surface")
        self._navigator, self._back = shell.navigator, IconButton("arrow-left", shell.back)
        self._back.pos_hint = {"center_y": 0.5}
        self.add_widget(self._back)
        self.fit()
        who = _Who(shell, chat, on_open)
        self.add_widget(who)

    def fit(self) -> None:
        """Have a way back where the list is not beside it: a rotation changes that."""
        alone = not self._navigator.wide
        self._back.enabled, self._back.opacity = alone, 1 if alone else 0
        self._back.width = look.dp(TOUCH) if alone else 0


class _Who(Tappable):
    def __init__(self, shell: Shell, chat: Chat, on_tap: Callable[[], object]) -> None:
        super().__init__(on_tap, radius=12)
        self._shell, self._chat = shell, chat
        self._avatar = Avatar(40)
        self._name = Text("", 17, bold=True, lines_max=1)
        self._below = Text("", 13, "quiet", lines_max=1)
        for part in (self._avatar, self._name, self._below):
            self.add_widget(part)
        self.bind(pos=self._arrange, size=self._arrange)
        self._arrange()

    def _arrange(self, *_: object) -> None:
        name = self._shell.session.messenger.name(self._chat.phone)
        title = self._shell.session.name(self._chat.phone)
        self._avatar.show(self._chat.phone, initials(name))
        self._name.say(title)
        phone = number(self._chat.phone)
        self._below.say(look.words("tap_for_info") if phone == title else phone)
        rtl, gap = look.right_to_left, look.dp(8)
        self._avatar.pos = (
            (self.x + self.width) - gap - self._avatar.width if rtl else self.x + gap,
            (self.y + self.height / 2) - self._avatar.height / 2,
        )
        room = self.width - self._avatar.width - 3 * gap
        for text in (self._name, self._below):
            text.width = room
            text.x = self.x + gap if rtl else self.x + self._avatar.width + 2.5 * gap
        self._name.y = (self.y + self.height / 2) - look.dp(3)
        self._below.top = (self.y + self.height / 2) - look.dp(1)


class ChatScreen(Screen, BubbleActions):
    """Messages, and the line to write."""

    def __init__(self, shell: Shell, phone: str, around: Message | None = None) -> None:
        self._shell, self.chat, self._around = shell, Chat(shell.session, phone), around
        self.subject = phone
        kinds: dict[type, Callable[[], Any]] = {
            BubbleRow: lambda: BubbleView(self),
            MediaRow: lambda: MediaView(self, shell.pictures),
            FileRow: lambda: FileView(self),
            **dict.fromkeys((DayRow, UnreadRow, NoticeRow), lambda: ChipView(self)),
        }
        self.list = VirtualList(kinds, sticks_to_end=True, pad=8)
        super().__init__(self.list, ground="ground")
        self.bar = ChatBar(shell, self.chat, self._info)
        self.top_bar.add_widget(self.bar)
        self.on_leave(shell.navigator.watch(self.bar.fit))
        self.banner = NetBanner(shell.session, lambda: not shell.navigator.wide)  # else the list beside it has one
        self.top_bar.add_widget(self.banner)
        self.jump = JumpButton(self._jump)
        self.jump.show(False, 0)
        self.float_above(self.jump)
        self.composer: Composer | None = None
        self._bottom: tuple[Standing, bool, bool] | None = None
        self.recording = Recording(shell.session, shell.microphone)
        self.recorder: RecordingBar | None = None
        self._marked = 0
        self._seeing = Clock.create_trigger(lambda _: self._see(), SEEN_S)
        self.list.on_near_begin = self._older
        self.list.on_near_end = self._newer
        self.list.on_scroll = self._scrolled
        self.on_leave(self.banner.close)
        self.on_leave(self.chat.watch(self._refresh))
        self.on_leave(self.chat.close)
        self._player = Player(shell.session, self._played)
        self.on_leave(self._player.stop)
        self.on_leave(self._seeing.cancel)
        self.on_leave(self.recording.watch(self._recorded))
        self.on_leave(lambda: shell.run(self.recording.cancel()))
        shell.session.run(self._load())

    async def _load(self) -> None:
        await self.chat.open(self._around)
        if self._around is not None:
            self._light(self._around.message_no)
        elif any(isinstance(row, UnreadRow) for row in self.chat.rows):
            self.list.scroll_to("unread")
        self.offer_shared()

    def _light(self, message_no: int) -> None:
        """Go to a message, and let it be seen which one it is."""
        self.found = message_no
        self.list.repaint()
        self.list.scroll_to(message_no)
        fade = Clock.schedule_once(lambda _: self._darken(), FOUND_S)
        self.on_leave(fade.cancel)

    def _darken(self) -> None:
        self.found = 0
        self.list.repaint()

    def _refresh(self) -> None:
        self._show_bottom()
        self.list.set_rows(self.chat.rows, more_below=not self.chat.end_reached)
        self._scrolled()

    def _show_bottom(self) -> None:
        wanted = (self.chat.standing, self.chat.key_changed, self.recording.state in {"recording", "held"})
        if wanted == self._bottom:
            return
        self._bottom, self.composer, self.recorder = wanted, None, None
        self.bottom_bar.clear_widgets()
        self.bottom_bar.add_widget(self._make_bottom(*wanted))

    def _make_bottom(self, standing: Standing, key_changed: bool, recording: bool) -> Any:
        words, chat = look.words, self.chat
        name = self._shell.session.name(chat.phone)
        if standing is Standing.BLOCKED:
            unblock = WordButton(words("unblock"), lambda: self._shell.run(chat.accept()), "quiet")
            return Ask(words("blocked_title"), words("blocked_text"), [unblock])
        if standing is Standing.REQUESTED:
            accept = WordButton(words("accept"), lambda: self._shell.run(chat.accept()))
            refuse = WordButton(words("block"), self._refuse, "danger")
            return Ask(words("request_title", name=name), words("request_text"), [refuse, accept])
        if key_changed:
            look_at = WordButton(words("key_changed_look"), self._info)
            return Ask(words("key_changed_title", name=name), words("key_changed_text"), [look_at])
        if recording:
            self.recorder = RecordingBar(self.recording, SendButton(self._send_recording), self._drop_recording)
            return self.recorder
        self.composer = Composer(chat.draft, chat.type, self._send, self._clip, self._record)
        return self.composer

    def _record(self) -> None:
        self._player.stop()
        self._shell.run(self.recording.start())

    def _recorded(self) -> None:
        self._show_bottom()
        if self.recorder is not None:
            self.recorder.refresh()

    def _drop_recording(self) -> None:
        self._shell.run(self.recording.cancel())

    def _send_recording(self) -> None:
        async def send() -> None:
            await self.recording.send(self.chat)
            self.list.scroll_to_end()

        self._shell.run(send())

    def pause(self) -> None:
        """Another app comes to the front: the microphone is not ours then."""
        self._player.stop()
        self._shell.run(self.recording.hold())

    def _send(self, text: str) -> None:
        async def send() -> None:
            try:
                await self.chat.send(text)
            except InputError as error:
                if self.composer is not None and not self.composer.entry.text:
                    self.composer.entry.text = text
                self._shell.say(why_not(error))
            else:
                self.list.scroll_to_end()

        self._shell.session.run(send())

    def send_file(self, path: Path) -> None:
        """Send a file that the user has chosen."""
        self._shell.run(self.chat.send_path(path))

    def offer_shared(self) -> None:
        """Ask whether what another app has shared is sent here."""
        path, self._shell.shared = self._shell.shared, None
        if path is None:
            return
        title = look.words("share_title", name=self._shell.session.name(self.chat.phone))
        self._shell.lay_over(Question(title, path.name, look.words("send"), lambda _: self.send_file(path)))

    def _clip(self) -> None:
        from onebar_app.ui.screens.files import FilesScreen

        self._shell.go(lambda: FilesScreen(self._shell, self.send_file))

    def _refuse(self) -> None:
        words = look.words
        choices = [
            Choice(words("block"), "ban", lambda: self._shell.run(self.chat.block()), danger=True),
            Choice(words("report_block"), "flag", lambda: self._shell.run(self.chat.report_and_block()), danger=True),
        ]
        self._shell.lay_over(Menu(choices, self._shell.session.name(self.chat.phone)))

    def _info(self) -> None:
        from onebar_app.ui.screens.contact import ContactScreen

        self._shell.go(lambda: ContactScreen(self._shell, self.chat.phone))

    # --- scrolling ---------------------------------------------------------------------------------

    def _older(self) -> None:
        if self.chat.loaded and not self.chat.begin_reached:
            self._shell.session.run(self.chat.older())

    def _newer(self) -> None:
        self._shell.session.run(self.chat.newer())

    def _jump(self) -> None:
        async def jump() -> None:
            await self.chat.newest()
            self.list.scroll_to_end()

        self._shell.session.run(jump())

    def _scrolled(self) -> None:
        self.jump.show(not self.list.at_end and self.chat.loaded, self.chat.unread)
        self._seeing()

    def _see(self) -> None:
        row = self.list.last_seen()
        if not isinstance(row, BubbleRow) or self.chat.standing is not Standing.ACCEPTED:
            return
        if row.message.message_no > self._marked:
            self._marked = row.message.message_no
            self._shell.session.run(self._mark(row.message))

    async def _mark(self, message: Message) -> None:
        await self.chat.seen(message)
        self._shell.chats.look()
        self._scrolled()

    # --- what bubbles ask --------------------------------------------------------------------------

    def tapped(self, message: Message, link: str) -> None:
        """Open a link or a photo, or offer what failed again."""
        if link:
            self._ask_link(link)
        elif can_be_resent(message):
            self.menu(message)
        elif message.attachment is not None and message.attachment.kind == "video" and ring_icon(message.attachment):
            self.transfer(message)
        elif message.attachment is not None:
            from onebar_app.ui.screens.media import MediaScreen

            self._shell.go(lambda: MediaScreen(self._shell, message))

    def _ask_link(self, link: str) -> None:
        url = link if "://" in link else f"https://{link}"
        self._shell.lay_over(
            Question(look.words("link_title"), url, look.words("open"), lambda _: self._shell.open_link(url))
        )

    def transfer(self, message: Message) -> None:
        """Pause a file, or go on."""
        self._shell.run(self.chat.transfer(message))

    def play(self, message: Message) -> None:
        """Play a voice note, or stop."""
        self._shell.run(self._player.toggle(message))

    def _played(self) -> None:
        self.playing = self._player.message_no
        self.list.repaint()

    def menu(self, message: Message) -> None:
        """Show what can be done with a message."""
        words, shell, choices = look.words, self._shell, []
        if can_be_resent(message):
            again = Choice(words("send_again"), "refresh-cw", lambda: shell.run(self.chat.send_again(message)))
            choices.append(again)
        if message.text:
            choices.append(Choice(words("copy"), "copy", lambda: self._copy(message.text)))
        attachment = message.attachment
        if attachment is not None and attachment.state in {TransferState.WAITING, TransferState.PAUSED}:
            choices.append(Choice(words("cancel_file"), "x", lambda: shell.run(self.chat.cancel(message)), danger=True))
        if attachment is not None and (message.outgoing or attachment.state is TransferState.DONE):
            choices.append(Choice(words("save"), "download", lambda: self._save(message)))
        if not message.outgoing:
            choices.append(
                Choice(words("report"), "flag", lambda: shell.run(self._report(message), "reported"), danger=True)
            )
        if choices:
            shell.lay_over(Menu(choices))

    async def _report(self, message: Message) -> None:
        await self.chat.conversation.report(message, timeout_s=None)

    def _copy(self, text: str) -> None:
        Clipboard.copy(text)
        self._shell.say(look.words("copied"))

    def _save(self, message: Message) -> None:
        from onebar_app.ui.screens.media import save

        self._shell.run(save(self._shell, message), "saved")
