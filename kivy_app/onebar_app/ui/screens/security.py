"""Settings that protect the account: the PIN, and its devices."""

from collections.abc import Callable
from datetime import date

from kivy.core.clipboard import Clipboard

from onebar.models import Totp
from onebar_app.ui.items import Item, Note
from onebar_app.ui.look import look
from onebar_app.ui.pages import Page
from onebar_app.ui.screens.contact import Code, CodeView
from onebar_app.ui.sheets import Question
from onebar_app.ui.shell import Shell
from onebar_app.view_models.contact import qr_squares
from onebar_app.view_models.formats import local
from onebar_app.view_models.two_step import TwoStep


class TwoStepScreen(Page):
    """The PIN that protects the number."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell, look.words("two_step"))
        self._two_step = TwoStep(shell.session)
        self.on_leave(self._two_step.watch(self._refresh))
        shell.run(self._two_step.look())

    def _refresh(self) -> None:
        words, known = look.words, self._two_step.known
        on = words("turned_on")
        pin, totp = known is not None and known.pin, known is not None and known.totp
        items = [
            Note("note", words("two_step_note")),
            Item("set", words("pin_change" if pin else "pin_set"), on if pin else "", icon="key-round", act=self._ask),
            Item(
                "totp",
                words("totp"),
                on if totp else words("totp_text"),
                icon="shield",
                end="chevron-right",
                act=self._authenticator,
            ),
        ]
        if self._two_step.may_have_pin:
            items.append(Item("remove", words("pin_remove"), icon="unlock", danger=True, act=self._remove))
        self.show(items)

    def _ask(self) -> None:
        words, shell = look.words, self.shell

        def again(first: str) -> None:
            shell.lay_over(
                Question(
                    words("pin_repeat"),
                    "",
                    words("keep"),
                    lambda second: compare(first, second),
                    hint=words("pin_hint"),
                    secret=True,
                    kind="number",
                )
            )

        def compare(first: str, second: str) -> None:
            if first != second:
                shell.say(words("pin_differs"))
            else:
                shell.run(self._two_step.set_pin(first), "pin_is_set")

        shell.lay_over(
            Question(
                words("pin_set"),
                words("pin_set_text"),
                words("next"),
                again,
                hint=words("pin_hint"),
                secret=True,
                kind="number",
            )
        )

    def _authenticator(self) -> None:
        totp = self._two_step.new_totp()  # here, so that a screen that is built anew shows the one that was scanned
        self.shell.go(lambda: AuthenticatorScreen(self.shell, self._two_step, totp))

    def _remove(self) -> None:
        words, shell = look.words, self.shell

        def remove(_: str) -> None:
            shell.run(self._two_step.remove_pin(), "pin_is_removed")

        shell.lay_over(Question(words("pin_remove"), words("pin_remove_text"), words("remove"), remove, danger=True))


class AuthenticatorScreen(Page):
    """One-time passwords of an authenticator app: its secret as a QR code, and the first password."""

    def __init__(self, shell: Shell, two_step: TwoStep, totp: Totp) -> None:
        super().__init__(shell, look.words("totp"), {Code: CodeView})
        self._two_step, self._totp = two_step, totp
        self.on_leave(two_step.watch(self._refresh))
        self._refresh()

    def _refresh(self) -> None:
        words = look.words
        items = [
            Note("scan", words("totp_scan")),
            Code("code", qr_squares(self._totp.uri), ()),
            Item("copy", words("totp_copy"), icon="copy", act=self._copy),
            Item("confirm", words("totp_confirm"), icon="circle-check", act=self._ask),
        ]
        if self._two_step.may_have_totp:
            items.append(Item("remove", words("totp_remove"), icon="unlock", danger=True, act=self._remove))
        self.show(items)

    def _copy(self) -> None:
        Clipboard.copy(self._totp.uri)
        self.shell.say(look.words("copied"))

    def _ask(self) -> None:
        words, shell = look.words, self.shell

        def confirm(typed: str) -> None:
            shell.run(self._two_step.set_totp(self._totp, typed), "totp_is_set")

        title = words("totp_confirm")
        shell.lay_over(Question(title, "", words("keep"), confirm, hint=words("reg_totp_hint"), kind="number"))

    def _remove(self) -> None:
        words, shell = look.words, self.shell

        def remove(_: str) -> None:
            shell.run(self._two_step.remove_totp(), "totp_is_removed")

        shell.lay_over(Question(words("totp_remove"), "", words("remove"), remove, danger=True))


class DevicesScreen(Page):
    """The devices of the account."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell, look.words("devices"))
        shell.run(self._load())

    async def _load(self) -> None:
        words, items = look.words, []
        for device in await self.shell.session.client.devices():
            since = words("device_since", date=words.date(local(device.created_ms).date(), date.today()))
            title = words("device_this") if device.this else words("device_number", number=device.number)
            remove = None if device.this else self._remover(device.number)
            items.append(
                Item(
                    str(device.number),
                    title,
                    since,
                    icon="smartphone" if device.this else "monitor",
                    end="" if device.this else "trash-2",
                    act=remove,
                )
            )
        link = Item("link", words("device_link"), words("device_link_text"), icon="link", act=self._link)
        self.show([*items, link, Note("note", words("devices_note"))])

    def _remover(self, device_no: int) -> Callable[[], None]:
        words, shell = look.words, self.shell

        async def remove() -> None:
            await shell.session.client.remove_device(device_no)
            await self._load()

        def ask() -> None:
            title = words("device_remove_title", number=device_no)
            shell.lay_over(
                Question(
                    title, words("device_remove_text"), words("remove"), lambda _: shell.run(remove()), danger=True
                )
            )

        return ask

    def _link(self) -> None:
        words, shell = look.words, self.shell

        async def approve(request: str) -> None:
            Clipboard.copy(await shell.session.client.approve_device(request.strip()))
            shell.say(words("device_approved"))
            await self._load()

        shell.lay_over(
            Question(
                words("device_link"),
                words("device_link_how"),
                words("device_approve"),
                lambda typed: shell.run(approve(typed)),
                hint=words("device_request"),
            )
        )
