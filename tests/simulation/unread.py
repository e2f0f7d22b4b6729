"""What a reader's user has seen: the model that the counts of unread messages are held against."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tests.simulation.phone import Phone

_UP_TO: Final = """
    SELECT m.text FROM message m JOIN message t ON t.chat_id = m.chat_id
    WHERE t.message_no = ? AND m.account <> 0 AND (m.place, m.chat_no) <= (t.place, t.chat_no)"""
_CAME: Final = "SELECT text, unread FROM message WHERE account <> 0 AND state = 'received'"


class Seen:
    """What was seen on one phone, as far as its app can know: a commit that was not confirmed may have taken effect."""

    def __init__(self) -> None:
        self.surely: set[str] = set()
        self.perhaps: set[str] = set()
        self._asked: dict[int, set[str]] = {}

    def copy(self) -> "Seen":
        """Return a copy, for a backup."""
        seen = Seen()
        seen.surely, seen.perhaps = set(self.surely), set(self.perhaps)
        return seen

    def asks(self, phone: "Phone", message_no: int) -> None:
        """The app marks a chat as read up to a message: all that stands there now is read if that succeeds."""
        self._asked[message_no] = _up_to(phone, message_no)

    def answered(self, phone: "Phone", message_no: int, *, good: bool) -> None:
        """The call has ended; what came meanwhile may have been marked with the rest."""
        asked = self._asked.pop(message_no, set())
        self.perhaps |= asked | _up_to(phone, message_no)
        self.surely |= asked if good else set()

    def crashed(self, phone: "Phone") -> None:
        """Nobody hears any more how the calls have ended."""
        for message_no in list(self._asked):
            self.answered(phone, message_no, good=False)

    def contradicts(self, phone: "Phone") -> str:
        """Return in what the phone's counts differ from what was seen; empty if they agree."""
        rows = phone.database.connection.execute(_CAME).fetchall()
        unread = {text for text, flag in rows if flag}
        again, missed = unread & self.surely, {text for text, _ in rows} - unread - self.perhaps
        counted = sum(chat.unread for on in (False, True) for chat in phone.store.chats(archived=on))
        (flags,) = phone.database.connection.execute("SELECT count(*) FROM message WHERE unread").fetchone()
        if again or missed or counted != flags:
            return f"unread again: {len(again)}, never seen: {len(missed)}, counted {counted} of {flags}"
        return ""


def _up_to(phone: "Phone", message_no: int) -> set[str]:
    return {text for (text,) in phone.database.connection.execute(_UP_TO, (message_no,))}
