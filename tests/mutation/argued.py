"""The mutants that no test can or should notice, each with the reason. A name that is killed or gone is reported."""

from typing import Final

NOT_YET: Final = "`received` is read only beside a receiving key; there is none yet, and what makes one sets both."
"""Why a start may count what it likes."""

NOTHING_SKIPPED: Final = "With nothing between the two numbers, `_skip` keeps no key and returns what it was given."
"""Why an equal number may go into `_skip`."""

ARGUED: Final[dict[str, str]] = {
    "double_ratchet.start_as_initiator: 0 → 1 (3)": NOT_YET,
    "double_ratchet.start_as_responder: 0 → 1 (2)": (
        "`previous_sent` is read when something is sealed; before that, the first message that opens sets it."
    ),
    "double_ratchet.start_as_responder: 0 → 1 (3)": NOT_YET,
    "double_ratchet._without_old: next(iter(state.skipped.values())).since_ms >= kept_since_ms → "
    "next(iter(state.skipped.values())).since_ms > kept_since_ms": (
        "If the first key is exactly as old as allowed, all are kept one by one instead of at once: the same keys."
    ),
    "double_ratchet._turn_receiving: header.previous_count > state.received → "
    "header.previous_count >= state.received": NOTHING_SKIPPED,
    "double_ratchet._receive: number > state.received → number >= state.received": NOTHING_SKIPPED,
}
"""Mutant to reason."""
