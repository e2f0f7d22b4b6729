"""A code is read from a picture, and compared by the SDK."""

import io
from pathlib import Path

import pytest
import segno
from PIL import Image

from onebar import Client, Trust
from onebar_app.view_models import scan as module
from onebar_app.view_models.scan import Scan, Verdict, read_codes, reader
from onebar_app.view_models.session import Session
from tests.app.view_models.conftest import ALICE, BOB


def code(content: bytes | str, *, scale: int = 6) -> Image.Image:
    """Return a photo of a screen that shows a code, a little turned."""
    out = io.BytesIO()
    segno.make_qr(content, error="l", mode="byte").save(out, kind="png", scale=scale)
    screen = Image.new("RGB", (900, 700), "#445566")
    screen.paste(Image.open(out).convert("RGB"), (120, 90))
    return screen.rotate(7, fillcolor="#445566")


@pytest.fixture
async def chatted(session: Session, bob: Client) -> Client:
    await (await session.client.chat(BOB).send("hello")).delivered(20)
    return bob


async def test_the_right_code_verifies_the_chat(session: Session, chatted: Client, tmp_path: Path) -> None:
    assert reader() is read_codes
    scan = Scan(session, BOB, read_codes)
    theirs = (await chatted.chat(ALICE).safety_number()).qr()
    path = tmp_path / "screen.jpg"
    code(theirs).save(path, quality=85)
    assert not scan.busy
    assert await scan.look_at(path) is Verdict.SAME
    assert await session.client.chat(BOB).trust() is Trust.VERIFIED


async def test_any_other_code_changes_nothing(session: Session, chatted: Client, tmp_path: Path) -> None:
    scan = Scan(session, BOB, read_codes)
    ours = (await session.client.chat(BOB).safety_number()).qr()
    theirs = (await chatted.chat(ALICE).safety_number()).qr()
    later = theirs[:1] + b"\x09" + theirs[2:]
    changed = theirs[:-1] + bytes((theirs[-1] ^ 1,))
    for content, verdict in (
        (ours, Verdict.DIFFERS),  # one's own screen
        (changed, Verdict.DIFFERS),
        (later, Verdict.OLD),
        ("https://example.org", Verdict.FOREIGN),
    ):
        assert await scan.look_at(code(content)) is verdict
    assert await scan.look_at(Image.new("RGB", (640, 480))) is Verdict.NONE
    assert await session.client.chat(BOB).trust() is Trust.UNVERIFIED


async def test_the_right_one_of_several_counts(session: Session, chatted: Client) -> None:
    theirs = (await chatted.chat(ALICE).safety_number()).qr()
    scan = Scan(session, BOB, lambda _: [b"a poster", theirs])
    assert await scan.look_at(Image.new("RGB", (9, 9))) is Verdict.SAME


async def test_what_is_no_picture_says_so(
    session: Session, chatted: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan, path = Scan(session, BOB, read_codes), tmp_path / "a.png"
    path.write_text("no picture")
    with pytest.raises(OSError, match="cannot identify"):
        await scan.look_at(path)
    Image.new("L", (20, 20)).save(path)
    monkeypatch.setattr(module, "PIXELS_MAX", 300)
    with pytest.raises(OSError, match="300"):
        await scan.look_at(path)
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    assert reader() is None
