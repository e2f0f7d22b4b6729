"""The house rules as tests: a checker takes (path, source), says what is wrong, and is shown to find it."""

import ast
import importlib.util
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from types import ModuleType

import pytest

import onebar
from onebar.core.link_states import TRANSITIONS, LinkState, LinkTrigger
from onebar.version import __version__

ROOT = Path(__file__).resolve().parent.parent

# Long enough for one concept with its reasons; what is longer holds two.
MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
# What a newcomer can hold in mind.
PUBLIC_NAMES_MAX = 25

SOURCES = {
    "sdk/onebar": PurePosixPath("tests/sdk"),
    "mockserver/onebar_mockserver": PurePosixPath("tests/mockserver"),
    "loadtest/onebar_loadtest": PurePosixPath("tests/loadtest"),
    "kivy_app/onebar_app": PurePosixPath("tests/app"),
}
"""Where each import package lives, and where the tests that mirror it live."""

TOGETHER = ("kivy_app/onebar_app/ui/",)
"""Screens are thin and tested with fingers, in tests/app/ui; what they do has modules of its own."""

SKIPPED_FOLDERS = {"build", "dist", "__pycache__"}
TEXT_SUFFIXES = {"", ".cfg", ".ini", ".lock", ".md", ".py", ".sql", ".svg", ".toml", ".txt", ".yaml", ".yml"}
HIDDEN_BUT_OURS = {".ci", ".gitignore", ".importlinter", ".pre-commit-config.yaml"}

# Written in pieces, so that this file passes its own rules.
BANNED_NAMES = {"util", "utils", "helper", "helpers", "manager", "base", "common", "misc"}
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"]) + r")\b")
MACHINE = re.compile("|".join(["/wo" + "rk/", r"\.lib" + "rary", "bash" + "_jobs", "/ro" + "ot/", r"\.py" + "env"]))
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s#]+)(?:#[^)]*)?\)")
CONSTANT = re.compile(r"[A-Z][A-Z0-9_]+\Z")
LIMIT = re.compile(r"_(MAX|MIN|S|MS|BYTES)\Z")

Checker = Callable[[str, str], list[str]]


# --- the checkers ---------------------------------------------------------------------------------


def module_length(path: str, source: str) -> list[str]:
    """A module holds one concept."""
    lines = len(source.splitlines())
    return [f"{path}: {lines} lines, at most {MODULE_LINES_MAX}"] if lines > MODULE_LINES_MAX else []


