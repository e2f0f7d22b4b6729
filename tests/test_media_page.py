"""The page about files: its examples are Python, and what they call is there."""

import ast
import re
from inspect import signature
from pathlib import Path

import pytest

from onebar import Client, Config, Conversation
from onebar.message_file import MessageFile
from onebar.models import Attachment

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "media.md").read_text("utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_can_be_run(example: str) -> None:
    compile(example, "docs/media.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_what_is_called_is_there() -> None:
    assert EXAMPLES
    assert all(hasattr(Conversation, name) for name in re.findall(r"chat\.(\w+)\(", PAGE))
    assert all(hasattr(MessageFile, name) for name in re.findall(r"file(?:\(\w+(?:\.\w+)?\))?\.(\w+)\(", PAGE))
    assert all(hasattr(Attachment, name) or name in Attachment.__slots__ for name in re.findall(r"\bat\.(\w+)", PAGE))
    assert all(hasattr(Config, name) for name in re.findall(r"^\| `(\w+)` \| (?:files|the same)", PAGE, re.MULTILINE))
    assert "metered" in signature(Client.network_changed).parameters
