"""What is sent is small, sealed, and says no more of itself than it must."""

from pathlib import Path

import pytest

from onebar.attachments import Attachments
from onebar.core.files import Kind
from onebar.errors import InputError
from onebar.media.ogg import plain_opus
from onebar.media.photos import Codec, PhotoMode
from tests.sdk.media.made import with_metadata
from tests.sdk.media.recorded import clip, phone_note


@pytest.fixture
def attachments(tmp_path: Path) -> Attachments:
    return Attachments(tmp_path / "alice.db")


async def test_photos_have_a_preview_only_where_there_is_room(attachments: Attachments) -> None:
    picture = with_metadata("PNG")
    for preview in (True, False):
        file = await attachments.photo(picture, PhotoMode.STANDARD, Codec.JPEG, None, preview=preview)
        assert bool(file.preview) is preview
        assert file.thumbhash
    attachments.close()


async def test_files_keep_their_name_or_get_another(attachments: Attachments, tmp_path: Path) -> None:
    path = tmp_path / "plan.pdf"
    path.write_bytes(b"%PDF")
    plain, named = await attachments.file(path, None), await attachments.file(path, "x.zip")
    video = await attachments.file(path, None, as_video=True)
    assert [(file.kind, file.name) for file in (plain, named, video)] == [
        (Kind.FILE, "plan.pdf"), (Kind.FILE, "x.zip"), (Kind.VIDEO, ""),
    ]  # fmt: skip
    assert plain.media_type == "application/pdf"
    assert len({plain.digest, named.digest}) == 2, "each has a key of its own"
    for name in ("a/b", "ü" * 128):
        with pytest.raises(InputError, match="NAME_BYTES_MAX"):
            await attachments.file(path, name)
    assert attachments.renamed(plain).blob != plain.blob
    assert not attachments.slow, "nothing is known of a link"
    attachments.close()


async def test_videos_and_voice_notes_are_made_small(attachments: Attachments, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    clip(path)
    video, voice = await attachments.video(path, saver=True), await attachments.voice(path, saver=True)
    assert (video.kind, video.media_type, video.preview) == (Kind.VIDEO, "video/mp4", b"")
    assert (video.width > 0, video.duration_ms > 0) == (True, True)
    assert (voice.kind, voice.media_type, len(voice.waveform)) == (Kind.VOICE, "audio/ogg", 64)
    names = sorted(found.name for found in (tmp_path / "alice.db-files").iterdir())
    assert names == sorted([video.digest, voice.digest]), "nothing that is not sealed stays"
    attachments.close()


async def test_a_phones_own_recording_is_taken_as_it_is(attachments: Attachments, tmp_path: Path) -> None:
    path, levels = tmp_path / "note.ogg", bytes(range(64))
    data = phone_note(tmp_path / "a.wav", location="+48.1")
    path.write_bytes(data)
    note = await attachments.recorded(path, levels)
    assert (note.kind, note.media_type, note.waveform) == (Kind.VOICE, "audio/ogg", levels)
    assert note.duration_ms == pytest.approx(1000, abs=30)
    assert b"".join(attachments.files.opened(note.secret)) == plain_opus(data)[0]
    with pytest.raises(InputError, match="WAVEFORM_BARS"):
        await attachments.recorded(path, b"too few")
    attachments.close()
