"""The developer's drawer: switch the weather, watch the SDK work."""

from collections.abc import Callable
from typing import Final

from kivy.clock import Clock

from onebar_app.ui.items import Heading, Item
from onebar_app.ui.pages import Page
from onebar_app.ui.shell import Shell

EVERY_S: Final = 0.5
"""How often the figures are read."""


class DrawerScreen(Page):
    """English only: it is for developers, and not in release builds."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell, "Developer")
        assert shell.weather is not None
        self._weather = shell.weather
        clock = Clock.schedule_interval(lambda _: shell.session.run(self._refresh()), EVERY_S)
        self.on_leave(clock.cancel)
        self.on_leave(self._weather.watch(self._soon))
        self._soon()

    def _soon(self) -> None:
        self.shell.session.run(self._refresh())

    async def _refresh(self) -> None:
        weather = self._weather
        gauges = await weather.look(self.shell.session)
        rows: list[Heading | Item] = [Heading("now", "Now")]
        rows += [
            Item(f"gauge {gauge.name}", gauge.name.capitalize(), value=gauge.value, dense=True)
            if len(gauge.value) < 24
            else Item(f"gauge {gauge.name}", gauge.name.capitalize(), gauge.value, dense=True)
            for gauge in gauges
        ]
        rows += [
            Heading("do", "Do"),
            Item(
                "tunnel",
                "Drive into a tunnel",
                "Nothing passes for 20 s; connections stay",
                icon="wifi-off",
                act=weather.tunnel,
            ),
            Item("reset", "Cut every connection", "By an RST, as a middlebox does", icon="x", act=weather.reset),
            Item("try", "Try now", "Client.try_now()", icon="zap", act=self.shell.session.try_now),
            Heading("weather", "Weather"),
        ]
        rows += [
            Item(
                f"weather {name}",
                name,
                icon="wifi",
                end="check" if name == weather.name else "",
                act=self._chooser(name),
            )
            for name in weather.names
        ]
        self.show(rows)

    def _chooser(self, name: str) -> Callable[[], None]:
        return lambda: self._weather.choose(name)
