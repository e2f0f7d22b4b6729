"""Photos of profiles: read once, and again when somebody has another one."""

import asyncio
from pathlib import Path

import pytest

from onebar import Client
from onebar_app.demo import mountains
from onebar_app.view_models import portraits as module
from onebar_app.view_models.portraits import Portraits
from onebar_app.view_models.session import Session
from tests.app.view_models.conftest import ALICE, BOB
from tests.app.view_models.waiting import until


async def test_a_photo_comes_changes_and_goes(session: Session, bob: Client) -> None:
    portraits = Portraits(session)
    assert portraits.get(BOB) is None
    assert portraits.reading
    await bob.account.set_profile(name="Bob", photo=mountains(300, 300))
    await (await bob.chat(ALICE).send("look at me")).delivered(20)
    await until(portraits, lambda: portraits.get(BOB))
    found = portraits.get(BOB)
    assert found is not None
    version, picture = found
    assert picture.size == (256, 256)
    await session.client.chat(BOB).accept()
    await bob.account.set_profile(photo=b"")
    await until(portraits, lambda: portraits.get(BOB) is None)
    await bob.account.set_profile(photo=mountains(200, 200))
    await until(portraits, lambda: portraits.get(BOB))
    again = portraits.get(BOB)
    assert again is not None
    assert again[0] > version  # what was drawn of the first one is not taken for the other
    portraits.close()


async def test_ones_own_photo(session: Session, tmp_path: Path) -> None:
    portraits, path = Portraits(session), tmp_path / "me.jpg"
    path.write_bytes(mountains(400, 300))
    assert portraits.get(ALICE) is None
    await session.messenger.set_photo(path)
    assert session.messenger.profile.photo
    portraits.look_again(ALICE)
    portraits.look_again(ALICE)
    await until(portraits, lambda: portraits.get(ALICE))
    await session.messenger.set_photo(None)
    assert session.messenger.profile.photo == b""
    portraits.look_again(ALICE)
    await until(portraits, lambda: portraits.get(ALICE) is None)
    portraits.close()


async def test_no_more_are_kept_than_are_shown(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_MAX", 2)
    portraits = Portraits(session)
    for number in range(4):
        portraits.get(f"+1202555010{number}")
    await asyncio.gather(*session._tasks)
    assert len(portraits._kept) == 2
    portraits.close()
