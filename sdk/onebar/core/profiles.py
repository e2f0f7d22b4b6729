"""What people say of themselves, and what their devices show: told to those one writes to (docs/protocol.md §6.2)."""

from typing import Final

import msgspec

from onebar.core import outbox, sealing
from onebar.core.content import Profile
from onebar.core.records import Peer, Status, Trust
from onebar.core.state import DeviceState
from onebar.core.turn import SetProfile
from onebar.errors import NotRegisteredError
from onebar.events import ProfileChanged
from onebar.models import Standing

OWN: Final = 0
"""Under which account our own profile is kept: this account's, whatever its number is."""

AT_ONCE: Final = 4
"""Most profiles sealed in one turn: with pictures that is 44 kB, and texts must not wait behind more."""

LOOKS_MAX: Final = 64
"""Most devices looked at in one turn, so that it stays short; the next one follows at once."""

_COUNTER_MAX: Final = 2**63 - 1  # the largest number on the wire


def change(state: DeviceState, item: SetProfile) -> None:
    """Take our user's new profile, and note whom it is to be told to.

    Raises:
        NotRegisteredError: This device has no account.
    """
    if state.device.status not in {Status.REGISTERED, Status.REPLACING}:
        raise NotRegisteredError(f"this device is {state.device.status}, not registered: call Client.register first")
    profiles = state.store.profiles
    before = profiles.get(OWN) or Profile(0)
    wanted = {"name": item.name, "about": item.about, "photo": item.photo}
    after = msgspec.structs.replace(before, **{name: value for name, value in wanted.items() if value is not None})
    if after == before:
        return
    # Rises also for who installs the app anew, and has forgotten which one was the last.
    counter = min(max(before.counter + 1, state.server_ms), _COUNTER_MAX)
    profiles.put(OWN, msgspec.structs.replace(after, counter=counter))
    profiles.tell_all()
    state.tell(ProfileChanged, detail=state.device.phone)


def heard(state: DeviceState, peer: Peer, said: Profile, out_no: int) -> None:
    """Take a profile, unless a newer one is known; what comes twice or late changes nothing."""
    profiles, own = state.store.profiles, peer.account == state.device.account
    if not own and state.store.inbox.standing(peer.account) is Standing.BLOCKED:
        return
    state.store.contacts.put_shows(peer.account, peer.device, " ".join(said.shows), out_no)
    state.news = True
    said = msgspec.structs.replace(said, shows=())  # the rest is of the account
    if not said.counter:
        return
    account = OWN if own else peer.account
    known = profiles.get(account)
    if known is not None and _rank(said) <= _rank(known):
        return
    profiles.put(account, said)
    if own:  # the device that it came from may never have talked to whom this one talks to
        profiles.tell_all()
        if not state.device.shows:  # else it is to be told that all the same
            profiles.told(peer.account, peer.device, said.counter, 0, state.server_ms)
    contact = state.store.contacts.contact(peer.account)
    if contact is not None and contact.phone and _shown(said) != _shown(known):
        state.tell(ProfileChanged, detail=contact.phone)


def accepted(state: DeviceState, phone: str) -> None:
    """A chat was accepted: who began it may know who we are."""
    account = state.store.contacts.account(phone)
    for peer in state.store.contacts.devices(account) if account is not None else ():
        state.store.profiles.tell(peer.account, peer.device, state.server_ms)


def copied(state: DeviceState, account: int) -> None:
    """Another device of ours has written to an account: this one gets the answers, too, and says what it can show."""
    peers = [*state.store.contacts.devices(account), *sealing.own_devices(state)]
    for peer in peers if state.device.shows else ():
        state.store.profiles.tell(peer.account, peer.device, state.server_ms)


def announce(state: DeviceState) -> None:
    """Let everybody know whom we write to, if this app can show more than the one before it, or less."""
    shows = state.device.shows if state.config.shows is None else " ".join(state.config.shows)
    if shows == state.device.shows:
        return
    if state.store.profiles.get(OWN) is None:
        state.store.profiles.put(OWN, Profile(0))
    state.change(shows=shows)
    state.store.profiles.tell_all()


def advance(state: DeviceState) -> None:
    """Seal our profile for those who are to have it, behind all messages and as far as the window allows."""
    announce(state)
    state.profiles_left = False
    if not state.confirmed or state.device.status is not Status.REGISTERED or not state.listed:
        return
    room = min(AT_ONCE, state.window - (state.device.out_no - state.device.floor))
    due = state.store.profiles.due(LOOKS_MAX) if room > 0 else []
    for number, (account, device) in enumerate(due, 1):
        key = ("profile", account, device)
        sealed = False
        if key not in state.poison:
            with state.contained(key):
                sealed = _seal(state, account, device)
        if not sealed:
            state.store.profiles.skip(account, device)  # until the next message for it
        room -= sealed
        if room <= 0:
            return  # the verdict on what was sealed brings the next turn
        state.profiles_left = number == LOOKS_MAX


def _seal(state: DeviceState, account: int, device: int) -> bool:
    """Seal our profile for a device; return whether it may have it now."""
    own, peer = state.store.profiles.get(OWN), state.store.contacts.device(account, device)
    contact = state.store.contacts.contact(account)
    if own is None or peer is None or peer.removed or contact is None or contact.trust is Trust.CHANGED:
        return False
    if account != state.device.account and state.store.inbox.standing(account) is not Standing.ACCEPTED:
        return False
    sessions = state.store.sessions.get(account, device).sessions
    if sessions.need_bundle(state.server_ms):
        return False  # nobody's prekeys are spent for a profile alone
    if not own.counter and sessions.unanswered:
        return False  # nor is an initial header repeated for what there is to say of a device alone
    outbox.seal_control(state, [peer], msgspec.structs.replace(own, shows=tuple(state.device.shows.split())))
    state.store.profiles.told(account, device, own.counter, state.device.out_no, state.server_ms)
    return True


def _rank(profile: Profile) -> tuple[int, bytes]:
    """Return what orders the profiles of one account, also two that its devices have set at the same time."""
    return profile.counter, msgspec.msgpack.encode(profile)


def _shown(profile: Profile | None) -> tuple[str, str, bytes]:
    return ("", "", b"") if profile is None else (profile.name, profile.about, profile.photo)
