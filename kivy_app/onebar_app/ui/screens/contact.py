"""One contact, and whether it really is the other side."""

from dataclasses import dataclass, replace
from typing import Any

from kivy.core.clipboard import Clipboard
from PIL import Image

from onebar import Trust
from onebar.models import Standing
from onebar_app.ui.items import Heading, Item, Note
from onebar_app.ui.look import look
from onebar_app.ui.pages import Page
from onebar_app.ui.painting import Box, Picture
from onebar_app.ui.scrolling import RowView
from onebar_app.ui.sheets import Question
from onebar_app.ui.shell import Shell
from onebar_app.ui.textures import shelf
from onebar_app.ui.widgets import AvatarFace
from onebar_app.view_models.contact import Contact
from onebar_app.view_models.formats import initials, number
from onebar_app.view_models.scan import Reader


@dataclass(frozen=True, slots=True)
class Portrait:
    """Whom the screen is about."""

    key: str
    phone: str
    name: str
    letters: str


@dataclass(frozen=True, slots=True)
class Code:
    """The safety number: a QR code, and digits."""

    key: str
    squares: tuple[tuple[bool, ...], ...]
    digits: tuple[str, ...]


class PortraitView(RowView):
    """A large avatar, the name, the number."""

    def __init__(self) -> None:
        super().__init__()
        with self.canvas:
            self._face, self._name, self._phone = AvatarFace(96), Picture(), Picture()

    def measure(self, row: Portrait, width: int) -> int:
        """Return the height."""
        del row, width
        return look.dp(96 + 40) + look.sp(60)

    def show(self, row: Portrait, width: int, height: int) -> None:
        """Paint it."""
        across, top = look.dp(96), height - look.dp(16)
        self._face.put(row.phone, row.letters, (width - across) / 2, top - across)
        name = look.lay_out(row.name, 22, width - look.dp(48), bold=True, lines_max=1)
        top -= across + look.dp(10)
        self._name.text(name, "text", (width - name.width) / 2, top)
        phone = look.lay_out(number(row.phone), 15, lines_max=1)
        if row.letters:
            self._phone.text(phone, "quiet", (width - phone.width) / 2, top - name.height)
        else:
            self._phone.hide()


