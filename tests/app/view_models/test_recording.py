"""Recording a voice note, with a microphone that is none."""

import asyncio
from pathlib import Path

import pytest

from onebar import Client, MessageState, OnebarError
from onebar_app.demo import hum
from onebar_app.view_models import recording as module
from onebar_app.view_models.chat import Chat
from onebar_app.view_models.recording import WAVEFORM_BARS, Recording, waveform
from onebar_app.view_models.session import Session
from tests.app.view_models.conftest import ALICE, BOB
from tests.app.view_models.waiting import until
from tests.sdk.media.recorded import phone_note


class Hummer:
    """A microphone that hears somebody hum for a second."""

    suffix = ".wav"

    def __init__(self, failure: OSError | None = None) -> None:
        self.path: Path | None = None
        self.running = False
        self._failure = failure

    def start(self, path: Path) -> None:
        if self._failure is not None:
            raise self._failure
        self.path, self.running = path, True

    def level(self) -> float:
        return 0.5

    def stop(self) -> None:
        assert self.path is not None
        self.running = False
        self.path.write_bytes(hum(1.0))


def left(microphone: Hummer) -> bool:
    return microphone.path is not None and microphone.path.exists()


async def test_what_is_recorded_is_sent_and_removed(
    session: Session, bob: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RECORDING_S_MIN", 0.0)
    chat, microphone = Chat(session, BOB), Hummer()
    await chat.open()
    recording = Recording(session, microphone)
    await recording.start()
    await recording.start()
    await until(recording, lambda: len(recording.levels) > 1)
    assert recording.state == "recording"
    assert microphone.running
    assert recording.duration_s > 0
    await recording.send(chat)
    assert recording.state == "idle"
    assert not microphone.running
    assert not left(microphone)
    await until(chat, lambda: chat.messages and chat.messages[-1].state is MessageState.DELIVERED)
    attachment = chat.messages[-1].attachment
    assert attachment is not None
    assert (attachment.kind, attachment.duration_ms // 100) == ("voice", 10)
    (came,) = await bob.chat(ALICE).history()
    assert came.attachment is not None
    assert came.attachment.kind == "voice"
    await recording.send(chat)  # nothing is left to send
    assert len(chat.messages) == 1
    chat.close()


async def test_a_phones_own_opus_goes_as_it_is(
    session: Session, bob: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RECORDING_S_MIN", 0.0)
    opus = phone_note(tmp_path / "a.wav")

    class Phone(Hummer):
        suffix = ".ogg"

        def stop(self) -> None:
            assert self.path is not None
            self.path.write_bytes(opus)

    chat, recording = Chat(session, BOB), Recording(session, Phone())
    await chat.open()
    await recording.start()
    await until(recording, lambda: len(recording.levels) > 1)
    await recording.send(chat)
    attachment = chat.messages[-1].attachment
    assert attachment is not None
    assert (attachment.kind, attachment.waveform) == ("voice", bytes([255]) * WAVEFORM_BARS)
    chat.close()


def test_a_waveform_has_64_levels_whatever_was_heard() -> None:
    assert waveform([]) == bytes(WAVEFORM_BARS)
    assert waveform([0.5]) == bytes([255]) * WAVEFORM_BARS
    many = waveform([number / 1000 for number in range(1000)])
    assert (len(many), many[-1], sorted(many)) == (WAVEFORM_BARS, 255, list(many))


async def test_it_is_given_up_or_held_without_a_trace(session: Session) -> None:
    chat, microphone = Chat(session, BOB), Hummer()
    recording = Recording(session, microphone)
    await recording.start()
    await recording.hold()
    assert recording.state == "held"
    assert left(microphone)
    await recording.cancel()
    assert recording.state == "idle"
    assert not left(microphone)
    await recording.cancel()
    await recording.start()
    with pytest.raises(OnebarError, match="Too short"):
        await recording.send(chat)
    assert recording.state == "idle"
    assert not left(microphone)
    assert chat.messages == []
    chat.close()


async def test_it_is_given_up_before_the_microphone_answers(session: Session) -> None:
    microphone = Hummer()
    recording = Recording(session, microphone)
    starting = asyncio.create_task(recording.start())
    await asyncio.sleep(0)
    await recording.cancel()
    await starting
    assert recording.state == "idle"
    assert not microphone.running
    assert not left(microphone)


async def test_it_ends_by_itself(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RECORDING_S_MAX", 0.0)
    recording = Recording(session, Hummer())
    await recording.start()
    await until(recording, lambda: recording.state == "held")
    await recording.cancel()


@pytest.mark.parametrize(
    ("microphone", "said"),
    [
        (None, "No microphone was found"),
        (Hummer(OSError("no device")), "No microphone was found"),
        (Hummer(PermissionError("no")), "Allow the microphone"),
    ],
)
async def test_without_a_microphone_it_says_so(session: Session, microphone: Hummer | None, said: str) -> None:
    recording = Recording(session, microphone)
    with pytest.raises(OnebarError, match=said):
        await recording.start()
    assert recording.state == "idle"
    assert "idle" in repr(recording)
