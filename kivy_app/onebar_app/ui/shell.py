"""What screens have in common: the session, the way to other screens, and words to the user."""

import webbrowser
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from kivy.uix.floatlayout import FloatLayout

from onebar import OnebarError
from onebar_app.ui.look import look
from onebar_app.ui.microphone import DesktopMicrophone
from onebar_app.ui.navigator import Navigator, Route
from onebar_app.ui.sheets import Overlay, Toast
from onebar_app.ui.widgets import repaint_faces
from onebar_app.view_models.chat import why_not
from onebar_app.view_models.chat_list import ChatList
from onebar_app.view_models.pictures import Pictures
from onebar_app.view_models.portraits import Portraits
from onebar_app.view_models.recording import Microphone
from onebar_app.view_models.scan import Reader, reader
from onebar_app.view_models.session import Session
from onebar_app.view_models.settings import Settings
from onebar_app.view_models.weather import Weather


class Shell(FloatLayout):  # type: ignore[misc]
    """The window's content: the screens, and what lies over them."""

    def __init__(self, session: Session, settings: Settings, root: Route, weather: Weather | None = None) -> None:
        """Show the first screen.

        Args:
            session: The open client.
            settings: What the user has chosen.
            root: The first screen.
            weather: The network that the developer drawer switches; None hides the drawer.
        """
        super().__init__()
        self.session, self.settings, self.weather = session, settings, weather
        self.chats = ChatList(session)
        self.pictures = Pictures(session)
        self.portraits = Portraits(session)
        self.portraits.watch(repaint_faces)
        look.portraits = self.portraits
        self.navigator = Navigator(root)
        self.add_widget(self.navigator)
        self.shared: Path | None = None
        """What another app wants to be sent, until a chat is chosen."""
        self.microphone: Microphone | None = DesktopMicrophone()
        """What voice notes are recorded with; phones and tests have their own."""
        self.reader: Reader | None = reader()
        """What reads QR codes; None: this device has nothing that does."""
        self.before_camera: Callable[[], bool] = lambda: True
        """Returns whether the camera may be used, and asks if not."""
        self.folder = Path.home()
        """Where the user looked for a file last."""
        self.open_link: Callable[[str], object] = webbrowser.open
        self._unwatch = session.watch(self._told)

    def go(self, route: Route) -> None:
        """Go to a screen."""
        self.navigator.open(route)

    def back(self) -> bool:
        """Close what lies on top, or go one screen back; return whether there was anything."""
        overlay = next((child for child in self.children if isinstance(child, Overlay)), None)
        if overlay is not None:
            overlay.close()
            return True
        return self.navigator.back()

    def lay_over(self, overlay: Overlay) -> None:
        """Show a menu or a question."""
        self.add_widget(overlay)

    def say(self, text: str) -> None:
        """Show a sentence for a moment."""
        for child in [child for child in self.children if isinstance(child, Toast)]:
            child.close()
        toast = Toast(text)
        self.add_widget(toast)
        toast.place(self)

    def run(self, work: Coroutine[Any, Any, None], done: str = "") -> None:
        """Do something that the screen does not wait for, and say what came of it."""

        async def told() -> None:
            try:
                await work
            except (OnebarError, OSError) as error:
                self.say(why_not(error))
            else:
                if done:
                    self.say(look.words(done))

        self.session.run(told())

    def _told(self) -> None:
        if self.session.failure:
            failure, self.session.failure = self.session.failure, ""
            self.say(why_not(OnebarError(failure)))
