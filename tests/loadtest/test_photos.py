from pathlib import Path

import pytest

from onebar_loadtest.photos import PHOTO_BYTES, Album, content_of


def test_a_message_has_always_the_same_photo() -> None:
    photos = [content_of(f"0.1.{number}.photo") for number in range(20)]
    assert photos[3] == content_of("0.1.3.photo")
    assert len(set(photos)) == 20
    assert all(PHOTO_BYTES[0] <= len(photo) <= PHOTO_BYTES[1] for photo in photos)


def test_an_album_keeps_sealed_photos(tmp_path: Path) -> None:
    album = Album(tmp_path / "7")
    file = album.seal(content_of("a"))
    assert album.content(file) == content_of("a")
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(kept) == 1
    assert content_of("a")[:1000] not in kept[0]
    with pytest.raises(OSError, match="No such file"):
        Album(tmp_path / "8").content(file)
