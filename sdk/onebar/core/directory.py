"""Asking the server who has a number, which devices an account has, and for keys."""

from typing import TypeVar

import msgspec

from onebar.core.frames import MessageError, Request, Response, decode_as, encode
from onebar.core.link import REQUESTS_MAX, Link
from onebar.core.questions import METHODS, Limited, Question
from onebar.core.state import DeviceState
from onebar.errors import RemoteProtocolError

T = TypeVar("T")

NOT_HERE = frozenset({"no_account", "no_bundle"})
"""Errors that say: there is no such thing, or not yet."""

RATE_LIMITED = "rate_limited"
"""The error that says: not now, but after a wait (docs/protocol.md §8)."""


def ask(state: DeviceState, question: Question) -> None:
    """Ask once, on an open link; what finds no room is asked again when an answer has made some."""
    pause = state.postponed.get(question)
    if pause is not None and pause.until_s > state.now.monotonic_s:
        return
    for link in state.open_links():
        if not link.asks(question) and len(link.requests) < REQUESTS_MAX:
            link.request_no += 1
            link.requests[link.request_no] = question
            method = METHODS[type(question)]
            link.frames.append(Request(link.request_no, method, msgspec.Raw(encode(question))))


def answered(link: Link, no: int) -> Question:
    """Return the question that a response answers.

    Raises:
        RemoteProtocolError: Nobody asked.
    """
    question = link.requests.pop(no, None)
    if question is None:
        raise RemoteProtocolError(f"a response to request {no}, which nobody made")
    return question


def limited(response: Response) -> Limited:
    """Return which limit a question met, and how long to wait.

    Raises:
        RemoteProtocolError: The server does not say.
    """
    try:
        return decode_as(Limited, response.result)
    except MessageError as error:
        raise RemoteProtocolError(str(error)) from error


def result(response: Response, kind: type[T]) -> T | None:
    """Return what a response brings; None: there is no such thing.

    Raises:
        RemoteProtocolError: It is something else, or there is no answer now: dial again after a pause.
    """
    if response.error in NOT_HERE:
        return None
    if response.error:
        raise RemoteProtocolError(f"the server has no answer now: {response.error}")
    try:
        return decode_as(kind, response.result)
    except MessageError as error:
        raise RemoteProtocolError(str(error)) from error
