"""Every peer that is installed delivers everything, in order, over a perfect network: later faults are its own."""

from pathlib import Path

import pytest
from benchmarks.weak.__main__ import PEERS
from benchmarks.weak.conversation import photos_of, write_script
from benchmarks.weak.held import Talk, hold
from benchmarks.weak.peers import Peer
from benchmarks.weak.verdict import row_of
from benchmarks.weak.weathers import Case, steady

from onebar.testing import Timeline, profile

pytestmark = pytest.mark.slow

PATIENCE_S = 30.0
TEXTS = 16
LASTS_S = 1.0


@pytest.fixture(params=PEERS, ids=lambda peer: peer.facts.name)
def peer(request: pytest.FixtureRequest) -> Peer:
    peer: Peer = request.param
    if command := peer.missing():
        pytest.skip(f"{peer.facts.name} is not installed: {command}")
    return peer


@pytest.mark.process
async def test_a_perfect_network_loses_doubles_and_reorders_nothing(peer: Peer, tmp_path: Path) -> None:
    script = write_script(TEXTS, LASTS_S, 1)
    async with peer.serving(tmp_path) as port:
        held = await hold(
            peer, steady(profile("perfect")), port, (1, 2), script, folder=tmp_path, seed=1, settle_s=PATIENCE_S
        )
    row = row_of([held])
    assert (row.failure, row.sent, row.lost, row.doubled, row.reordered) == ("", TEXTS, 0, 0, 0)
    assert row.up_bytes > 0
    assert row.down_bytes > 0


@pytest.mark.process
async def test_a_hint_after_a_handover_brings_everything(peer: Peer, tmp_path: Path) -> None:
    perfect = profile("perfect")
    handover = Case("handover", perfect, perfect, (Timeline().wait(0.3).handover(0.1), Timeline()), hint=True)
    script = write_script(TEXTS, LASTS_S, 1)
    async with peer.serving(tmp_path) as port:
        held = await hold(peer, handover, port, (1, 2), script, folder=tmp_path, seed=1, settle_s=PATIENCE_S)
    assert held.ledger.lost == 0
    assert held.dials > 0
    assert len(held.outages) == 1


@pytest.mark.process
async def test_photos_come_whole_beside_the_texts(peer: Peer, tmp_path: Path) -> None:
    script, photos = write_script(TEXTS, LASTS_S, 1), photos_of(2, LASTS_S)
    async with peer.serving(tmp_path, photos=True) as port:
        held = await hold(
            peer, steady(profile("perfect")), port, (1, 2), script, photos, folder=tmp_path, seed=1, settle_s=PATIENCE_S
        )
    row = row_of([held])
    assert (row.sent, row.lost, row.photos, row.photos_lost) == (TEXTS, 0, 4, 0)


async def test_a_damaged_photo_has_not_come() -> None:
    (photo, _) = photos_of(1, LASTS_S)
    talk = Talk(steady(profile("perfect")), (), (photo,))
    talk.photos.note_sent((0, 1), 0.0)
    see = talk.hearer(1).photo
    see(photo.content[:-1])
    see(photo.content[:-1] + bytes([photo.content[-1] ^ 1]))
    see(b"")
    assert talk.missing == 1
    see(photo.content)
    assert talk.missing == 0
