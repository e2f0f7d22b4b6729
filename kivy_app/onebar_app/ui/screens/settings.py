"""The settings, one page for each group."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from onebar import OnebarError
from onebar_app.ui.items import AVATAR, Heading, Item, Note
from onebar_app.ui.look import look
from onebar_app.ui.pages import Page
from onebar_app.ui.screens.contact import Portrait, PortraitView
from onebar_app.ui.screens.security import DevicesScreen, TwoStepScreen
from onebar_app.ui.sheets import Choice, Menu, Question
from onebar_app.ui.shell import Shell
from onebar_app.view_models.formats import initials, number, size
from onebar_app.view_models.settings import TEXT_SIZES, THEMES
from onebar_app.view_models.storage import Storage, measure

LANGUAGES: Final = {"": "system", "en": "English", "de": "Deutsch", "ar": "العربية"}
"""What can be chosen, each in its own words."""


class SettingsScreen(Page):
    """The first page."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell, look.words("settings"))
        self.on_leave(shell.settings.watch(self._refresh))
        self._refresh()

    def _refresh(self) -> None:
        words, shell = look.words, self.shell
        phone, profile = shell.session.client.phone or "", shell.session.messenger.profile
        pages: list[tuple[str, str, Callable[[], Page]]] = [
            ("privacy", "lock", lambda: PrivacyScreen(shell)),
            ("two_step", "key-round", lambda: TwoStepScreen(shell)),
            ("devices", "smartphone", lambda: DevicesScreen(shell)),
            ("appearance", "palette", lambda: AppearanceScreen(shell)),
            ("storage", "hard-drive", lambda: StorageScreen(shell)),
            ("about", "info", lambda: AboutScreen(shell)),
        ]
        me = Item(
            "me",
            profile.name or number(phone),
            number(phone) if profile.name else words("profile_add"),
            phone=phone,
            letters=initials(profile.name),
            end="chevron-right",
            act=lambda: shell.go(lambda: ProfileScreen(shell)),
        )
        self.show(
            [
                me,
                *(
                    Item(
                        name,
                        words(name),
                        words(f"{name}_text"),
                        icon=icon,
                        slot=AVATAR,
                        end="chevron-right",
                        act=self._opener(page),
                    )
                    for name, icon, page in pages
                ),
            ]
        )

    def _opener(self, page: Callable[[], Page]) -> Callable[[], None]:
        return lambda: self.shell.go(page)


class ProfileScreen(Page):
    """What the user says of themselves."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell, look.words("profile"), {Portrait: PortraitView})
        self._refresh()

    def _photo(self) -> None:
        words, messenger = look.words, self.shell.session.messenger
        if not messenger.profile.photo:
            self._pick()
            return
        choices = [
            Choice(words("photo_choose"), "image", self._pick),
            Choice(words("photo_remove"), "trash-2", lambda: self._set_photo(None), danger=True),
        ]
        self.shell.lay_over(Menu(choices, words("profile_photo")))

    def _pick(self) -> None:
        from onebar_app.ui.screens.files import FilesScreen

        self.shell.go(lambda: FilesScreen(self.shell, self._set_photo))

    def _set_photo(self, path: Path | None) -> None:
        async def keep() -> None:
            await self.shell.session.messenger.set_photo(path)
            self.shell.portraits.look_again(self.shell.session.client.phone or "")
            self._refresh()
            self.shell.settings.changed()

        self.shell.run(keep())

    def _refresh(self) -> None:
        words, profile = look.words, self.shell.session.messenger.profile
        phone = self.shell.session.client.phone or ""
        self.show(
            [
                Portrait("portrait", phone, profile.name or number(phone), initials(profile.name)),
                Item(
                    "photo",
                    words("profile_photo"),
                    "" if profile.photo else words("not_set"),
                    icon="camera",
                    end="pencil",
                    act=self._photo,
                ),
                Item(
                    "name",
                    words("profile_name"),
                    profile.name or words("not_set"),
                    icon="user",
                    end="pencil",
                    act=lambda: self._ask("profile_name", profile.name),
                ),
                Item(
                    "about",
                    words("profile_about"),
                    profile.about or words("not_set"),
                    icon="info",
                    end="pencil",
                    act=lambda: self._ask("profile_about", profile.about),
                ),
                Item("phone", words("profile_phone"), number(phone), icon="phone"),
                Note("note", words("profile_note")),
            ]
        )

    def _ask(self, what: str, before: str) -> None:
        profile = self.shell.session.messenger.profile

        async def keep(typed: str) -> None:
            name, about = (typed, profile.about) if what == "profile_name" else (profile.name, typed)
            await self.shell.session.messenger.set_profile(name, about)
            self._refresh()
            self.shell.settings.changed()

        question = Question(
            look.words(what),
            "",
            look.words("keep"),
            lambda typed: self.shell.run(keep(typed)),
            hint=look.words(what),
            typed=before,
        )
        self.shell.lay_over(question)


class PrivacyScreen(Page):
    """Receipts and blocked numbers."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell, look.words("privacy"))
        self.on_leave(shell.chats.watch(self._refresh))
        self._refresh()

    def _refresh(self) -> None:
        words, client = look.words, self.shell.session.client
        blocked = len(self.shell.chats.blocked)
        self.show(
            [
                Item(
                    "receipts",
                    words("receipts"),
                    words("receipts_text"),
                    icon="check-check",
                    end="on" if client.read_receipts else "off",
                    act=self._toggle,
                ),
                Item(
                    "blocked",
                    words("blocked"),
                    words("blocked_count", count=blocked),
                    icon="ban",
                    end="chevron-right",
                    act=lambda: self.shell.go(lambda: BlockedScreen(self.shell)),
                ),
            ]
        )

    def _toggle(self) -> None:
        async def toggle() -> None:
            client = self.shell.session.client
            await client.set_read_receipts(not client.read_receipts)
            self._refresh()

        self.shell.run(toggle())


