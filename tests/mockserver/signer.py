"""An account's key, as its devices use it: signs one device list after the other."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from onebar.crypto.certificates import AccountKey, DeviceList, to_bytes
from onebar.crypto.keys import PeerKeys
from onebar_mockserver.ports import Keys


@dataclass
class Signer:
    account: int
    key: AccountKey = field(default_factory=lambda: AccountKey(b"k" * 32))
    last: DeviceList | None = None

    def certificate(self, device: int, keys: Keys) -> bytes:
        return to_bytes(self.key.certify(self.account, device, PeerKeys(*keys), 0))

    def sign(self, devices: Mapping[int, Keys]) -> bytes:
        """Sign the next list, with these devices."""
        certificates = [self.key.certify(self.account, device, PeerKeys(*keys), 0) for device, keys in devices.items()]
        self.last = self.key.sign_list(self.account, tuple(certificates), 0, self.last)
        return to_bytes(self.last)
