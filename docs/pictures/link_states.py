"""Draws link_states.svg from the transition table that the code runs on, so that the picture cannot be wrong.

States stand in a column, in the order of the enum. Each transition is one row of its state: the trigger on a
line that leaves the box. A step to the next state goes straight down. All others that end in one state share
one lane: on the right when that state lies further down (or is the same one), on the left when further up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Final, Literal

from onebar.core.link_states import TRANSITIONS, LinkState, LinkTrigger

Transitions = Mapping[LinkState, Mapping[LinkTrigger, LinkState]]
Side = Literal["left", "right"]

PICTURE: Final = Path(__file__).with_suffix(".svg")
"""Where the picture is kept."""

ROW_PX: Final = 22
"""Height of one transition's row: 13 px letters, and room to tell two lines apart."""

LETTER_PX: Final = 7.1
"""Width reserved for a letter of 13 px: wide for a sans-serif font, so that labels never touch a lane."""

BOX_PX: Final = 132
"""Width of a state's box: the longest name in bold."""

LANE_PX: Final = 26
"""Distance between two lanes."""

STEP_PX: Final = 46
"""Room between two boxes for the arrow that goes straight down."""

MARGIN_PX: Final = 28
"""White space around the picture."""

COLORS: Final = ("#1f6feb", "#b35900", "#1a7f37", "#8250df", "#cf222e", "#57606a")
"""One color for each target state: dark enough to read on white."""

STYLE: Final = """
  text { font: 13px "DejaVu Sans", Verdana, "Segoe UI", sans-serif; }
  .state { font-weight: bold; font-size: 14px; fill: #24292f; text-anchor: middle; }
  .box { fill: #f6f8fa; stroke: #57606a; stroke-width: 1.5; }
  .line { fill: none; stroke-width: 1.6; }
"""
"""Fonts and strokes."""


@dataclass
class Box:
    """Where a state stands, and the triggers that leave it on each side."""

    state: LinkState
    color: str
    steps: list[str] = field(default_factory=list)
    sides: dict[Side, list[tuple[str, LinkState]]] = field(default_factory=lambda: {"left": [], "right": []})
    top: float = 0

    @property
    def height(self) -> float:
        """One row for the name and arrows that come in, and one for each transition of the fuller side."""
        return ROW_PX * (1.6 + max(len(rows) for rows in self.sides.values()))

    @property
    def step_height(self) -> float:
        """Room below the box for the arrow to the next state with its labels."""
        return STEP_PX + ROW_PX * max(0, len(self.steps) - 1)

    def row(self, index: int) -> float:
        """Return the height at which row `index` leaves the box; arrows come in at row -1."""
        return self.top + ROW_PX * (1.9 + index)


Boxes = dict[LinkState, Box]


@dataclass(frozen=True)
class Lanes:
    """The lanes on one side: how long the labels before them are, and which targets they lead to."""

    side: Side
    labels_px: float
    targets: list[LinkState]

    @property
    def width(self) -> float:
        """All that stands between the boxes and the margin."""
        return self.labels_px + 24 + LANE_PX * len(self.targets)

    def x(self, edge: float, place: int) -> float:
        """Return where the lane at this place runs, counted from the boxes' edge."""
        distance = self.labels_px + 24 + LANE_PX * place
        return edge + distance if self.side == "right" else edge - distance


def draw(transitions: Transitions) -> str:
    """Return the picture of a transition table as SVG."""
    boxes = arrange(transitions)
    left, right = lanes_of(boxes, "left"), lanes_of(boxes, "right")
    x = MARGIN_PX + left.width
    width = x + BOX_PX + right.width + MARGIN_PX
    last = list(boxes.values())[-1]
    height = last.top + last.height + MARGIN_PX
    body: list[str] = []
    for lanes, edge in ((right, x + BOX_PX), (left, x)):
        for place, target in enumerate(lanes.targets):
            body += draw_lane(boxes, lanes.side, target, edge, lanes.x(edge, place))
    for box in boxes.values():
        body += draw_box(box, x, boxes)
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}"',
        f' width="{width:.0f}" height="{height:.0f}">',
        "<title>The states of a link</title>",
        f"<style>{STYLE}</style>",
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>',
    ]
    return "\n".join([*head, *body, "</svg>\n"])


