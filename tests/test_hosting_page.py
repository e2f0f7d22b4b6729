"""docs/hosting.md tells the limits of the code."""

from pathlib import Path

from onebar_mockserver.limits import CONNECTIONS_OPEN_MAX, RATE_LIMITS, RateLimit

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "hosting.md").read_text(encoding="utf-8")


def span(seconds: float) -> str:
    for unit, length in (("min", 60), ("s", 1)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:g} s"


def row(limit: RateLimit) -> str:
    return f"| `{limit.name}` | {limit.holds_for} | {limit.rate.size:,} | {span(limit.rate.refill_s)} | {limit.why} |"


def test_the_table_of_limits_is_the_codes() -> None:
    rows = "\n".join(row(limit) for limit in RATE_LIMITS)
    assert rows in PAGE, f"put this into docs/hosting.md:\n{rows}"
    assert f"{CONNECTIONS_OPEN_MAX:,} connections" in PAGE
