"""The mutants that no test can or should notice, each with the reason. A name that is killed or gone is reported."""

from typing import Final

ARGUED: Final[dict[str, str]] = {
    "double_ratchet.start_as_initiator: 0 → 1 (3)": (
        "`received` is read only beside a receiving key, which an initiator does not have yet; the first answer sets both."
    ),
}
"""Mutant to reason."""
