"""Planting a deliberate defect in a module while it is imported, and looking for a seed that shows it.

This module runs in a process of its own for each mutant. It imports the product and the simulator late: whatever was
imported before the defect is planted would be without it. No file is touched, and no compiled file is read or written.

python -m tests.simulation.planting search NAME [SEED]   the calm conversation, then this seed and all others
python -m tests.simulation.planting clean SEED…          these seeds without any defect
"""

import importlib
import json
import logging
import random
import sys
from collections.abc import Iterable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Final

from tests.simulation.mutant_table import BY_NAME, Mutant

if TYPE_CHECKING:
    from tests.simulation.world import Plan

SEEDS_MAX: Final = 2_000
"""Seeds that are searched: as many as CI runs for every change. What none of them shows is a hole in the checkers."""

TELL_EVERY: Final = 50
"""After this many seeds the search says how far it is."""

CALM_PHONES: Final = 3
"""Phones in the calm conversation."""

CALM_MESSAGES: Final = 30
"""Messages of the calm conversation."""

CALM_S: Final = 20.0
"""How long the calm conversation lasts."""


class PlantError(Exception):
    """A defect cannot be planted: the table does not fit the source any more."""


def changed(mutant: Mutant, source: str) -> str:
    """Return the source with the defect.

    Raises:
        PlantError: The text to replace does not occur exactly once.
    """
    found = source.count(mutant.old)
    if found != 1:
        raise PlantError(
            f"mutant {mutant.name}: its old text occurs {found} times in {mutant.module}, not once;"
            f" adapt it in mutant_table.py: {mutant.old!r}"
        )
    return source.replace(mutant.old, mutant.new)


class _Loader(SourceFileLoader):
    """Loads a module with a defect, past the cache of compiled files."""

    def __init__(self, mutant: Mutant, path: str) -> None:
        super().__init__(mutant.module, path)
        self._mutant = mutant

    def get_code(self, fullname: str) -> CodeType:
        source = self.get_data(self.path).decode("utf-8")
        return compile(changed(self._mutant, source), self.path, "exec", dont_inherit=True)


class _Finder(MetaPathFinder):
    """Finds the module that gets the defect, and leaves all others to the next finder."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._mutant.module:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _Loader(self._mutant, spec.origin)
        return spec


def plant(mutant: Mutant) -> None:
    """Plant a defect in this process.

    Raises:
        PlantError: The module was imported before, or is not what the table expects.
    """
    if mutant.module in sys.modules:
        raise PlantError(f"mutant {mutant.name}: {mutant.module} was imported before the defect could be planted")
    finder = _Finder(mutant)
    sys.meta_path.insert(0, finder)
    try:
        importlib.import_module(mutant.module)
    finally:
        sys.meta_path.remove(finder)


def calm_plan() -> "Plan":
    """Return a conversation in which nothing goes wrong."""
    from onebar_loadtest.workloads import everybody
    from tests.simulation.world import PEACE, Plan

    script = everybody(random.Random("calm"), CALM_PHONES, CALM_MESSAGES, CALM_S)
    return Plan(seed=0, phones=CALM_PHONES, window=8, profile=PEACE, script=script, seconds=CALM_S, faults=())


def search(mutant: Mutant, seeds: Iterable[int]) -> None:
    """Plant a defect, run the calm conversation, then seeds until a checker objects; print what comes out as JSON."""
    plant(mutant)
    from tests.simulation.shrinking import objection
    from tests.simulation.world import draw_plan

    say(calm=objection(calm_plan()))
    for tried, seed in enumerate(seeds, 1):
        if checker := objection(draw_plan(seed, files=mutant.files)):
            say(seed=seed, checker=checker, tried=tried)
            return
        if tried % TELL_EVERY == 0:
            say(tried=tried)


def run_clean(seeds: Iterable[int]) -> None:
    """Run seeds without any defect; print the objections as JSON: there must be none."""
    from tests.simulation.shrinking import objection
    from tests.simulation.world import draw_plan

    say(calm=objection(calm_plan()))
    for seed in seeds:
        if checker := objection(draw_plan(seed)):
            say(seed=seed, checker=checker)


def say(**found: object) -> None:
    """Tell the parent process."""
    print(json.dumps(found), flush=True)


def main(what: str, *arguments: str) -> None:
    """Do what the command line asks for."""
    logging.disable(logging.CRITICAL)  # the product reports every fault that it meets
    if what == "clean":
        run_clean(int(seed) for seed in arguments)
        return
    name, *known = arguments
    first = [int(seed) for seed in known]
    search(BY_NAME[name], [*first, *(seed for seed in range(SEEDS_MAX) if seed not in first)])


if __name__ == "__main__":
    main(*sys.argv[1:])
