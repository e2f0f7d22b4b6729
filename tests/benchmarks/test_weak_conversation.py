import pytest
from benchmarks.weak.conversation import PHOTO_BYTES, number_of, photos_of, write_script


def test_the_same_seed_writes_the_same_conversation() -> None:
    assert write_script(50, 20, 7) == write_script(50, 20, 7)
    assert write_script(50, 20, 7) != write_script(50, 20, 8)


@pytest.mark.parametrize("texts", [1, 80, 200])
def test_it_has_as_many_texts_as_asked_for_and_lasts_as_long(texts: int) -> None:
    script = write_script(texts, 40, 1)
    assert len(script) == texts
    assert script[-1].at_s == pytest.approx(40)
    assert [line.at_s for line in script] == sorted(line.at_s for line in script)


def test_both_speak_and_number_their_own_texts() -> None:
    script = write_script(80, 40, 1)
    for sender in (0, 1):
        own = [line for line in script if line.sender == sender]
        assert [line.number for line in own] == list(range(1, len(own) + 1))
        assert len(own) > 20
        assert [number_of(line.text) for line in own] == [line.number for line in own]
        assert all(line.text.partition(" ")[2] for line in own)


def test_both_send_photos_that_differ_before_the_end() -> None:
    photos = photos_of(2, 60)
    assert [(photo.sender, photo.number) for photo in photos] == [(0, 1), (1, 1), (0, 2), (1, 2)]
    assert [photo.at_s for photo in photos] == pytest.approx([5, 15, 25, 35])
    assert len({photo.content for photo in photos}) == 4
    assert {len(photo.content) for photo in photos} == {PHOTO_BYTES}
    assert photos_of(2, 60)[3].content == photos[3].content
    assert photos_of(0, 60) == ()
