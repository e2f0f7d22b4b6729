"""The mutants that no test can or should notice, each with the reason. A name that is killed or gone is reported."""

from typing import Final

NOT_YET: Final = "`received` is read only beside a receiving key; there is none yet, and what makes one sets both."
"""Why a start may count what it likes."""

ARGUED: Final[dict[str, str]] = {
    "double_ratchet.start_as_initiator: 0 → 1 (3)": NOT_YET,
    "double_ratchet.start_as_responder: 0 → 1 (2)": (
        "`previous_sent` is read when something is sealed; before that, the first message that opens sets it."
    ),
    "double_ratchet.start_as_responder: 0 → 1 (3)": NOT_YET,
}
"""Mutant to reason."""
