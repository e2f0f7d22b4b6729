"""A copy has every field, and what is set in it is not set in the other."""

from dataclasses import dataclass, field

from onebar.core.copies import copier


@dataclass(slots=True)
class Thing:
    name: str
    count: int = 0
    parts: list[str] = field(default_factory=list)


def test_a_copy_has_every_field_and_is_another_value() -> None:
    one = Thing("one", 3, ["a"])
    twin = copier(Thing)(one)
    assert twin == one
    assert twin.parts is one.parts, "what it holds is the caller's to copy"
    twin.count = 4
    assert one.count == 3
