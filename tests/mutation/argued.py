"""The mutants that no test can or should notice, each with the reason. A name that is killed or gone is reported."""

from typing import Final

NOT_YET: Final = "`received` is read only beside a receiving key; there is none yet, and what makes one sets both."
"""Why a start may count what it likes."""

NOTHING_SKIPPED: Final = "With nothing between the two numbers, `_skip` keeps no key and returns what it was given."
"""Why an equal number may go into `_skip`."""

EITHER_ORDER: Final = "The same number: of two whole numbers, it does not matter which is named first."
"""Why the arguments of `min` and `max` may be swapped."""

KEPT_BY_NEW: Final = (
    "`BaseException.__new__` has kept the arguments before `__init__` is called; the same object comes out."
)
"""Why an error need not call the `__init__` above its own."""

REPLACED: Final = "It stands where the signature will: what is signed does not cover it, and the next line replaces it."
"""Why a value without its signature yet may hold another one."""

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
    "pqxdh.OtherIdentityError.__init__: super().__init__(identity_key) → pass": KEPT_BY_NEW,
    "pqxdh.decode_initial: len(data) < _FRONT_BYTES → len(data) <= _FRONT_BYTES": (
        "A header that ends behind its fixed part lacks its numbers: the next line refuses it with the same error, in "
        "other words."
    ),
    "sessions.start: min(max(now_ms, newest_ms + 1), MOMENT_MAX_MS) → "
    "min(MOMENT_MAX_MS, max(now_ms, newest_ms + 1))": EITHER_ORDER,
    "sessions.start: max(now_ms, newest_ms + 1) → max(newest_ms + 1, now_ms)": EITHER_ORDER,
    "sessions.open_envelope: b'' → b'\\x01'": (
        "`_open_with` empties `pending` of the session that opens, and one that does not open is never kept."
    ),
    "sessions._within_cap: len(skipped) > room → len(skipped) >= room": (
        "Keys that just fit are all kept one by one instead of at once: the same keys."
    ),
    "sessions._within_cap: max(0, room - len(skipped)) → max(room - len(skipped), 0)": EITHER_ORDER,
    "sessions._within_cap: 0 → -1": (
        "A room of -1 is used up as one of 0 is: of the keys of the sessions that follow, none is kept."
    ),
    "prekeys.refill: min(full, max(1, round(full * REFILL_BELOW_SHARE))) → "
    "min(max(1, round(full * REFILL_BELOW_SHARE)), full)": EITHER_ORDER,
    "prekeys.refill: max(1, round(full * REFILL_BELOW_SHARE)) → max(round(full * REFILL_BELOW_SHARE), 1)": EITHER_ORDER,
    "certificates.AccountKeyChangedError.__init__: super().__init__(account_key) → pass": KEPT_BY_NEW,
    "certificates.AccountKey.certify: b'' → b'\\x01'": REPLACED,
    "certificates.AccountKey.sign_list: max(issued_ms, previous.issued_ms) → "
    "max(previous.issued_ms, issued_ms)": EITHER_ORDER,
    "certificates.AccountKey.sign_list: b'' → b'\\x01'": REPLACED,
    "values.module: TypeVar('ValueT', bound=Value) → TypeVar('ValueT')": (
        "A bound is there for the type checker; nothing looks at it when the code runs."
    ),
    "keys.PeerKeys.valid: b'\\x01' → b'A'": (
        "X25519 clamps the secret to a multiple of 8, and any such multiple of a low-order point is 0: every secret "
        "tells."
    ),
}
"""Mutant to reason, in the order of the modules in `__main__`."""
