"""The changes themselves: which there are, how they are named, and that each one changes the code."""

import ast

import pytest

from tests.mutation.__main__ import TESTS
from tests.mutation.changes import changes, make
from tests.mutation.planting import TESTS as FOLDER
from tests.mutation.planting import mutants_of, source_of


def names(source: str) -> list[str]:
    return [change.name for change in changes(ast.parse(source))]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < 5", ["a < 5 → a <= 5", "5 → 6", "5 → 4"]),
        ("a + b", ["a + b → a", "a + b → b"]),
        ("a and b", ["a and b → a or b", "a and b → b", "a and b → a"]),
        ("not a", ["not a → a"]),
        ("a[:b]", ["[:b] → [:]"]),
        ("f(a, b)", ["f(a, b) → f(b, a)"]),
        ("f(a=b)", ["f(a=b) → f()"]),
        ("x if a else y", ["x if a else y → x", "x if a else y → y"]),
        ("b'ab'", ["b'ab' → b'a\"'"]),
        ("True", ["True → False"]),
    ],
)
def test_an_expression_is_changed_in_these_ways(source: str, expected: list[str]) -> None:
    assert names(f"x = {source}") == [f"module: {one}" for one in expected]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f():\n    raise E", ["f: raise E → pass"]),
        ("def f():\n    return x", ["f: return x → return None"]),
        ("if a:\n    pass", ["module: if a: → if not a:"]),
        ("f()", ["module: f() → pass"]),
        ("a += b", ["module: a += b → pass"]),
    ],
)
def test_a_statement_is_left_out_or_turned_round(source: str, expected: list[str]) -> None:
    assert names(source) == expected


@pytest.mark.parametrize(
    "source",
    ["'''Text.'''", "def f(a: int = x) -> 'b | None': pass", "class A(B, frozen=True): pass", "assert a < b",
     "x = f'{a + b}'", "X = One | Other", "@d(slots=True)\nclass A: pass"],
)  # fmt: skip
def test_declarations_texts_and_assertions_are_left_alone(source: str) -> None:
    assert names(source) == []


def test_equal_changes_in_one_function_are_numbered() -> None:
    assert names("x = 1 < a\ny = 1 < a")[-1] == "module: 1 → 0 (2)"


@pytest.mark.parametrize("module", TESTS)
def test_each_mutant_of_a_module_is_another_text_under_another_name(module: str) -> None:
    source = source_of(module).read_text(encoding="utf-8")
    mutants = mutants_of(module)
    assert len({mutant.name for mutant in mutants}) == len(mutants) > 20
    before = ast.unparse(ast.parse(source))
    for number in range(0, len(mutants), 25):
        tree = ast.parse(source)
        make(tree, changes(tree)[number])
        assert ast.unparse(tree) != before, mutants[number].name


def test_every_module_of_tests_is_there() -> None:
    assert not [name for tests in TESTS.values() for name in tests if not (FOLDER / f"test_{name}.py").is_file()]
