"""Pictures of texts: there is ink, it has the right colours, and marks are not cut off."""

from PIL import Image

from onebar_app.text.layout import Style, lay_out
from onebar_app.text.raster import PAD_PX, draw_icon, draw_text

BLACK, BLUE = (0, 0, 0), (0, 0, 255)


def pixels(picture: Image.Image) -> list[tuple[int, ...]]:
    content = picture.tobytes()
    return [tuple(content[at : at + 4]) for at in range(0, len(content), 4)]


def test_each_script_leaves_ink_and_no_box() -> None:
    for text in ("Hallo", "مرحبا", "שלום", "你好", "한국어", "नमस्ते", "สวัสดี"):
        found = lay_out(text, Style(20))
        picture = draw_text(found, BLACK, BLUE, round(found.width), "left")
        assert max(picture.getchannel("A").tobytes()) > 200, text


def test_emoji_keep_their_colours() -> None:
    found = lay_out("❤️", Style(20))
    picture = draw_text(found, BLACK, BLUE, round(found.width), "left")
    reds = [pixel for pixel in pixels(picture) if pixel[3] > 200 and pixel[0] > 150 and pixel[2] < 120]
    assert len(reds) > 50


def test_a_link_is_underlined_in_its_colour() -> None:
    found = lay_out("https://example.org", Style(20, links=True))
    picture = draw_text(found, BLACK, BLUE, round(found.width), "left")
    assert any(pixel[:3] == BLUE and pixel[3] == 255 for pixel in pixels(picture))


def test_lines_from_right_to_left_end_at_the_right() -> None:
    found = lay_out("שלום", Style(20))
    picture = draw_text(found, BLACK, BLUE, 300, "start")
    left, _, right, _ = picture.getchannel("A").getbbox() or (0, 0, 0, 0)
    assert left > 150
    assert right >= 300 - PAD_PX


def test_an_icon_is_in_the_middle() -> None:
    box = draw_icon("check", 24, BLACK).getchannel("A").getbbox()
    assert box is not None
    assert abs((box[0] + box[2]) - 24) <= 3