def function_length(path: str, source: str) -> list[str]:
    """A function fits on a screen."""
    return [
        f"{path}:{node.lineno}: {node.name} has {lines} lines, at most {FUNCTION_LINES_MAX}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]


def documented(path: str, source: str) -> list[str]:
    """Every public name says what it is: a constant in a string below it or a comment, a limit in its own.

    The comment above a block of constants speaks for all of it, but for the limits: each needs its reason.
    """
    tree, lines = ast.parse(source), source.splitlines()
    wrong = [] if ast.get_docstring(tree) or not tree.body else [f"{path}:1: the module has no docstring"]
    for name, node in public_definitions(tree, ""):
        if not ast.get_docstring(node):
            wrong.append(f"{path}:{node.lineno}: {name} has no docstring")
    block_ends, block_told = 0, False
    for statement, after in zip(tree.body, [*tree.body[1:], None], strict=False):
        name = assigned_name(statement)
        if not CONSTANT.match(name):
            continue
        first, last = statement.lineno, statement.end_lineno or statement.lineno
        above = first > 1 and lines[first - 2].lstrip().startswith("#")
        below = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        block_told = above or (block_told and first == block_ends + 1)
        block_ends = last
        told = above or below or "  # " in lines[last - 1]
        if not told and (LIMIT.search(name) or not block_told):
            wrong.append(f"{path}:{first}: {name} does not say what it is")
    return wrong


def public_definitions(
    scope: ast.Module | ast.ClassDef, prefix: str
) -> Iterator[tuple[str, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Yield the public classes and functions of a module, and the public methods of the classes."""
    for node in scope.body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
            continue
        marks = {ast.unparse(mark).rsplit(".", 1)[-1] for mark in node.decorator_list}
        if not marks & {"overload", "setter"}:
            yield prefix + node.name, node
        if isinstance(node, ast.ClassDef):
            yield from public_definitions(node, f"{node.name}.")


def assigned_name(statement: ast.stmt) -> str:
    """Return the name that a statement gives a value to, or nothing."""
    target: ast.expr | None = None
    if isinstance(statement, ast.AnnAssign):
        target = statement.target
    elif isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
    return target.id if isinstance(target, ast.Name) else ""


def telling_names(path: str, source: str) -> list[str]:
    """No module and no class is called after what it is for us instead of what it is."""
    parts = set(PurePosixPath(path).with_suffix("").name.split("_"))
    wrong = [f"{path}: a module's name may not say {part!r}" for part in parts & BANNED_NAMES]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            words = {word.lower() for word in re.findall(r"[A-Z][a-z0-9]*", node.name)}
            wrong += [f"{path}:{node.lineno}: class {node.name} says {word!r}" for word in words & BANNED_NAMES]
    return wrong


def finished(path: str, source: str) -> list[str]:
    """Nothing is left for later in the text: what is not done is an issue."""
    return matches(path, source, UNFINISHED)


def implemented(path: str, source: str) -> list[str]:
    """A product does what it offers."""
    return matches(path, source, re.compile("NotImpl" + "ementedError"))


def portable(path: str, source: str) -> list[str]:
    """Nothing names the machine on which it was written."""
    return matches(path, source, MACHINE)


def matches(path: str, source: str, pattern: re.Pattern[str]) -> list[str]:
    """Report each line in which the pattern is found."""
    return [
        f"{path}:{number}: {found[0]}"
        for number, line in enumerate(source.splitlines(), 1)
        if (found := pattern.search(line))
    ]


def links_lead_somewhere(path: str, source: str) -> list[str]:
    """A relative link of a page leads to a file that is there."""
    folder = (ROOT / path).parent
    targets = [target for target in LINK.findall(source) if "://" not in target and not target.startswith("mailto:")]
    return [f"{path}: no such file: {target}" for target in targets if not (folder / target).exists()]


def bare_lock(path: str, source: str) -> list[str]:
    """The lock file pins versions by hash and says nothing about where they come from."""
    wrong = [f"{path}: no hashes"] if "--hash=sha256:" not in source else []
    return wrong + matches(path, source, re.compile(r"://|--find-links|--index-url"))


def changelog_has_version(path: str, source: str) -> list[str]:
    """The version that is being built has its heading."""
    return [] if f"## [{__version__}]" in source else [f"{path}: no heading for {__version__}"]


def missing_tests(modules: dict[str, str], tests: set[str]) -> list[str]:
    """Each source module that does something has a test module at the mirrored place."""
    wrong = []
    for module, source in modules.items():
        if module.endswith("/__init__.py") or module.startswith(TOGETHER) or not does_something(source):
            continue
        package = next(package for package in SOURCES if module.startswith(f"{package}/"))
        inside = PurePosixPath(module).relative_to(package)
        name = f"test_{inside.stem.strip('_')}.py"
        test = (SOURCES[package] / inside.parent / name).as_posix()
        if test not in tests:
            wrong.append(f"{module}: no {test}")
    return wrong


def does_something(source: str) -> bool:
    """Whether a module has a function with a body: errors, dataclasses and protocols leave nothing to test."""
    return any(
        not isinstance(statement, ast.Pass)
        and not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name not in {"__init__", "__repr__"}
        for statement in node.body
    )


# --- what they look at ----------------------------------------------------------------------------


def texts() -> Iterator[tuple[str, str]]:
    """Yield the path and text of every file that belongs to the project."""
    waiting = sorted(ROOT.iterdir())
    while waiting:
        path = waiting.pop()
        if path.name in SKIPPED_FOLDERS or (path.name.startswith(".") and path.name not in HIDDEN_BUT_OURS):
            continue
        if path.is_dir():
            waiting += sorted(path.iterdir())
        elif path.is_file() and path.suffix in TEXT_SUFFIXES:
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


ALL = dict(texts())
PYTHON = {path: text for path, text in ALL.items() if path.endswith(".py")}
PRODUCTS = {path: text for path, text in PYTHON.items() if path.startswith(tuple(SOURCES))}
PAGES = {path: text for path, text in ALL.items() if path.endswith(".md")}

RULES: list[tuple[Checker, dict[str, str]]] = [
    (module_length, PYTHON),
    (function_length, PYTHON),
    (documented, PRODUCTS),
    (telling_names, PYTHON),
    (finished, ALL),
    (implemented, PRODUCTS),
    (portable, ALL),
    (links_lead_somewhere, PAGES),
    (bare_lock, {"requirements.lock": ALL["requirements.lock"]}),
    (changelog_has_version, {"CHANGELOG.md": ALL["CHANGELOG.md"]}),
]


@pytest.mark.parametrize(("rule", "files"), [pytest.param(*rule, id=rule[0].__name__) for rule in RULES])
def test_rule_holds(rule: Checker, files: dict[str, str]) -> None:
    assert files
    wrong = [line for path, text in files.items() for line in rule(path, text)]
    assert not wrong, "\n".join(["", *wrong])


def test_every_module_has_its_test_module() -> None:
    wrong = missing_tests(PRODUCTS, set(PYTHON))
    assert not wrong, "\n".join(["", *wrong])


def test_public_names_are_few_and_there() -> None:
    assert len(onebar.__all__) <= PUBLIC_NAMES_MAX
    assert all(hasattr(onebar, name) for name in onebar.__all__)


def test_picture_of_the_link_states_is_the_tables() -> None:
    assert link_states_script().draw(TRANSITIONS) == ALL["docs/pictures/link_states.svg"], "run make pictures"


# --- each rule can fail ---------------------------------------------------------------------------

BAD = [
    (module_length, "sdk/onebar/long.py", "x = 1\n" * (MODULE_LINES_MAX + 1)),
    (function_length, "sdk/onebar/long.py", "def long():\n" + "    x = 1\n" * FUNCTION_LINES_MAX),
    (function_length, "sdk/onebar/long.py", "async def long():\n" + "    x = 1\n" * FUNCTION_LINES_MAX),
    (documented, "sdk/onebar/mute.py", "import os\n"),
    (documented, "sdk/onebar/mute.py", '"""Said."""\ndef mute(): ...\n'),
    (documented, "sdk/onebar/mute.py", '"""Said."""\nclass Mute: ...\n'),
    (
        documented,
        "sdk/onebar/mute.py",
        '"""Said."""\nclass Told:\n    """Said."""\n    def mute(self): ...\n',
    ),
    (documented, "sdk/onebar/mute.py", '"""Said."""\n\nWINDOW_MAX = 64\n'),
    (documented, "sdk/onebar/mute.py", '"""Said."""\n\nWINDOW_MAX: Final = 64\nx = 1\n'),
    (documented, "sdk/onebar/mute.py", '"""Said."""\n# Why.\nWINDOW_MAX = 64\nFRAMES_MAX = 9\n'),
    (documented, "sdk/onebar/mute.py", '"""Said."""\n# Codes.\nOPEN = 1\n\nCLOSED = 2\n'),
    (telling_names, "sdk/onebar/link_helpers.py", ""),
    (telling_names, "sdk/onebar/link.py", "class LinkManager: ...\n"),
    (finished, "README.md", "This is " + "TO" + "DO."),
    (finished, "sdk/onebar/link.py", "# FIX" + "ME: later"),
    (implemented, "sdk/onebar/link.py", "raise NotImpl" + "ementedError"),
    (portable, "README.md", "Look into /wo" + "rk/main."),
    (links_lead_somewhere, "docs/protocol.md", "See [the picture](pictures/absent.svg)."),
    (bare_lock, "requirements.lock", "--index-url https" + "://example.org\nidna==3.10 --hash=sha256:00\n"),
    (bare_lock, "requirements.lock", "idna==3.10\n"),
    (changelog_has_version, "CHANGELOG.md", "## [0.0.1]\n"),
]


@pytest.mark.parametrize(("rule", "path", "source"), BAD, ids=[rule[0].__name__ for rule in BAD])
def test_rule_sees_a_bad_sample(rule: Checker, path: str, source: str) -> None:
    assert rule(path, source)


def test_every_rule_has_a_bad_sample() -> None:
    assert {rule for rule, _ in RULES} == {rule for rule, _, _ in BAD}


def test_documented_takes_a_string_or_a_comment() -> None:
    limits = 'A_MAX = 1\n"""Why."""\n# Why.\nB_MAX = 2\nC_MAX = 3  # why\n'
    good = f'"""Said."""\n{limits}# Codes.\nOPEN = 1\nSHUT = 2\n'
    assert documented("sdk/onebar/told.py", good) == []


def test_missing_test_modules_are_seen() -> None:
    works = "def work():\n    return 1\n"
    modules = {
        "sdk/onebar/core/frames.py": works,
        "sdk/onebar/core/ports.py": "class Store(Protocol):\n    def load(self):\n        'Load it.'\n",
        "sdk/onebar/__init__.py": works,
        "mockserver/onebar_mockserver/__main__.py": works,
    }
    assert missing_tests(modules, {"tests/sdk/core/test_frames.py", "tests/mockserver/test_main.py"}) == []
    assert len(missing_tests(modules, {"tests/sdk/test_frames.py"})) == 2


def test_another_table_is_another_picture() -> None:
    other = {LinkState.CLOSED: {LinkTrigger.LOST: LinkState.DIALING}}
    assert link_states_script().draw(other) != ALL["docs/pictures/link_states.svg"]


def link_states_script() -> ModuleType:
    """Import the script that draws the picture; it is no part of a package."""
    spec = importlib.util.spec_from_file_location("draw_link_states", ROOT / "docs/pictures/link_states.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
