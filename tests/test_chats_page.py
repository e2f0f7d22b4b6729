"""The page about chats: its examples are Python, and what they call is there."""

import ast
import re
from pathlib import Path

import pytest

from onebar import Client, Conversation
from onebar.account import Account

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "chats.md").read_text("utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_can_be_run(example: str) -> None:
    compile(example, "docs/chats.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(?:await )?chat\.(\w+)\(", PAGE))))
def test_a_call_of_a_chat_is_there(name: str) -> None:
    assert hasattr(Conversation, name)


def test_the_other_calls_are_there() -> None:
    assert all(hasattr(Client, name) for name in ("chats", "search", "events"))
    assert hasattr(Account, "set_profile")
