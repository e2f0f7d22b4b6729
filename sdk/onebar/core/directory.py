"""Asking the server who has a number and what a device's keys are, and what its answers mean."""

from collections.abc import Iterator

import msgspec

from onebar.core.frames import Request, encode
from onebar.core.link import REQUESTS_MAX, Link
from onebar.core.questions import METHODS, AccountInfo, FindDevice, FindPhone, Question
from onebar.core.records import Peer
from onebar.core.state import DeviceState
from onebar.crypto.keys import PeerKeys
from onebar.errors import RemoteProtocolError


def ask(state: DeviceState, question: Question) -> None:
    """Ask once on each open link; what finds no room is asked again when an answer has made some."""
    for link in state.open_links():
        if not link.asks(question) and len(link.requests) < REQUESTS_MAX:
            link.request_no += 1
            link.requests[link.request_no] = question
            method = METHODS[type(question)]
            link.frames.append(Request(link.request_no, method, msgspec.Raw(encode(question))))


def answered(link: Link, no: int, error: str) -> Question:
    """Return the question that a response answers.

    Raises:
        RemoteProtocolError: Nobody asked, or the directory has no answer now: dial again after a pause.
    """
    question = link.requests.pop(no, None)
    if question is None:
        raise RemoteProtocolError(f"a response to request {no}, which nobody made")
    if error not in {"", "no_account"}:
        raise RemoteProtocolError(f"the directory has no answer now: {error}")
    return question


def learn(state: DeviceState, question: Question, info: AccountInfo | None) -> None:
    """Store what the directory said; None: there is no such account or device.

    Raises:
        RemoteProtocolError: The answer is about somebody else.
    """
    if info is None:
        return
    expected = question.phone if isinstance(question, FindPhone) else question.account
    if expected not in {info.phone, info.account}:
        raise RemoteProtocolError("the directory answers about another account than it was asked for")
    peers = list(_trusted(info))
    state.store.contacts.put(info.account, info.phone, peers)
    if not isinstance(question, FindDevice):  # this one lists all that are active: what it leaves out is gone
        active = {peer.device for peer in peers}
        for known in state.store.contacts.devices(info.account):
            if known.device not in active:
                state.store.contacts.remove_device(info.account, known.device)


def _trusted(info: AccountInfo) -> Iterator[Peer]:
    """Go through the devices whose keys are signed as they should be."""
    for found in info.devices:
        keys = PeerKeys(found.identity_key, found.box_key, found.key_signature)
        if keys.valid:
            yield Peer(info.account, found.device, keys, found.removed)
