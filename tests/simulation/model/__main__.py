"""`python -m tests.simulation.model`: the product against the model in larger worlds, as a table."""

import logging
import sys
import time
from typing import Final

from tests.simulation.model.explore import Checked, MismatchError, explore
from tests.simulation.model.state import Scope

SCOPES: Final = (
    Scope(),
    Scope(window=1),
    Scope("AAA", rejects=0),
    Scope("AAA"),
    Scope("AAA", faults=0, window=3, second=True),
    Scope(second=True),
    Scope(faults=2),
)
"""About half a minute and 100 MB on one core."""


def main() -> int:
    """Explore and print; 1 if the product and the rules differ."""
    logging.disable(logging.CRITICAL)  # links break by the thousand here
    states = transitions = mismatches = 0
    print(f"{'messages':>8}{'faults':>8}{'rejects':>9}{'window':>8}{'devices':>9}"
          f"{'states':>9}{'transitions':>13}{'worlds':>9}{'turns':>8}{'seconds':>9}")  # fmt: skip
    for scope in SCOPES:
        began_s = time.monotonic()
        try:
            checked = explore(scope)
        except MismatchError as error:
            checked, mismatches = Checked(0, 0, 0, 0), mismatches + 1
            print(f"{scope}:\n{error}")
        states, transitions = states + checked.states, transitions + checked.transitions
        print(f"{len(scope.chats):8}{scope.faults:8}{scope.rejects:9}{scope.window:8}{1 + scope.second:9}"
              f"{checked.states:9}{checked.transitions:13}{checked.worlds:9}{checked.turns:8}"
              f"{time.monotonic() - began_s:9.1f}", flush=True)  # fmt: skip
    print(f"model: states={states} transitions={transitions} mismatches={mismatches}")
    return min(mismatches, 1)


if __name__ == "__main__":
    sys.exit(main())
