"""What our side of a session did, written down so that it can be done again where nobody else's code is installed."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from onebar.crypto.double_ratchet import Ratchet, RatchetState, open_, seal
from onebar.crypto.suites import ONEBAR_V1, SALT_BYTES, Suite
from onebar.errors import DecryptionError
from tests.interop.foreign_suites import OLM_NAME, SIGNAL_NAME, olm_v1, signal_v3

VECTORS: Final = Path(__file__).parent / "vectors"
"""The frozen ones, one file for each implementation and each side that began."""

Transcript = dict[str, Any]
"""`suite`, `start` (the ratchet's first state), `entropy` (what it drew) and `steps`; all bytes in hex."""


def salt_for(suite: Suite, entropy: Callable[[int], bytes]) -> bytes:
    """Draw the salt of a message; only the suite that ships has one."""
    return entropy(SALT_BYTES) if suite is ONEBAR_V1 else b""


class Divergence(AssertionError):  # noqa: N818 - an assertion, for the runner as well as for pytest
    """A step came out otherwise than it was written down."""


class Scribe:
    """Takes down one session of ours."""

    def __init__(self, suite: Suite) -> None:
        self._suite = suite
        self._start: dict[str, Any] = {}
        self._entropy: list[str] = []
        self._steps: list[dict[str, str]] = []

    def started(self, state: RatchetState) -> None:
        """The session begins; what was drawn for its first state is in there."""
        fields = msgspec.structs.asdict(state)
        self._start = {name: it.hex() if isinstance(it, bytes) else it for name, it in fields.items()}
        self._entropy.clear()

    def drew(self, entropy: bytes) -> None:
        """The ratchet drew a secret, or a message its salt."""
        self._entropy.append(entropy.hex())

    def did(self, step: str, sealed: bytes, associated_data: bytes, plain: bytes | None = None) -> None:
        """The ratchet did seal, open or refuse."""
        noted = {"step": step, "sealed": sealed.hex(), "associated_data": associated_data.hex()}
        self._steps.append(noted if plain is None else noted | {"plain": plain.hex()})

    def transcript(self, previous_counts: Mapping[bytes, int]) -> Transcript:
        """Return everything; the counts are what Olm's suite needs to know beside its messages."""
        return {
            "suite": self._suite.name,
            "previous_counts": {key.hex(): count for key, count in previous_counts.items()},
            "start": self._start,
            "entropy": self._entropy,
            "steps": self._steps,
        }


def replay(transcript: Transcript) -> int:
    """Do it all again with the ratchet of today; return how many messages were sealed or opened.

    Raises:
        Divergence: Something else came out than was written down.
    """
    suite, drawn = _suite_of(transcript), iter(transcript["entropy"])
    start: dict[str, Any] = {
        name: bytes.fromhex(it) if isinstance(it, str) else it for name, it in transcript["start"].items()
    }
    ratchet = Ratchet(suite, RatchetState(**start))
    for number, step in enumerate(transcript["steps"]):
        try:
            ratchet, came_out = _again(ratchet, step, lambda _: bytes.fromhex(next(drawn)))
        except StopIteration:
            raise Divergence(f"step {number} draws more entropy than it did") from None
        if came_out != step:
            raise Divergence(f"step {number} was {step['step']}, and is now {came_out['step']} or has other bytes")
    if next(drawn, None) is not None:
        raise Divergence("less entropy was drawn")
    return sum(step["step"] != "refuse" for step in transcript["steps"])


def _suite_of(transcript: Transcript) -> Suite:
    previous_counts = {bytes.fromhex(key): count for key, count in transcript["previous_counts"].items()}
    suites = {ONEBAR_V1.name: ONEBAR_V1, OLM_NAME: olm_v1(previous_counts), SIGNAL_NAME: signal_v3()}
    return suites[transcript["suite"]]


def _again(
    ratchet: Ratchet, step: Mapping[str, str], entropy: Callable[[int], bytes]
) -> tuple[Ratchet, dict[str, str]]:
    """Do a step again; return the ratchet after it and the step as it came out."""
    sealed, associated_data = bytes.fromhex(step["sealed"]), bytes.fromhex(step["associated_data"])
    noted = {"associated_data": step["associated_data"]}
    if step["step"] == "seal":
        salt = salt_for(ratchet.suite, entropy)
        ratchet, sealed = seal(ratchet, bytes.fromhex(step["plain"]), associated_data, salt)
        return ratchet, noted | {"step": "seal", "sealed": sealed.hex(), "plain": step["plain"]}
    noted |= {"sealed": step["sealed"]}
    try:
        ratchet, plain = open_(ratchet, sealed, associated_data, 0, entropy)
    except DecryptionError:
        return ratchet, noted | {"step": "refuse"}
    return ratchet, noted | {"step": "open", "plain": plain.hex()}
