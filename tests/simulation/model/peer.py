"""The recipient of the small worlds: an account with one device or two that says nothing. Its keys never change."""

from typing import Final

from onebar.crypto.certificates import AccountKey, to_bytes
from onebar.crypto.keys import DeviceKeys, PeerKeys
from onebar.crypto.pqxdh import KemPrekey
from onebar.crypto.prekeys import OneTimePrekey, PrekeyBundle, SignedPrekey, make_bundle
from onebar.crypto.sessions import PeerSessions, open_envelope, start

MADE_MS: Final = 1_790_000_000_000
"""When all of it was made, and what time it is."""

PHONE: Final = "+12025550102"
KEYS: Final = (DeviceKeys(b"1" * 32, b"2" * 32), DeviceKeys(b"3" * 32, b"4" * 32))
"""Of its first and second device."""

_ACCOUNT_KEY: Final = AccountKey(b"5" * 32)
_PREKEY: Final = SignedPrekey(1, b"6" * 32, MADE_MS)

ACCOUNT_KEY: Final = _ACCOUNT_KEY.public


class _Prekeys:
    """`PrekeySecrets` of either device: the signed prekey, and nothing that is used up."""

    def signed(self, prekey_id: int) -> SignedPrekey | None:
        return _PREKEY if prekey_id == _PREKEY.id else None

    def one_time(self, _prekey_id: int) -> OneTimePrekey | None:
        return None

    def kem(self, _prekey_id: int) -> KemPrekey | None:
        return None


def signed_list(account: int, devices: tuple[int, ...]) -> bytes:
    """Return the account's list of one device, or the later one of two."""
    certified = [_ACCOUNT_KEY.certify(account, device, keys.public(), MADE_MS)
                 for device, keys in zip(devices, KEYS, strict=False)]  # fmt: skip
    first = _ACCOUNT_KEY.sign_list(account, tuple(certified[:1]), MADE_MS, None)
    if len(certified) == 1:
        return to_bytes(first)
    return to_bytes(_ACCOUNT_KEY.sign_list(account, tuple(certified), MADE_MS, first))


def session_with(which: int, own: DeviceKeys, dice: bytes) -> PeerSessions:
    """Return what the sender has once it has fetched the prekeys of a device, the first (0) or second (1)."""
    bundle = PrekeyBundle(make_bundle(KEYS[which], _PREKEY, None, MADE_MS), None, None)
    return start(PeerSessions(), own, KEYS[which].public(), bundle, MADE_MS, lambda size: dice[:size])


def open_first(which: int, sealed: bytes, way: bytes, sender: PeerKeys) -> bytes:
    """Open an envelope as the device would if it were the first that came, as each may be.

    Raises:
        DecryptionError: It does not open.
    """
    secrets = _Prekeys()
    return open_envelope(PeerSessions(), sealed, way, KEYS[which], sender, secrets, MADE_MS, bytes).plain
