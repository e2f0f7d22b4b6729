"""Watching a video, with a clock of the test's own."""

import asyncio
import threading
import wave
from collections.abc import Callable
from pathlib import Path

import pytest

from onebar import Client, Message, OnebarError
from onebar_app.view_models.film import Film, FilmError, Frame
from onebar_app.view_models.playback import Playback
from onebar_app.view_models.session import Session
from tests.app.view_models.conftest import BOB
from tests.sdk.media.recorded import clip

PATIENCE_S = 20


class Ear:
    """A speaker that notes how long the pieces are that it is given."""

    def __init__(self, *, deaf: bool = False) -> None:
        self.heard_s: list[float] = []
        self.stopped = 0
        self._deaf = deaf

    def play(self, path: Path) -> None:
        if self._deaf:
            raise OnebarError("this device has no way to play sounds")
        with wave.open(str(path)) as sound:
            self.heard_s.append(sound.getnframes() / sound.getframerate())

    def stop(self) -> None:
        self.stopped += 1


class Clock:
    """Draws frames until something is so."""

    def __init__(self, playback: Playback) -> None:
        self.now_s = 1000.0
        self.frames: list[Frame] = []
        self._playback = playback

    async def until(self, true: Callable[[], object], step_s: float = 0.02) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not true():
                frame = self._playback.tick(self.now_s)
                self.frames += [frame] if frame is not None else []
                self.now_s += step_s
                await asyncio.sleep(0.001)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's clock runs faster than a thread that makes sound ready: the picture waits for it."""
    monkeypatch.setattr("onebar_app.view_models.playback.SOUND_WAIT_S", 1e9)


@pytest.fixture
async def video(session: Session, bob: Client, tmp_path: Path) -> Message:
    path = clip(tmp_path / "a.mp4", frames=60)  # two and a half seconds, as its sound is longer
    sent = await session.client.chat(BOB).send_video(path)
    message = await session.client.message(sent.message_no)
    assert message is not None
    return message


async def test_it_plays_pauses_goes_on_and_ends(session: Session, video: Message) -> None:
    ear = Ear()
    playback = Playback(session, video, ear)
    clock = Clock(playback)
    assert playback.tick(0.0) is None
    playback.toggle()
    playback.seek(0.5)
    await playback.open()
    assert playback.state == "playing"
    await clock.until(lambda: playback.position_s > 0.3)
    assert len(ear.heard_s) == 1
    seen = len(clock.frames)
    assert seen > 2
    playback.toggle()
    stood_s = playback.position_s
    assert playback.state == "paused"
    clock.now_s += 500
    assert playback.tick(clock.now_s) is None
    assert playback.position_s == stood_s
    playback.toggle()
    await clock.until(lambda: playback.position_s > stood_s)
    assert playback.position_s < stood_s + 0.2
    await clock.until(lambda: playback.state == "paused")
    assert playback.position_s == playback.duration_s == pytest.approx(2.56, abs=0.1)
    places = [frame.at_s for frame in clock.frames]
    assert places == sorted(places)
    playback.toggle()
    await clock.until(lambda: 0 < playback.position_s < 1)
    await playback.close()
    assert list(session.scratch._folder.iterdir()) == []


async def test_one_goes_anywhere_in_it(session: Session, video: Message) -> None:
    ear = Ear()
    playback = Playback(session, video, ear)
    clock = Clock(playback)
    await playback.open()
    await clock.until(lambda: clock.frames)
    playback.seek(0.5)
    await clock.until(lambda: clock.frames[-1].at_s >= 1.2)
    assert playback.state == "playing"
    playback.pause()
    del clock.frames[:]
    playback.seek(0.25)
    await clock.until(lambda: clock.frames)
    assert clock.frames[0].at_s == pytest.approx(0.64, abs=0.1)
    assert playback.tick(clock.now_s) is None  # it stands there
    playback.seek(-3.0)
    assert playback.position_s == 0.0
    await playback.close()


async def test_without_sound_the_picture_goes_on(session: Session, video: Message) -> None:
    playback = Playback(session, video, Ear(deaf=True))
    clock = Clock(playback)
    await playback.open()
    await clock.until(lambda: playback.state == "paused")
    assert clock.frames
    await playback.close()


async def test_pieces_of_sound_follow_each_other(
    session: Session, video: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    from onebar_app.view_models import playback as module

    for name, seconds in (("FIRST_PIECE_S", 0.5), ("PIECE_S", 0.5), ("AHEAD_S", 0.4), ("LATE_S", 10.0)):
        monkeypatch.setattr(module, name, seconds)
    ear = Ear()
    playback = Playback(session, video, ear)
    clock = Clock(playback)
    await playback.open()
    await clock.until(lambda: playback.state == "paused", 0.005)
    assert len(ear.heard_s) >= 3
    assert sum(ear.heard_s) == pytest.approx(2.5, abs=0.2)
    await playback.close()


async def test_what_cannot_be_played_says_so(session: Session, video: Message, monkeypatch: pytest.MonkeyPatch) -> None:
    from onebar_app.view_models import film

    monkeypatch.setattr(film, "FRAME_PIXELS_MAX", 1)
    playback = Playback(session, video, Ear())
    await playback.open()
    assert (playback.state, playback.failure) == ("failed", "This video cannot be played.")
    playback.toggle()
    playback.seek(0.1)
    await playback.close()
    assert list(session.scratch._folder.iterdir()) == []


async def test_the_picture_does_not_wait_for_sound_for_ever(
    session: Session, video: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onebar_app.view_models.playback.SOUND_WAIT_S", 0.5)
    ready = threading.Event()

    def late(self: Film, at_s: float, length_s: float) -> bytes:
        ready.wait(PATIENCE_S)
        return b""

    monkeypatch.setattr(Film, "sound", late)
    ear = Ear()
    playback = Playback(session, video, ear)
    clock = Clock(playback)
    await playback.open()
    try:
        await clock.until(lambda: playback.position_s > 0.3)
    finally:
        ready.set()
    assert len(clock.frames) > 2
    assert not ear.heard_s
    await playback.close()


async def test_sound_that_is_written_as_the_screen_closes_leaves_no_file(
    session: Session, video: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing, go_on, over = threading.Event(), threading.Event(), threading.Event()
    write_bytes, unlink = Path.write_bytes, Path.unlink

    def slow(path: Path, content: bytes) -> int:
        writing.set()
        assert go_on.wait(PATIENCE_S)
        return write_bytes(path, content)

    def noted(path: Path, missing_ok: bool = False) -> None:
        unlink(path, missing_ok)
        if go_on.is_set():
            over.set()

    playback = Playback(session, video, Ear())
    monkeypatch.setattr(Path, "write_bytes", slow)
    await playback.open()
    assert await asyncio.to_thread(writing.wait, PATIENCE_S)
    await playback.close()
    monkeypatch.setattr(Path, "unlink", noted)
    go_on.set()
    assert await asyncio.to_thread(over.wait, PATIENCE_S)
    assert list(session.scratch._folder.iterdir()) == []


async def test_a_screen_that_closes_while_a_damaged_video_opens_leaves_no_file(
    session: Session, video: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    playback = Playback(session, video, Ear())

    def damaged(path: Path, side_px_max: int) -> Film:
        playback._closed = True  # as `close` does, whose look for the file came before it was written
        raise FilmError("damaged")

    monkeypatch.setattr("onebar_app.view_models.playback.Film", damaged)
    await playback.open()
    assert list(session.scratch._folder.iterdir()) == []
