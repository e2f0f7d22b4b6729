"""The Android build, as far as it can be checked without Android's SDK: where buildozer and its tools are installed."""

import configparser
from pathlib import Path
from typing import Any

import pytest

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
    for name, version in (("libsodium", "1.0.22"), ("pynacl", "1.6.2")):
        recipe = Recipe.get_recipe(name, context)
        assert recipe.version == version
        assert version in recipe.versioned_url
