"""The small changes of a module: each is a fault that a test should notice.

Left alone are what no test of behaviour can notice or what is no code of the protocol: docstrings, annotations, texts
of errors, assertions (they tell the type checker something), and how classes are declared (frozen, slots).
"""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

COMPARISONS: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
"""A boundary is moved by one, or a question is turned round."""

OPERATORS: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
"""`+` is not here: it mostly joins bytes, and loses one of its sides instead."""

UNTOUCHED: Final = frozenset({"annotation", "returns", "decorator_list", "bases", "keywords of a class"})
"""Fields of the syntax tree that are declarations."""

Slot = tuple[ast.AST, str, int | None]


@dataclass(frozen=True, slots=True)
class Change:
    """One change, and its name: stable while the function and the changed text stay as they are."""

    name: str
    line: int
    slot: Slot
    new: ast.AST


def changes(tree: ast.Module) -> list[Change]:
    """Return all changes of a module in the order of its text; none is made yet."""
    seen: Counter[str] = Counter()
    found = []
    for where, slot, node in _places(tree, ""):
        for new in _variants(node):
            name = f"{where}: {_text(node)} → {_text(new)}"
            seen[name] += 1
            number = f" ({seen[name]})" if seen[name] > 1 else ""
            found.append(Change(name + number, getattr(node, "lineno", 0), slot, new))
    return found


def make(tree: ast.Module, change: Change) -> None:
    """Make a change in the tree that it is of."""
    parent, field, index = change.slot
    if index is None:
        setattr(parent, field, change.new)
    else:
        getattr(parent, field)[index] = change.new
    ast.fix_missing_locations(tree)


def _places(parent: ast.AST, where: str) -> Iterator[tuple[str, Slot, ast.AST]]:
    """Yield every node that may be changed, with the function or class that it is in."""
    for field, value in ast.iter_fields(parent):
        declared = "keywords of a class" if isinstance(parent, ast.ClassDef) and field == "keywords" else field
        if declared in UNTOUCHED:
            continue
        for index, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(node, ast.AST) or _is_left_alone(node):
                continue
            inside = f"{where}.{node.name}".lstrip(".") if isinstance(node, ast.FunctionDef | ast.ClassDef) else where
            yield inside or "module", (parent, field, index), node
            yield from _places(node, inside)


def _is_left_alone(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True  # a docstring
    return isinstance(node, ast.JoinedStr | ast.Assert | ast.Import | ast.ImportFrom)


def _variants(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what may stand in the place of a node."""
    yield from _other_operations(node)
    match node:
        case ast.Constant(value=value):
            yield from _other_values(value)
        case ast.IfExp(body=one, orelse=other):
            yield from (one, other)
        case ast.Slice(lower=lower, upper=upper):
            yield from (ast.Slice(None, upper) for _ in [lower] if lower)
            yield from (ast.Slice(lower, None) for _ in [upper] if upper)
        case ast.Call():
            yield from _other_calls(node)
        case ast.If(test=test, body=body, orelse=rest):
            yield ast.If(ast.UnaryOp(ast.Not(), test), body, rest)
        case ast.Return(value=value) if value is not None:
            yield ast.Return(ast.Constant(None))
        case ast.Raise() | ast.Delete() | ast.AugAssign() | ast.Break() | ast.Expr():
            yield ast.Pass()


def _other_operations(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(left=left, ops=[operator], comparators=right) if type(operator) in COMPARISONS:
            yield ast.Compare(left, [COMPARISONS[type(operator)]()], right)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            yield from (left, right)
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in OPERATORS and not _is_type(node):
            yield ast.BinOp(left, OPERATORS[type(operator)](), right)
        case ast.BoolOp(op=operator, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(operator, ast.And) else ast.And(), values)
            yield from (ast.BoolOp(operator, values[:place] + values[place + 1 :]) for place in range(len(values)))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand


def _other_values(value: object) -> Iterator[ast.Constant]:
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int):
        yield from (ast.Constant(value + 1), ast.Constant(value - 1))
    elif isinstance(value, float):
        yield from (ast.Constant(value * 2), ast.Constant(value / 2))
    elif isinstance(value, bytes):
        yield ast.Constant(value[:-1] + bytes([value[-1] ^ 0x40]) if value else b"\1")


def _other_calls(node: ast.Call) -> Iterator[ast.Call]:
    """Swap two neighbours among the arguments, and leave out each that has a name (an unchanged field, a default)."""
    for place in range(len(node.args) - 1):
        one, other = node.args[place : place + 2]
        if ast.unparse(one) != ast.unparse(other):
            yield ast.Call(node.func, [*node.args[:place], other, one, *node.args[place + 2 :]], node.keywords)
    for place in range(len(node.keywords)):
        yield ast.Call(node.func, node.args, node.keywords[:place] + node.keywords[place + 1 :])


def _is_type(node: ast.BinOp) -> bool:
    """Whether it is a union of types, `A | B` or `A | None`."""
    return all(
        (isinstance(side, ast.Name) and side.id[:1].isupper() and not side.id.isupper())
        or (isinstance(side, ast.Constant) and side.value is None)
        for side in (node.left, node.right)
    )


def _text(node: ast.AST) -> str:
    """Return a node's text in one line; of a statement with a body, its head."""
    if isinstance(node, ast.Slice):
        return f"[{ast.unparse(node)}]"
    return ast.unparse(node).partition("\n")[0]
