"""Cuts the power before every sync of a record, and counts what each cut cost."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from onebar_mockserver.sqlite.database import FILE_NAME
from tests.power_cut.claims import Claims
from tests.power_cut.disk import Disk, Image
from tests.power_cut.recovery import recover
from tests.power_cut.trace import Happening, Said, Sync

PLANT_EVERY: Final = 20
"""Of the commits after which something was acknowledged, each so manieth is tried without its sync."""


@dataclass
class Tally:
    """What the cuts have shown."""

    points: int = 0
    checkpoints: int = 0
    """Syncs of the database file itself: its log was folded into it."""
    images: int = 0
    accepted: int = 0
    planted: int = 0
    found: int = 0
    problems: list[str] = field(default_factory=list)


def cut_everywhere(
    happenings: Sequence[Happening], claims: Claims, samples: int, dice: random.Random, folder: Path
) -> Tally:
    """Play the record; before every sync, recover what may be left, and hold it against the claims."""
    disk, tally = Disk({}), Tally()
    unsynced: Image = {}
    accepted = commits = 0
    for number, happening in enumerate(happenings):
        if isinstance(happening, Said):
            claims.hear(happening.port, happening.data)
            if sum(claims.accepted.values()) > accepted:  # the sync before was for what is acknowledged now
                accepted = sum(claims.accepted.values())
                commits += 1
                if commits % PLANT_EVERY == 1:
                    tally.planted += 1
                    tally.found += bool(recover(unsynced, folder, claims))
            continue
        if isinstance(happening, Sync):
            tally.points += 1
            tally.checkpoints += happening.name == FILE_NAME and disk.pending(FILE_NAME)
            for image in [disk.kept(), disk.dropped(), *(disk.sampled(dice) for _ in range(samples))]:
                tally.images += 1
                tally.problems += [f"cut at call {number}: {line}" for line in recover(image, folder, claims)]
            if happening.name != FILE_NAME and disk.pending(happening.name):  # a checkpoint is logged
                unsynced = disk.dropped()
        disk.take(happening)
    tally.accepted = accepted
    return tally
