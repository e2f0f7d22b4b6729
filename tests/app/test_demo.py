"""What the demo's people send each other."""

import io
import wave

from PIL import Image

from onebar_app.demo import PEOPLE, hum, mountains
from onebar_app.view_models.formats import number


def test_the_photo_and_the_voice_note_are_what_they_say() -> None:
    assert Image.open(io.BytesIO(mountains(120, 90))).size == (120, 90)
    with wave.open(io.BytesIO(hum(0.1))) as sound:
        assert sound.getnframes() == 1600


def test_everybody_has_a_number_and_something_to_say() -> None:
    assert all(number(phone).startswith("+") and name and lines for phone, (name, lines) in PEOPLE.items())
