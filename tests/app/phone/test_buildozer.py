"""The Android build, as far as it can be checked without Android's SDK: where buildozer and its tools are installed."""

import configparser
import re
import tomllib
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Final

import pytest
from packaging.requirements import Requirement

from onebar_app.phone import permissions

PROJECT: Final = tomllib.loads((Path(__file__).resolve().parents[3] / "pyproject.toml").read_text("utf-8"))["project"]
PHONE: Final = {
    "sys_platform": "linux",
    "platform_system": "Linux",
    "python_version": "3.14",
    "python_full_version": "3.14.2",
    "extra": "",
}
BROUGHT: Final = {"requests", "urllib3", "charset-normalizer", "filetype", "pycparser"}
"""What the recipes of Kivy and cffi bring."""
FASTER: Final = {"websockets", "charset-normalizer"}
"""These have wheels with a faster part in C, and one of pure Python."""
DESKTOP: Final = {
    "onebar",
    "kivy-deps-angle",
    "kivy-deps-glew",
    "kivy-deps-sdl2",
    "kivy-garden",
    "docutils",
    "pygments",
    "zxing-cpp",
}
"""Not on a phone: the media extra and zxing-cpp, whose parts Android plays, and what Kivy has for its tools."""

SPEC = Path(__file__).resolve().parents[3] / "kivy_app" / "buildozer.spec"


# What has no recipe: wheels of pure Python.
PURE = {
    "python-bidi",
    "arabic-reshaper",
    "segno",
    "websockets",
    "certifi",
    "idna",
    "sniffio",
    "h11",
    "httpcore",
    "anyio",
    "six",
    "filetype",
    "chardet",
    "urllib3",
    "requests",
    "httpx",
    "charset-normalizer",
    "typing-extensions",
}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def option(name: str) -> str:
    parser = configparser.ConfigParser(allow_no_value=True)
    parser.read(SPEC)
    return parser["app"][name]


def test_the_version_is_the_sdks() -> None:
    from onebar import __version__

    assert option("version") == __version__


def test_a_foreground_service_has_its_type_and_permission() -> None:
    assert "foregroundServiceType=dataSync" in option("services")
    script = option("services").split(":")[1]
    assert (SPEC.parent / script).exists()
    assert {"FOREGROUND_SERVICE", "FOREGROUND_SERVICE_DATA_SYNC", "INTERNET"} <= set(
        option("android.permissions").split(",")
    )


def test_what_the_app_asks_for_is_declared() -> None:
    declared = {f"android.permission.{name}" for name in option("android.permissions").split(",")}
    assert {permissions.MICROPHONE, permissions.CAMERA, permissions.NOTIFICATIONS} <= declared
    assert "com.google.zxing:core" in option("android.gradle_dependencies")


def test_buildozer_takes_the_specification(monkeypatch: pytest.MonkeyPatch) -> None:
    buildozer: Any = pytest.importorskip("buildozer", reason="buildozer is not installed: pip install buildozer")
    monkeypatch.chdir(SPEC.parent)
    buildozer.Buildozer(str(SPEC), "android").check_configuration_tokens()


def test_every_dependency_has_a_recipe_or_is_pure_python() -> None:
    pytest.importorskip("pythonforandroid", reason="not installed: pip install python-for-android")
    from pythonforandroid.build import Context
    from pythonforandroid.graph import get_recipe_order_and_bootstrap

    names = {name.partition("==")[0] for name in option("requirements").split(",")}
    context = Context()
    context.local_recipes = str(SPEC.parent / "recipes")
    order, modules, bootstrap = get_recipe_order_and_bootstrap(context, names, None)
    assert bootstrap.name == "sdl2"
    assert {"python3", "kivy", "pynacl", "libsodium", "cffi", "pillow", "msgspec", "sqlite3"} <= set(order)
    assert set(modules) <= PURE, "neither a recipe nor known to be pure Python"


def test_the_recipes_build_what_the_sdk_needs() -> None:
    pytest.importorskip("pythonforandroid", reason="not installed: pip install python-for-android")
    from pythonforandroid.build import Context
    from pythonforandroid.recipe import Recipe

    context = Context()
    context.local_recipes = str(SPEC.parent / "recipes")
    for name, version in (("libsodium", "1.0.22"), ("pynacl", "1.6.2"), ("sqlite3", "3.50.4")):
        recipe = Recipe.get_recipe(name, context)
        assert recipe.version == version
        assert version in recipe.versioned_url


def test_sqlite_is_built_with_full_text_search(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pythonforandroid", reason="not installed: pip install python-for-android")
    from pythonforandroid.build import Context
    from pythonforandroid.recipe import Recipe
    from pythonforandroid.recipes.sqlite3 import Sqlite3Recipe

    context = Context()
    context.local_recipes = str(SPEC.parent / "recipes")
    monkeypatch.setattr(Sqlite3Recipe, "get_recipe_env", lambda *_, **__: {"CFLAGS": "-O2"})
    assert Recipe.get_recipe("sqlite3", context).get_recipe_env(None)["CFLAGS"] == "-O2 -DSQLITE_ENABLE_FTS5"


def test_what_the_app_needs_is_in_the_build() -> None:
    """Everything that the SDK and the app depend on, theirs included, is named in `requirements`."""
    named = {normal(name.partition("==")[0]) for name in option("requirements").split(",")}
    needed = set(PROJECT["dependencies"]) | set(PROJECT["optional-dependencies"]["app"])
    asked: set[str] = set()
    while needed:
        wanted = Requirement(needed.pop())
        name = normal(wanted.name)
        if name in DESKTOP | BROUGHT | asked or (wanted.marker is not None and not wanted.marker.evaluate(PHONE)):
            continue
        asked.add(name)
        with suppress(PackageNotFoundError):
            needed |= set(distribution(name).requires or ())
    assert asked <= named


def test_what_has_no_recipe_is_pure_where_it_is_installed() -> None:
    for name in PURE - FASTER - {"python-bidi"}:  # it is pinned to the last release without Rust
        with suppress(PackageNotFoundError):
            assert "none-any" in (distribution(name).read_text("WHEEL") or ""), name
    assert "python-bidi==0.4.2" in option("requirements").split(",")