def arrange(transitions: Transitions) -> Boxes:
    """Give every state its box, and every transition its side."""
    states = list(LinkState)
    boxes = {state: Box(state, COLORS[place % len(COLORS)]) for place, state in enumerate(states)}
    for place, state in enumerate(states):
        for trigger, target in transitions.get(state, {}).items():
            label, distance = trigger.value, states.index(target) - place
            if distance == 1:
                boxes[state].steps.append(label)
            else:
                boxes[state].sides["right" if distance >= 0 else "left"].append((label, target))
    top: float = MARGIN_PX
    for box in boxes.values():
        box.top = top
        top += box.height + box.step_height
    return boxes


def lanes_of(boxes: Boxes, side: Side) -> Lanes:
    """Return the lanes of a side, the shortest nearest to the boxes, so that few of them cross."""
    spans: dict[LinkState, float] = {}
    labels_px = 0.0
    for box in boxes.values():
        for label, target in box.sides[side]:
            spans[target] = max(spans.get(target, 0), abs(boxes[target].top - box.top))
            labels_px = max(labels_px, LETTER_PX * len(label))
    return Lanes(side, labels_px, sorted(spans, key=lambda target: spans[target]))


def draw_lane(boxes: Boxes, side: Side, target: LinkState, edge: float, lane: float) -> list[str]:
    """Draw what reaches a state on this side: rows out of their boxes, one lane, one arrow in."""
    color, arrival, out = boxes[target].color, boxes[target].row(-1), 1 if side == "right" else -1
    drawn, ends = [], [arrival]
    for source in boxes.values():
        for index, (label, end) in enumerate(source.sides[side]):
            if end is target:
                y = source.row(index)
                ends.append(y)
                drawn.append(line(f"M{edge:.0f} {y:.1f}H{lane:.0f}", color))
                drawn.append(text(edge + out * 10, y - 5, label, color, "start" if out > 0 else "end"))
    drawn.append(line(f"M{lane:.0f} {max(ends):.1f}V{min(ends):.1f}", color))
    drawn.append(line(f"M{lane:.0f} {arrival:.1f}H{edge + out * 8:.0f}", color))
    drawn.append(arrowhead(edge, arrival, (-out, 0), color))
    return drawn


def draw_box(box: Box, x: float, boxes: Boxes) -> list[str]:
    """Draw a state, and the arrow straight down to the next one."""
    middle, below = x + BOX_PX / 2, box.top + box.height
    drawn = [
        f'<rect class="box" x="{x:.0f}" y="{box.top:.1f}" width="{BOX_PX}" height="{box.height:.1f}" rx="9"/>'
        f'<text class="state" x="{middle:.0f}" y="{box.top + box.height / 2 + 5:.1f}">{box.state.name}</text>'
    ]
    if box.steps:
        color = list(boxes.values())[list(boxes).index(box.state) + 1].color
        drawn.append(line(f"M{middle:.0f} {below:.1f}V{below + box.step_height - 8:.1f}", color))
        drawn.append(arrowhead(middle, below + box.step_height, (0, 1), color))
        for place, label in enumerate(box.steps):
            drawn.append(text(middle + 10, below + STEP_PX / 2 + ROW_PX * place + 1, label, color, "start"))
    return drawn


def line(path: str, color: str) -> str:
    """Draw a line of straight pieces."""
    return f'<path class="line" d="{path}" stroke="{color}"/>'


def text(x: float, y: float, words: str, color: str, anchor: str) -> str:
    """Write a label."""
    return f'<text x="{x:.0f}" y="{y:.1f}" fill="{color}" text-anchor="{anchor}">{escape(words)}</text>'


def arrowhead(x: float, y: float, direction: tuple[int, int], color: str) -> str:
    """Draw an arrowhead whose point is at (x, y)."""
    across, down = direction
    corners = (
        (x, y),
        (x - 9 * across - 5 * down, y - 9 * down - 5 * across),
        (x - 9 * across + 5 * down, y - 9 * down + 5 * across),
    )
    points = " ".join(f"{left:.1f},{top:.1f}" for left, top in corners)
    return f'<polygon points="{points}" fill="{color}"/>'


if __name__ == "__main__":
    PICTURE.write_text(draw(TRANSITIONS), encoding="utf-8")
