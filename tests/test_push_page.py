"""The programs of docs/push.md: what they call exists, the settings are settings, and the test is one."""

import ast
import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from onebar import Client
from onebar_mockserver.push.settings import PushSettings

PAGE = Path(__file__).resolve().parent.parent / "docs" / "push.md"


def programs(language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert found, f"{PAGE.name} shows no {language}"
    return found


def test_what_the_app_calls_exists() -> None:
    names = {
        node.attr
        for program in programs("python")
        for node in ast.walk(ast.parse(program))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "client"
    }
    assert names == {"register_push", "handle_push"}
    assert all(hasattr(Client, name) for name in [*names, "unregister_push"])


def test_the_settings_are_settings() -> None:
    [table] = programs("toml")
    names = tomllib.loads(table)["push"]
    assert names.keys() < {field.name for field in msgspec.structs.fields(PushSettings)}


async def test_the_test_of_an_app_works(onebar_server: Any, onebar_phone: Any) -> None:
    program = next(one for one in programs("python") if "onebar_server" in one)
    scope: dict[str, Any] = {}
    exec(compile(program, PAGE.name, "exec"), scope)
    await scope["test_a_phone_that_is_away_is_woken"](onebar_server, onebar_phone)
