"""The mutants that no test can or should notice, each with the reason. A name that is killed or gone is reported."""

from typing import Final

ARGUED: Final[dict[str, str]] = {}
"""Mutant to reason."""
