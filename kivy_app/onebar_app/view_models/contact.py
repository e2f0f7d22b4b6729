"""One contact: name, what is done with the chat, and whether it really is the other side."""

import segno

from onebar import InputError, SafetyNumber, Trust
from onebar.models import Standing
from onebar_app.view_models.chat_list import is_muted
from onebar_app.view_models.observable import Observable
from onebar_app.view_models.session import Session, now_ms


def qr_squares(content: bytes | str) -> tuple[tuple[bool, ...], ...]:
    """Return the squares of a QR code, dark or not."""
    return tuple(tuple(bool(dark) for dark in row) for row in segno.make_qr(content, error="l", mode="byte").matrix)


class Contact(Observable):
    """What the screen about a contact shows."""

    def __init__(self, session: Session, phone: str) -> None:
        super().__init__()
        self.session = session
        self.phone = phone
        self._conversation = session.client.chat(phone)
        self.trust = Trust.UNVERIFIED
        self.standing = Standing.ACCEPTED
        self.number: SafetyNumber | None = None
        self.about = ""
        """The sentence that they say of themselves."""
        self.muted = self.pinned = self.archived = False
        self.begun = False
        """Whether something was said in the chat: only then it can be muted, pinned or archived."""
        self.loaded = False

    @property
    def name(self) -> str:
        """What to call them."""
        return self.session.name(self.phone)

    async def look(self) -> None:
        """Read everything."""
        chats = {chat.phone: chat for chat in await self.session.messenger.chats()}
        chat = chats.get(self.phone)
        self.begun = chat is not None
        if chat is not None:
            self.muted, self.pinned, self.archived = is_muted(chat, now_ms()), chat.pinned, chat.archived
        profile = await self._conversation.profile()
        self.about = profile.about if profile is not None else ""
        self.standing = await self._conversation.standing()
        self.trust = await self._conversation.trust()
        try:
            self.number = await self._conversation.safety_number()
        except InputError:  # nothing is known of them yet
            self.number = None
        self.loaded = True
        self.changed()

    def digits(self) -> list[str]:
        """Return the safety number in its twelve groups of five."""
        digits = self.number.digits if self.number else ""
        return [digits[at : at + 5] for at in range(0, len(digits), 5)]

    def qr(self) -> tuple[tuple[bool, ...], ...]:
        """Return the squares of our QR code, dark or not."""
        return qr_squares(self.number.qr()) if self.number else ()

    async def mark_verified(self) -> None:
        """Note that the digits are the same on both screens."""
        if self.number is not None:
            await self._conversation.mark_verified(self.number)
            await self.look()

    async def accept_key(self) -> None:
        """Go on without comparing after the key changed, or take the mark back."""
        if self.number is not None:
            await self._conversation.accept_safety_number(self.number)
            await self.look()

    async def rename(self, name: str) -> None:
        """Give them another name on this phone."""
        await self.session.messenger.rename(self.phone, name.strip())
        self.changed()

    async def toggle(self, what: str) -> None:
        """Switch `muted`, `pinned` or `archived`."""
        await self.session.messenger.keep(self.phone, what, not getattr(self, what))
        await self.look()

    async def toggle_block(self) -> None:
        """Block, or unblock."""
        if self.standing is Standing.BLOCKED:
            await self._conversation.unblock()
        else:
            await self._conversation.block()
        await self.look()
