"""The picture of uploads is drawn, whatever part was measured."""

from pathlib import Path

import pytest
from benchmarks.transfers_chart import Row, draw, draw_with_known
from PIL import Image

pytest.importorskip("matplotlib")
ROWS = [
    Row(network, kind, 750_000, 40.0 + number, over, 30.0)
    for network in ("edge", "tunnel")
    for number, (kind, over) in enumerate({"onebar": 0.0, "tuspy": 0.6, "httpx": 300.0}.items())
]


def test_what_was_measured_is_in_the_picture(tmp_path: Path) -> None:
    draw(ROWS, [0.5, 0.7], [0.6, 1.2], tmp_path / "new" / "chart.png")
    with Image.open(tmp_path / "new" / "chart.png") as picture:
        assert picture.size[0] > 1_000
        assert len(picture.convert("RGB").resize((200, 60)).getcolors(20_000) or []) > 20


def test_a_part_alone_is_drawn_too(tmp_path: Path) -> None:
    draw(ROWS, [], [], tmp_path / "kills.png")
    assert (tmp_path / "kills.png").stat().st_size > 1_000


def test_parts_of_several_runs_come_together(tmp_path: Path) -> None:
    path = tmp_path / "chart.png"
    draw_with_known(ROWS[:3], [], [], path)
    draw_with_known(ROWS[3:], [], [], path)
    draw_with_known([], [0.5], [0.6], path)
    whole = path.read_bytes()
    draw(ROWS, [0.5], [0.6], path)
    assert path.read_bytes() == whole