class CodeView(RowView):
    """The safety number."""

    def __init__(self) -> None:
        super().__init__()
        with self.canvas:
            self._paper, self._code = Box(16), Picture()
            self._digits = [Picture() for _ in range(12)]

    def measure(self, row: Code, width: int) -> int:
        """Return the height."""
        del width
        return look.dp(216 + 32) + (3 * look.sp(30) if row.digits else 0)

    def show(self, row: Code, width: int, height: int) -> None:
        """Paint it: dark squares on white paper in both themes, as scanners want it."""
        paper = look.dp(216)
        x, y = (width - paper) / 2, height - look.dp(8) - paper
        self._paper.put(x, y, paper, paper)
        self._paper.paint("#ffffff")
        side = len(row.squares) * max(1, (paper - look.dp(32)) // max(1, len(row.squares)))
        texture = shelf.get(("qr", row.squares, side), lambda: _qr(row.squares, side), exact=True)
        self._code.show(texture, x + (paper - side) / 2, y + (paper - side) / 2)
        column = look.sp(76)
        for number_of, picture in enumerate(self._digits):
            text = row.digits[number_of] if number_of < len(row.digits) else ""
            layout = look.lay_out(text, 18)
            at = (width - 4 * column) / 2 + (number_of % 4) * column + (column - layout.width) / 2
            picture.text(layout, "text", at, y - look.dp(12) - (number_of // 4) * look.sp(30))


def _qr(squares: tuple[tuple[bool, ...], ...], side: int) -> Image.Image:
    picture = Image.new("L", (len(squares), len(squares)), 255)
    picture.putdata([0 if dark else 255 for row in squares for dark in row])
    return picture.resize((side, side), Image.Resampling.NEAREST)


class ContactScreen(Page):
    """What can be done about one contact."""

    def __init__(self, shell: Shell, phone: str) -> None:
        super().__init__(shell, "", {Portrait: PortraitView, Code: CodeView})
        self.subject = phone
        self.contact = Contact(shell.session, phone)
        self.bar.action("pencil", self._rename)
        self.on_leave(self.contact.watch(self._refresh))
        self._refresh()
        shell.run(self.contact.look())

    def _refresh(self) -> None:
        contact = self.contact
        name = self.shell.session.messenger.name(contact.phone)
        rows: list[Any] = [Portrait("portrait", contact.phone, contact.name, initials(name))]
        if contact.loaded:
            rows += [*self._switches(), *self._safety(), *self._end()]
        self.show(rows)

    def _switches(self) -> list[Any]:
        contact, words = self.contact, look.words
        copy = Item("copy", words("copy_number"), icon="copy", act=self._copy)
        switches = (
            ("muted", "bell-off", contact.muted),
            ("pinned", "pin", contact.pinned),
            ("archived", "archive", contact.archived),
        )
        about = [Item("about", contact.about, icon="info")] if contact.about else []
        return [*about, copy] + [
            Item(what, words(f"is_{what}"), icon=icon, end="on" if on else "off", act=self._toggler(what))
            for what, icon, on in switches
            if contact.begun
        ]

    def _toggler(self, what: str) -> Any:
        async def toggle() -> None:
            await self.contact.toggle(what)
            self.shell.chats.look()

        return lambda: self.shell.run(toggle())

    def _safety(self) -> list[Any]:
        contact, words, shell = self.contact, look.words, self.shell
        rows: list[Any] = [Heading("safety", words("safety"))]
        if contact.number is None:
            return [*rows, Note("safety_none", words("safety_none"))]
        state = {Trust.VERIFIED: "shield-check", Trust.CHANGED: "shield-alert"}.get(contact.trust, "shield")
        rows.append(
            Item(
                "trust",
                words(f"trust_{contact.trust.value}"),
                words(f"trust_{contact.trust.value}_text"),
                icon=state,
                danger=contact.trust is Trust.CHANGED,
            )
        )
        rows.append(Code("code", contact.qr(), tuple(contact.digits())))
        rows.append(Note("how", words("safety_how", name=contact.name), centred=True))
        read = shell.reader
        if contact.trust is not Trust.VERIFIED and read is not None:
            scanning = Item("scan", words("scan"), words("scan_text"), icon="qr-code", end="chevron-right")
            rows.append(replace(scanning, act=lambda: self._scan(read)))
        if contact.trust is not Trust.VERIFIED:
            rows.append(
                Item("verify", words("mark_verified"), icon="circle-check", act=lambda: shell.run(self._verify()))
            )
        if contact.trust is not Trust.UNVERIFIED:
            title = "unverify" if contact.trust is Trust.VERIFIED else "accept_key"
            rows.append(Item("accept", words(title), icon="refresh-cw", act=lambda: shell.run(contact.accept_key())))
        return rows

    def _scan(self, read: Reader) -> None:
        from onebar_app.ui.screens.scan import scan  # it looks for a camera when it is imported

        scan(self.shell, self.contact, read)

    async def _verify(self) -> None:
        await self.contact.mark_verified()
        self.shell.say(look.words("now_verified", name=self.contact.name))

    def _end(self) -> list[Any]:
        blocked = self.contact.standing is Standing.BLOCKED
        title = look.words("unblock" if blocked else "block")
        return [
            Heading("more", look.words("more")),
            Item("block", title, icon="ban", danger=not blocked, act=self._block),
        ]

    def _block(self) -> None:
        words, contact = look.words, self.contact

        async def block() -> None:
            await contact.toggle_block()
            self.shell.chats.look()

        if contact.standing is Standing.BLOCKED:
            self.shell.run(block())
            return
        self.shell.lay_over(
            Question(
                words("block_title", name=contact.name),
                words("block_text"),
                words("block"),
                lambda _: self.shell.run(block()),
                danger=True,
            )
        )

    def _copy(self) -> None:
        Clipboard.copy(self.contact.phone)
        self.shell.say(look.words("copied"))

    def _rename(self) -> None:
        async def rename(name: str) -> None:
            await self.contact.rename(name)
            self.shell.chats.look()

        words, name = look.words, self.shell.session.messenger.name(self.contact.phone)
        self.shell.lay_over(
            Question(
                words("rename"),
                words("rename_text"),
                words("keep"),
                lambda typed: self.shell.run(rename(typed)),
                hint=words("name_hint"),
                typed=name,
            )
        )
