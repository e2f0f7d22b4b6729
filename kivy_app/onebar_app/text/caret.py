"""Where the caret stands in a line that may run in two directions."""

from onebar_app.text.fonts import EMOJI
from onebar_app.text.layout import Run, Style, lay_out, run_width


def caret_x(text: str, column: int, style: Style) -> float:
    """Return how far from the left the caret before the character of this column is, in pixels."""
    lines = lay_out(text, style).lines
    if not lines or not lines[0].runs:
        return 0.0
    for run in sorted(lines[0].runs, key=lambda run: run.start):
        if column <= run.start + len(run.text) and (column > run.start or column == 0):
            return _inside(run, column - run.start, style)
    return lines[0].width if not lines[0].right_to_left else 0.0


def column_at(text: str, x: float, style: Style) -> int:
    """Return the column whose caret is nearest to a place."""
    return min(range(len(text) + 1), key=lambda column: abs(caret_x(text, column, style) - x))


def _inside(run: Run, chars: int, style: Style) -> float:
    whole = run.family == EMOJI
    part = (run.width if chars else 0.0) if whole else run_width(run.text[:chars], run.family, style) if chars else 0.0
    return run.x + (run.width - part if run.right_to_left else part)
