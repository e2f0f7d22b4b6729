"""Where the server sends a wake-up while this device is away: the app's token, kept and told (docs/protocol.md §5).

The server forgets it with the device, and when a gateway says that it is of no use. So it is told again when the app
gives it, when this is another device, and when the server was restored.
"""

from onebar.core.directory import ask
from onebar.core.frames import Response
from onebar.core.questions import RegisterPush
from onebar.core.state import DeviceState
from onebar.core.turn import SetPush


def set_token(state: DeviceState, item: SetPush) -> None:
    """Keep what the app has given; nothing is told where neither side has a token."""
    due = bool(item.token or state.device.push_token or state.device.push_due)
    state.change(push_kind=item.kind, push_token=item.token, push_due=due)


def forgotten(state: DeviceState) -> None:
    """Note that the server may not know what the app wants."""
    state.change(push_due=bool(state.device.push_token) or state.device.push_due)


def advance(state: DeviceState) -> None:
    """Tell the server, on an open link."""
    if state.device.push_due:
        ask(state, RegisterPush(state.device.push_kind, state.device.push_token))


def answered(state: DeviceState, question: RegisterPush, response: Response) -> None:
    """Note that the server knows, unless the app has given another token meanwhile.

    A refusal is final too: a server that knows no pushes will not learn it on this link, and the app gives its token
    again at its next start.
    """
    if response.error == "internal":  # the server's fault, and it may pass
        state.postpone(question)
    elif (question.kind, question.token) == (state.device.push_kind, state.device.push_token):
        state.change(push_due=False)
