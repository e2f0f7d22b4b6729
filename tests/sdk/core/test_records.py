"""What is kept: a repr, which may end in a log, shows no secret, no phone number and no text."""

import msgspec
import pytest

from onebar.core.records import Arrival, Contact, Device, Draft, Kept, Peer, Receipt, Status, TopUp, Trust
from onebar.crypto.sessions import PeerSessions
from onebar.models import MessageState
from tests.sdk.core.scripted import MY_PHONE, PEER_PHONE, WALL_MS, PeerDevice

SECRET = b"a secret of thirty-two bytes :-)"
DEVICE = Device(
    *(Status.REGISTERED, MY_PHONE, 1, 11, SECRET, SECRET, SECRET, SECRET, SECRET),
    *(7, 1, 5, 3, b"hash", 4, 0),
)
DRAFT = Draft(9, 1, PEER_PHONE, 2, 77, WALL_MS, "what nobody may see", SECRET)
ARRIVAL = Arrival(2, 2, 22, 77, 3, WALL_MS, "what nobody may see", MessageState.UNSUPPORTED, b"nobody may see")
RECORDS = (
    DEVICE,
    DRAFT,
    TopUp(DRAFT, 2, 22, 0),
    Contact(2, PEER_PHONE, SECRET, SECRET, Trust.VERIFIED),
    ARRIVAL,
    Receipt(2, 22, 3),
)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_repr_shows_no_secret_no_number_and_no_text(record: object) -> None:
    shown = repr(record)
    assert type(record).__name__ in shown
    for hidden in (MY_PHONE, PEER_PHONE, "nobody may see", SECRET.decode()):
        assert hidden not in shown


def test_a_repr_of_sessions_shows_no_key() -> None:
    phone, other = PeerDevice(1), PeerDevice(2)
    sealed = phone.seal(b"hello", 1, (other.account, 2), other.keys.public(), other.bundle().signed)
    assert sealed
    newest = phone.sessions.sessions[0]
    shown = repr(Kept(phone.sessions, 1, must_be_pq=True))
    assert repr(newest.ratchet.root_key)[2:-1] not in shown
    assert "since_out_no=1" in shown


def test_the_repr_of_a_device_names_it_and_says_whether_it_may_speak() -> None:
    assert repr(DEVICE) == "<Device 1/11 registered>"


def test_a_peers_repr_shows_public_keys_at_most() -> None:
    peer = PeerDevice()
    shown = repr(Peer(2, 22, peer.keys.public(), removed=False))
    for secret in (peer.keys.identity_seed, peer.keys.box_secret):
        assert repr(secret)[2:-1] not in shown


def test_receipts_are_told_and_nothing_is_kept_unless_it_says_otherwise() -> None:
    assert DEVICE.read_receipts
    assert Kept() == Kept(PeerSessions(), 0, must_be_pq=False)
    assert Contact(2, None, b"", b"").trust is Trust.UNVERIFIED


@pytest.mark.parametrize("record", [DEVICE, DRAFT, ARRIVAL], ids=lambda record: type(record).__name__)
def test_what_is_kept_cannot_be_changed_in_place(record: msgspec.Struct) -> None:
    with pytest.raises(AttributeError):
        setattr(record, record.__struct_fields__[0], 0)
