"""What protects the user's number besides the text message: a PIN, an authenticator app, or both."""

from onebar import WaitTimeoutError
from onebar.models import Protection, Totp
from onebar_app.view_models.observable import Observable
from onebar_app.view_models.session import Session


class TwoStep(Observable):
    """What the screens about it show and do."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._account = session.client.account
        self.known: Protection | None = None
        """What is set; None: the server never said it, or is too old to."""
        self._asked = False
        """Whether the server has answered, or could not be reached: nothing is offered and taken away again."""

    @property
    def may_have_pin(self) -> bool:
        """Whether there is a PIN to remove, as far as is known."""
        return self._asked if self.known is None else self.known.pin

    @property
    def may_have_totp(self) -> bool:
        """Whether there is an authenticator app to remove, as far as is known."""
        return self._asked if self.known is None else self.known.totp

    async def look(self) -> None:
        """Show what was known last, then what the server says, once it can be reached."""
        await self._recall()
        try:
            self.known = await self._account.protection()
        except WaitTimeoutError:
            pass  # what was known last is the best there is
        finally:
            self._asked = True
            self.changed()

    def new_totp(self) -> Totp:
        """Make a secret for an authenticator app."""
        return self._account.new_totp()

    async def set_pin(self, pin: str) -> None:
        """Set a PIN, or another one."""
        await self._account.set_pin(pin)
        await self._recall()

    async def remove_pin(self) -> None:
        """Let the text message be enough."""
        await self._account.remove_pin()
        await self._recall()

    async def set_totp(self, totp: Totp, typed: str) -> None:
        """Set the authenticator app that has shown this code, with or without spaces."""
        await self._account.set_totp(totp, "".join(filter(str.isdecimal, typed)))
        await self._recall()

    async def remove_totp(self) -> None:
        """Want no code of an authenticator app."""
        await self._account.remove_totp()
        await self._recall()

    async def _recall(self) -> None:
        self.known = await self._account.last_protection()
        self.changed()
