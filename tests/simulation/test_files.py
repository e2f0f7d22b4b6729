"""Files in virtual time: whole systems move them through cuts, kills and refusals; nothing is lost, leaked or early."""

import pytest

from onebar.core.turn import Inform, Upload
from tests.simulation.checkers import ViolationError
from tests.simulation.files import Blobs, file_of, sealed_of
from tests.simulation.world import World, draw_plan

SEEDS = 8


def test_worlds_with_files_are_well_and_move_some() -> None:
    """More: `make sim FILES=0.5`."""
    looks = 0
    for seed in range(SEEDS):
        world = World(draw_plan(seed, files=0.7))
        try:
            world.run()
        except BaseException as error:
            error.add_note(f"again, with its trace: make sim SEED={seed} FILES=0.7")
            raise
        looks += world.checks.looks["files-arrive"]
    assert looks > SEEDS


def test_the_same_world_without_them_is_the_same_world() -> None:
    assert draw_plan(3, files=0.5).script == draw_plan(3).script
    assert draw_plan(3, files=0.5).faults == draw_plan(3).faults
    assert file_of(World(draw_plan(3)), "0 from 1 to 0") is None


def test_a_saying_brings_the_same_file_each_time() -> None:
    world = World(draw_plan(3, files=1.0))
    file = file_of(world, "words")
    assert file is not None
    assert file == file_of(world, "words")
    assert len(sealed_of("words", file.secret.plain_bytes)) == file.secret.cipher_bytes


@pytest.mark.parametrize("checker", ["files-arrive", "no-blob-leaked"])
def test_a_server_that_drops_or_keeps_files_is_found(checker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def forget(blobs: Blobs, device: int, output: Inform) -> str:
        return ""

    def lose(blobs: Blobs, account: int, output: Upload, body: bytes, *, whole: bool) -> tuple[int, str]:
        return output.total_bytes, ""

    if checker == "no-blob-leaked":
        monkeypatch.setattr(Blobs, "inform", forget)
    else:
        monkeypatch.setattr(Blobs, "receive", lose)
    found = set()
    for seed in range(2):
        try:
            World(draw_plan(seed, files=1.0)).run()
        except ViolationError as error:
            found.add(error.checker)
    assert found & {checker, "kept-until-fetched"}