class BlockedScreen(Page):
    """Who is blocked."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell, look.words("blocked"))
        self.on_leave(shell.chats.watch(self._refresh))
        self._refresh()

    def _refresh(self) -> None:
        rows = self.shell.chats.blocked
        items: list[Any] = [
            Item(
                row.key,
                row.name,
                look.words("tap_to_unblock"),
                phone=row.key,
                letters=row.initials,
                act=self._asker(row.key, row.name),
            )
            for row in rows
        ]
        self.show(items or [Note("none", look.words("blocked_none"))])

    def _asker(self, phone: str, name: str) -> Callable[[], None]:
        words = look.words

        async def unblock() -> None:
            await self.shell.session.client.chat(phone).unblock()
            self.shell.chats.look()

        def ask() -> None:
            title = words("unblock_title", name=name)
            self.shell.lay_over(Question(title, "", words("unblock"), lambda _: self.shell.run(unblock())))

        return ask


class AppearanceScreen(Page):
    """Language, theme, text size."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell, look.words("appearance"))
        words, choices = look.words, shell.settings.choices
        step = TEXT_SIZES.index(min(TEXT_SIZES, key=lambda one: abs(one - choices.text_size)))
        self.show(
            [
                Item(
                    "language",
                    words("language"),
                    LANGUAGES[choices.language] if choices.language else words("system"),
                    icon="languages",
                    end="chevron-right",
                    act=self._language,
                ),
                Item(
                    "theme",
                    words("theme"),
                    words(f"theme_{choices.theme}"),
                    icon="moon",
                    end="chevron-right",
                    act=self._theme,
                ),
                Item(
                    "size",
                    words("text_size"),
                    words(f"text_size_{step}"),
                    icon="type",
                    end="chevron-right",
                    act=self._size,
                ),
                Note("note", words("text_size_note")),
            ]
        )

    def _choices(self, title: str, options: Sequence[tuple[str, bool, dict[str, object]]]) -> None:
        settings = self.shell.settings
        lines = [
            Choice(text, "", lambda values=values: settings.choose(**values), chosen=chosen)  # type: ignore[misc]
            for text, chosen, values in options
        ]
        self.shell.lay_over(Menu(lines, title))

    def _language(self) -> None:
        words, now = look.words, self.shell.settings.choices.language
        self._choices(
            words("language"),
            [
                (words("system") if not code else name, code == now, {"language": code})
                for code, name in LANGUAGES.items()
            ],
        )

    def _theme(self) -> None:
        words, now = look.words, self.shell.settings.choices.theme
        self._choices(words("theme"), [(words(f"theme_{name}"), name == now, {"theme": name}) for name in THEMES])

    def _size(self) -> None:
        words, now = look.words, self.shell.settings.choices.text_size
        self._choices(
            words("text_size"),
            [
                (words(f"text_size_{step}"), factor == now, {"text_size": factor})
                for step, factor in enumerate(TEXT_SIZES)
            ],
        )


class StorageScreen(Page):
    """What the app takes on the phone."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell, look.words("storage"))
        shell.run(self._load())

    async def _load(self) -> None:
        words, found = look.words, await measure(self.shell.session)
        self.show(_storage_items(found, words("storage_note")))


def _storage_items(found: Storage, note: str) -> list[Any]:
    words = look.words
    return [
        Heading("total", words("storage_total", size=size(found.database_bytes + found.files_bytes))),
        Item(
            "database",
            words("storage_messages", count=found.messages),
            icon="database",
            value=size(found.database_bytes),
        ),
        Item("files", words("storage_files"), icon="image", value=size(found.files_bytes)),
        Note("note", note),
    ]


class AboutScreen(Page):
    """The version, the licences, and the end of the account."""

    def __init__(self, shell: Shell) -> None:
        from onebar import __version__

        super().__init__(shell, look.words("about"))
        words = look.words
        self.show(
            [
                Item("version", words("app_name"), words("version", version=__version__), icon="info"),
                Note("fonts", words("fonts_note")),
                Item(
                    "delete",
                    words("delete_account"),
                    words("delete_account_text"),
                    icon="trash-2",
                    danger=True,
                    act=self._ask,
                ),
            ]
        )

    def _ask(self) -> None:
        words, shell = look.words, self.shell

        async def delete() -> None:
            try:
                await shell.session.client.account.delete()
            except OnebarError:
                shell.say(words("delete_later"))
                raise

        shell.lay_over(
            Question(
                words("delete_account"),
                words("delete_account_ask"),
                words("delete"),
                lambda _: shell.run(delete(), "deleted"),
                danger=True,
            )
        )
