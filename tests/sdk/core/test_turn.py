"""What goes through a turn shows no text, no key and no flight in a log."""

import pytest

from onebar.core.turn import Dial, MessageArrived, Replace, Send, Transmit, Turn


@pytest.mark.parametrize(
    "value",
    [
        Send("+4915112345672", "secret"),
        MessageArrived(1, b"secret"),
        Dial(1, b"secret"),
        Transmit(1, b"secret"),
        Replace(1, 2, b"secret", b"secret", b"secret", b"secret"),
    ],
)
def test_nothing_secret_shows_in_a_log(value: object) -> None:
    assert "secret" not in repr(value)
    assert "secret" not in repr(Turn(results=[], outputs=[value]))  # type: ignore[list-item]


def test_two_turns_share_no_list() -> None:
    one, other = Turn(), Turn()
    one.outputs.append(Dial(1, b""))
    one.results.append(1)
    assert (other.outputs, other.results) == ([], [])
