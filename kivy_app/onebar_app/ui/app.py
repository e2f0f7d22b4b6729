"""The app: a window, and in it registration or the chats."""

import locale
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kivy.app import App
from kivy.core.window import Window
from kivy.uix.floatlayout import FloatLayout
from kivy.uix.widget import Widget

from onebar import Client
from onebar_app.messenger import Messenger
from onebar_app.theme import DARK, LIGHT
from onebar_app.ui.look import look
from onebar_app.ui.screens.chat import ChatScreen
from onebar_app.ui.screens.chats import ChatsScreen, Emptiness
from onebar_app.ui.screens.welcome import WelcomeScreen
from onebar_app.ui.shell import Shell
from onebar_app.ui.textures import shelf
from onebar_app.view_models.recording import Microphone
from onebar_app.view_models.scan import Reader
from onebar_app.view_models.session import Session
from onebar_app.view_models.settings import Settings
from onebar_app.view_models.weather import Weather
from onebar_app.words import Words

_BACK = 27  # Android's back button, and Escape


@dataclass(slots=True)
class Phone:
    """What the app runs on."""

    client: Client
    database: Path
    settings: Settings
    weather: Weather | None = None
    """The network that the developer drawer switches; None: there is no drawer."""
    dark: bool = False
    """Whether the system wants dark screens."""
    animated: bool = True


def system_language() -> str:
    """Return the language of the system, like `de`."""
    return (locale.getlocale()[0] or "en").partition("_")[0]


def beside(shell: Shell) -> Widget:
    """Return what is beside the list while no chat is open; nothing while the list says itself that there is none."""
    widget = Emptiness("message-circle", look.words("pick_title"), look.words("pick_text"))

    def fit() -> None:
        widget.opacity = 1 if shell.chats.chats or not shell.chats.loaded else 0

    unwatch = shell.chats.watch(fit)
    widget.bind(parent=lambda _, parent: None if parent else unwatch())
    fit()
    return widget


class OnebarApp(App):  # type: ignore[misc]
    """Kivy's part of the app."""

    def __init__(self, phone: Phone) -> None:
        super().__init__()
        self.phone = phone
        self.title = "Onebar"
        self.shell: Shell | None = None
        self.session: Session | None = None
        self.holder = FloatLayout()
        self.welcome: WelcomeScreen | None = None
        self.take_shared: Callable[[], Path | None] = lambda: None
        """Returns a file that another app shares into this one; phones have it."""
        self.notify: Callable[[str, str, int], None] | None = None
        """Shows a notification: title, text, number; phones have it."""
        self.microphone: Microphone | None = None
        """What voice notes are recorded with; None: the desktop's."""
        self.reader: Reader | None = None
        """What reads QR codes; None: what the desktop has."""
        self.ask_to_notify: Callable[[], None] = lambda: None
        """Asks whether notifications may be shown; phones have it."""
        self.before_camera: Callable[[], bool] = lambda: True
        """Returns whether the camera may be used, and asks if not; phones have it."""
        self.sync_later: Callable[[], None] = lambda: None
        """Lets what waits be sent while the app is not in front; phones have it."""
        self._paused = False
        self._announced: dict[str, int] = {}

    def build(self) -> Widget:
        """Show the first screen."""
        self.phone.settings.watch(self._look_changed)
        self._apply_look()
        Window.bind(on_keyboard=self._key, on_drop_file=self._dropped)
        Window.softinput_mode = "below_target"
        if self.phone.client.registered:
            self._show_chats()
        else:
            self._show_welcome()
        return self.holder

    def on_pause(self) -> bool:
        """Another app is in front: the connection may sleep."""
        self._paused = True
        screen = self.shell.navigator.current if self.shell is not None else None
        if screen is not None:
            screen.pause()
        if self.session is not None:
            self.session.client.background()
        if self.shell is not None and self.shell.chats.unsent:
            self.sync_later()
        return True

    def on_resume(self) -> None:
        """The app is in front again."""
        self._paused = False
        if self.session is not None:
            self.session.client.foreground()
        self._take_shared()

    async def finish(self) -> None:
        """Stop following the client, before it is closed."""
        look.portraits = None
        if self.shell is not None:
            self.shell.navigator.close()
        if self.session is not None:
            await self.session.close()

    def _apply_look(self) -> None:
        choices = self.phone.settings.choices
        dark = self.phone.dark if choices.theme == "system" else choices.theme == "dark"
        look.theme, look.text_size, look.animated = DARK if dark else LIGHT, choices.text_size, self.phone.animated
        if look.words.language != self.phone.settings.language:
            look.words = Words(self.phone.settings.language)
        Window.clearcolor = look.rgba("surface")

    def _look_changed(self) -> None:
        self._apply_look()
        shelf.clear()
        if self.session is not None:
            self.session.words = look.words
        if self.shell is not None:
            self.shell.navigator.rebuild()

    def _show_welcome(self) -> None:
        self.welcome = WelcomeScreen(self.phone.client, self._registered)
        self.holder.add_widget(self.welcome)

    def _registered(self) -> None:
        if self.welcome is not None:
            self.welcome.left()
            self.holder.remove_widget(self.welcome)
            self.welcome = None
        self._show_chats()

    def _show_chats(self) -> None:
        phone = self.phone
        messenger = Messenger(phone.client, phone.database.with_suffix(".app.json"))
        self.session = Session(messenger, look.words, phone.database)
        shell = Shell(self.session, phone.settings, lambda: ChatsScreen(shell), phone.weather)
        shell.navigator.empty = lambda: beside(shell)
        self.shell = shell
        shell.microphone = self.microphone or shell.microphone
        shell.reader = self.reader or shell.reader
        shell.before_camera = self.before_camera
        self.session.start()
        self.holder.add_widget(shell)
        shell.chats.watch(self._announce)
        self._take_shared()

    def _announce(self) -> None:
        """Tell of what came while another app is in front."""
        if self.shell is None:
            return
        if self.shell.chats.chats and not self.phone.settings.choices.asked_to_notify:
            self.phone.settings.note(asked_to_notify=True)
            self.ask_to_notify()  # with the first chat: before, the question would be about nothing
        for row in self.shell.chats.chats:
            before, self._announced[row.key] = self._announced.get(row.key, 0), row.unread
            if self._paused and self.notify is not None and row.unread > before and not row.muted:
                self.notify(row.name, look.words("unread_divider", count=row.unread), int(row.key[-9:]))

    def _take_shared(self) -> None:
        """Send what another app has shared, in the chat that is open or is opened next."""
        path = self.take_shared() if self.shell is not None else None
        if path is None or self.shell is None:
            return
        screen = self.shell.navigator.current
        self.shell.shared = path
        if isinstance(screen, ChatScreen):
            screen.offer_shared()
        else:
            self.shell.say(look.words("share_pick"))

    def _key(self, window: Any, key: int, *rest: Any) -> bool:
        del window, rest
        if key != _BACK:
            return False
        return self.shell.back() if self.shell is not None else bool(self.welcome and self.welcome.back())

    def _dropped(self, window: Any, name: bytes | str, *rest: Any) -> None:
        del window, rest
        screen = self.shell.navigator.current if self.shell is not None else None
        if isinstance(screen, ChatScreen):
            screen.send_file(Path(name.decode() if isinstance(name, bytes) else name))
