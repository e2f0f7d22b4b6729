"""Registration in three steps: number, code, PIN. The keyboard stays usable whatever the network does."""

import enum
import time
from typing import Final

from onebar import Client, InputError, OnebarError, RegistrationError, TransportError
from onebar.errors import CaptivePortalError, PinError, RateLimitedError
from onebar.models import check_phone
from onebar_app.view_models.observable import Observable
from onebar_app.words import Words

CODE_DIGITS: Final = 6
"""Length of the code in the text message."""
RESEND_S: Final = 60.0
"""When another code can be asked for; the server may say a later time."""


class Step(enum.StrEnum):
    """What the user is asked for."""

    NUMBER = "number"
    CODE = "code"
    PIN = "pin"
    TOTP = "totp"
    """The one-time password of an authenticator app."""
    DONE = "done"


class Registration(Observable):
    """Makes this device part of an account."""

    def __init__(self, client: Client, words: Words) -> None:
        super().__init__()
        self._client = client
        self._words = words
        self.step = Step.NUMBER
        self.phone = ""
        self.code = ""
        self._pin: str | None = None
        self.busy = False
        self.error = ""
        self.resend_at_s = 0.0
        """From when another code can be asked for, by `time.monotonic`."""

    def resend_in_s(self, now_s: float | None = None) -> int:
        """Return how many seconds are left until another code can be asked for."""
        return max(0, round(self.resend_at_s - (time.monotonic() if now_s is None else now_s)))

    def back(self) -> None:
        """Go one step back."""
        self.step = {Step.PIN: Step.CODE, Step.TOTP: Step.CODE}.get(self.step, Step.NUMBER)
        self.error = ""
        self.changed()

    async def give_number(self, typed: str) -> None:
        """Take the number and ask for a code."""
        phone = "".join(char for char in typed if char.isascii() and (char.isdigit() or char == "+"))
        if phone.startswith("00"):
            phone = "+" + phone[2:]
        try:
            self.phone = check_phone(phone)
        except InputError:
            self._fail(self._words("reg_bad_number"))
            return
        await self._ask_for_code()

    async def resend(self) -> None:
        """Ask for another code, where it is time."""
        if not self.resend_in_s():
            await self._ask_for_code()

    async def give_code(self, typed: str) -> None:
        """Take the code and register."""
        self.code = "".join(filter(str.isdecimal, typed))
        if len(self.code) != CODE_DIGITS:
            self._fail(self._words("reg_code_length", count=CODE_DIGITS))
            return
        self._pin = None
        await self._register()

    async def give_pin(self, typed: str) -> None:
        """Take the PIN and register."""
        self._pin = typed.strip()
        await self._register()

    async def give_totp(self, typed: str) -> None:
        """Take the one-time password and register."""
        await self._register("".join(filter(str.isdecimal, typed)))

    async def _ask_for_code(self) -> None:
        self._begin()
        try:
            await self._client.request_code(self.phone)
        except RateLimitedError as error:
            self.resend_at_s = time.monotonic() + error.retry_after_s
            if error.limit == "code_resend":  # the last code can still be used
                self._go(Step.CODE)
                return
            self._fail(self._words("reg_wait", count=max(1, round(error.retry_after_s / 60))))
        except (TransportError, RegistrationError, OnebarError) as error:
            self._fail(self._reason(error))
        else:
            self.resend_at_s = time.monotonic() + RESEND_S
            self._go(Step.CODE)

    async def _register(self, totp: str | None = None) -> None:
        self._begin()
        try:
            await self._client.register(self.phone, code=self.code, pin=self._pin, totp=totp)
        except PinError as error:
            self.step = Step.TOTP if "totp" in error.reason else Step.PIN
            told = {
                "wrong_pin": self._words("reg_wrong_pin", count=error.tries_left),
                "wrong_totp": self._words("reg_wrong_totp"),
            }
            self._fail(told.get(error.reason, ""))
        except OnebarError as error:
            self._fail(self._reason(error))
        else:
            self._go(Step.DONE)

    def _reason(self, error: OnebarError) -> str:
        if isinstance(error, CaptivePortalError):
            return self._words("net_portal")
        if isinstance(error, TransportError):
            return self._words("reg_no_network")
        if isinstance(error, RegistrationError) and error.reason in {"wrong_code", "code_expired", "bad_number"}:
            return self._words(f"reg_{error.reason}")
        return str(error)

    def _begin(self) -> None:
        self.busy, self.error = True, ""
        self.changed()

    def _fail(self, error: str) -> None:
        self.busy, self.error = False, error
        self.changed()

    def _go(self, step: Step) -> None:
        self.busy, self.error, self.step = False, "", step
        self.changed()
