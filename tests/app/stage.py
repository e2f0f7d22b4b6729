"""The app in this process, offscreen, with fingers: for its tests, its pictures and its benchmark."""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

from PIL import Image

from onebar import Client
from onebar_app.view_models.settings import Settings
from onebar_app.view_models.weather import Weather

PATIENCE_S = 30.0
IDLE_S = 0.002  # between looks while nothing is drawn


def prepare(width: int = 400, height: int = 800, density: float = 1.0) -> None:
    """Let Kivy draw into memory: no display is needed. Before anything of Kivy is imported."""
    os.environ.pop("DISPLAY", None)
    os.environ.setdefault("SDL_VIDEODRIVER", "offscreen")
    os.environ.setdefault("LP_NUM_THREADS", "0")  # with threads, Mesa keeps gigabytes of scenes
    os.environ.setdefault("KIVY_AUDIO", "sdl2")
    os.environ.setdefault("SDL_AUDIODRIVER", "dummy")
    from onebar_app.ui import window

    window.prepare(width, height, density=density, frames_s_max=0)


class Stage:
    """The app, running."""

    def __init__(self, client: Client, database: Path, weather: Weather | None = None, **choices: object) -> None:
        from onebar_app.ui.app import OnebarApp, Phone

        settings = Settings(database.with_suffix(".settings.json"))
        if choices:
            settings.choose(**choices)
        self.app = OnebarApp(Phone(client, database, settings, weather, animated=False))
        self.frames_s: list[float] = []
        """How long each frame took that was drawn."""
        self.finishing = False
        """Whether each frame is waited for: else several are drawn at once, and one pays for all."""
        self._flips = 0
        self._drawing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        from kivy.base import EventLoop
        from kivy.core.window import Window

        EventLoop.ensure_window()
        EventLoop.start() if EventLoop.status != "started" else None
        self.window = Window
        Window.bind(on_flip=self._flipped)
        Window.add_widget(self.app.build())
        self._drawing = asyncio.get_running_loop().create_task(self._draw())
        await self.frames(3)
        return self

    async def __aexit__(self, *error: object) -> None:
        from onebar_app.ui.textures import shelf

        await self.app.finish()
        if self._drawing is not None:
            self._drawing.cancel()
            await asyncio.gather(self._drawing, return_exceptions=True)
        self.window.unbind(on_flip=self._flipped, on_keyboard=self.app._key, on_drop_file=self.app._dropped)
        self.window.remove_widget(self.app.holder)
        shelf.clear()

    async def _draw(self) -> None:
        from kivy.base import EventLoop

        while True:
            drawn, begun = self._flips, time.perf_counter()
            EventLoop.idle()
            if self._flips != drawn:
                self.frames_s.append(time.perf_counter() - begun)
            await asyncio.sleep(0 if self._flips != drawn else IDLE_S)

    def _flipped(self, *_: object) -> None:
        self._flips += 1
        if self.finishing:
            from kivy.graphics.opengl import glFinish

            glFinish()

    @property
    def shell(self) -> Any:
        assert self.app.shell is not None
        return self.app.shell

    @property
    def screen(self) -> Any:
        return self.shell.navigator.current

    async def frames(self, number: int = 2) -> None:
        """Wait until so many were drawn."""
        for _ in range(number):
            drawn = self._flips
            self.window.canvas.ask_update()
            await self.until(lambda drawn=drawn: self._flips > drawn)  # type: ignore[misc]

    async def until(self, true: Callable[[], object], timeout_s: float = PATIENCE_S) -> None:
        """Wait until something is so; fail loudly."""
        async with asyncio.timeout(timeout_s):
            while not true():
                if self._drawing is not None and self._drawing.done():
                    self._drawing.result()
                await asyncio.sleep(0.002)

    # --- eyes and fingers --------------------------------------------------------------------------

    def widgets(self, kind: type | None = None) -> Iterator[Any]:
        """Yield what is in the window, what lies on top last."""
        for widget in self.app.holder.walk():
            if kind is None or isinstance(widget, kind):
                yield widget

    def button(self, text: str) -> Any:
        """Return the button that says this."""
        from onebar_app.ui.widgets import WordButton

        return next(button for button in reversed(list(self.widgets(WordButton))) if button.text == text)

    async def tap(self, x: float, y: float) -> None:
        """Touch a place and let go."""
        from kivy.tests.common import UnitTestTouch

        touch = UnitTestTouch(x, y)
        touch.touch_down()
        await self.frames(1)
        touch.touch_up()
        await self.frames(2)

    async def tap_on(self, widget: Any) -> None:
        """Touch a widget in its middle, once it stands there."""
        await self.frames(4)
        await self.tap(widget.center_x, widget.center_y)

    def row_place(self, rows: Any, key: object) -> tuple[float, float]:
        """Return where a row of a list is in the window."""
        view = rows._shown[key]
        return rows.x + view.width / 2, rows._place.y + view.place.y + view.height / 2

    async def tap_row(self, key: object, rows: Any = None, x: float | None = None) -> None:
        """Touch a row of the screen's list."""
        chosen = rows if rows is not None else self.screen.list
        await self.until(lambda: key in chosen._shown)
        middle, y = self.row_place(chosen, key)
        await self.tap(middle if x is None else x, y)

    async def drag(self, x: float, from_y: float, to_y: float, steps: int = 8) -> None:
        """Draw a finger along the screen."""
        from kivy.tests.common import UnitTestTouch

        touch = UnitTestTouch(x, from_y)
        touch.touch_down()
        for step in range(1, steps + 1):
            touch.touch_move(x, from_y + (to_y - from_y) * step / steps)
            await self.frames(1)
        touch.touch_up()
        await self.frames(2)

    async def picture(self) -> Image.Image:
        """Return what the window shows."""
        await self.frames(3)
        name = self.window.screenshot(name=f"/tmp/onebar-{os.getpid()}.png")
        try:
            return Image.open(name).convert("RGB")
        finally:
            Path(name).unlink(missing_ok=True)
