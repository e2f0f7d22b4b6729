"""How everything looks now: theme, text size, language, direction. A change builds the screens anew."""

from dataclasses import dataclass, field

from kivy.metrics import Metrics

from onebar_app.text.layout import Layout, Marks, Style, lay_out
from onebar_app.theme import LIGHT, Rgb, Theme
from onebar_app.view_models.portraits import Portraits
from onebar_app.words import Words


@dataclass(slots=True)
class Look:
    """What widgets ask when they are made."""

    theme: Theme = LIGHT
    text_size: float = 1.0
    words: Words = field(default_factory=lambda: Words("en"))
    portraits: Portraits | None = None
    """The photos of people; None while nobody is registered."""
    animated: bool = True
    """Whether screens slide; pictures and tests do without."""

    @property
    def right_to_left(self) -> bool:
        """Whether screens are mirrored."""
        return self.words.right_to_left

    def dp(self, amount: float) -> int:
        """Return pixels for a length that is the same on every screen."""
        return round(amount * float(Metrics.density))

    def sp(self, amount: float) -> int:
        """Return pixels for a size of text, which the user may choose."""
        return round(amount * float(Metrics.density) * self.text_size)

    def rgb(self, colour: str) -> Rgb:
        """Return a colour of the theme, 0 to 255."""
        return self.theme.rgb(colour)

    def rgba(self, colour: str, alpha: float = 1.0) -> tuple[float, float, float, float]:
        """Return a colour of the theme as Kivy takes it."""
        red, green, blue = self.theme.rgb(colour)
        return red / 255, green / 255, blue / 255, alpha

    def lay_out(
        self,
        text: str,
        size: float,
        width_px: float = float("inf"),
        *,
        bold: bool = False,
        lines_max: int = 0,
        links: bool = False,
        marks: Marks = (),
    ) -> Layout:
        """Break a text into lines; see `onebar_app.text.layout.lay_out`."""
        style = Style(self.sp(size), bold, links)
        return lay_out(text, style, width_px, lines_max, right_to_left=self.right_to_left, marks=marks)


look = Look()
"""The one look of this process."""
