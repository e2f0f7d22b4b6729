"""What a Request asks and its Response answers: who somebody is, and keys to write to them (docs/protocol.md §5).

What is signed travels as the bytes that were signed or packed (`onebar.crypto`): the server hands it on and need not
understand it.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Final

import msgspec

from onebar.core.frames import Key, Name, Number, Signature
from onebar.crypto.certificates import DEVICES_MAX
from onebar.models import DEVICE_NAME_MAX

DEVICE_LIST_BYTES_MAX: Final = 8 * 1024
"""Longest signed device list: 16 certificates of 290 bytes, and room for what a later version adds."""

SIGNED_BUNDLE_BYTES_MAX: Final = 2 * 1024
"""Longest signed prekey bundle: 1,350 bytes with ML-KEM-768."""

PREKEY_BYTES_MAX: Final = 1_400
"""Longest one-time prekey: 1,265 bytes for ML-KEM-768 with its signature."""

PREKEYS_MAX: Final = 128
"""Most one-time prekeys of a kind in one Publish: a whole stock of the short ones."""

PIN_BYTES: Final = 32
"""Length of a stretched PIN."""

TOTP_BYTES: Final = 20
"""Length of the secret of one-time passwords: that of HMAC-SHA1's output (RFC 4226 §4, R6), which all apps take."""

DeviceName = Annotated[str, msgspec.Meta(max_length=DEVICE_NAME_MAX)]
"""What a user calls a device; empty for none."""

PUSH_TOKEN_CHARS_MAX: Final = 1_024
"""Longest push token: FCM's have about 150 characters and no promised length, those of APNs 64."""

PUSH_TOKENS: Final[Mapping[str, re.Pattern[str]]] = {
    "apns": re.compile(r"(?:[0-9a-f]{2}){8,100}"),
    "fcm": re.compile(r"[A-Za-z0-9_:-]+"),
}
"""What a token looks like, for each kind of gateway: it becomes part of an address, so nothing else may be in it."""

Prekeys = Annotated[
    tuple[tuple[Number, Annotated[bytes, msgspec.Meta(max_length=PREKEY_BYTES_MAX)]], ...],
    msgspec.Meta(max_length=PREKEYS_MAX),
]
"""One-time prekeys: the number of each, and its bytes for whoever fetches it."""


class FindPhone(msgspec.Struct, array_like=True, frozen=True):
    """Parameters of the request `phone`: who has this number (E.164)?"""

    phone: Annotated[str, msgspec.Meta(max_length=16)]

    def __repr__(self) -> str:
        """Show no number."""
        return "<FindPhone>"


class FindAccount(msgspec.Struct, array_like=True, frozen=True):
    """Parameters of the request `account`: which devices does this account have?"""

    account: Number


class FindDevice(msgspec.Struct, array_like=True, frozen=True):
    """Parameters of the request `device`: whose is it, and what are its keys? Removed devices are known for ever."""

    account: Number
    device: Number


class FindBundle(msgspec.Struct, array_like=True, frozen=True):
    """Parameters of the request `bundle`: prekeys to start a session with a device. The answer is a `Bundle`."""

    account: Number
    device: Number


class Publish(msgspec.Struct, array_like=True, frozen=True):
    """Parameters of the request `publish`: what others may know of this device. The answer is the `Stock` after it.

    Empty parts stay as they are.
    """

    devices: Annotated[bytes, msgspec.Meta(max_length=DEVICE_LIST_BYTES_MAX)] = b""
    """The account's signed device list; devices that it leaves out are removed."""
    signed: Annotated[bytes, msgspec.Meta(max_length=SIGNED_BUNDLE_BYTES_MAX)] = b""
    """The device's signed bundle."""
    bundle_ms: Number = 0
    """When that was made."""
    one_time: Prekeys = ()
    one_time_kem: Prekeys = ()
    anew: bool = False
    """Whether to withdraw all one-time prekeys that are there: their secrets are gone."""


class AddDevice(msgspec.Struct, array_like=True, frozen=True):
    """Parameters of the request `add_device`: a number for one more device of this account.

    The device can be used once a device list has its certificate. Asking again for the same keys gives the same number.
    """

    identity_key: Key
    box_key: Key
    key_signature: Signature


class SetPin(msgspec.Struct, array_like=True, frozen=True):
    """Parameters of the request `pin`: protect this account's number by a PIN, as stretched; empty: not any more."""

    pin: Annotated[bytes, msgspec.Meta(max_length=PIN_BYTES)]

    def __repr__(self) -> str:
        """Show no PIN."""
        return "<SetPin>"

    def __post_init__(self) -> None:
        """Refuse what is neither empty nor a whole one."""
        if len(self.pin) not in {0, PIN_BYTES}:
            raise ValueError(f"a stretched PIN has {PIN_BYTES} bytes, not {len(self.pin)}")


class SetTotp(msgspec.Struct, array_like=True, frozen=True):
    """Parameters of the request `totp`: protect this account's number by one-time passwords; empty: not any more.

    The code shows that the authenticator app has the secret: else its user would be shut out.
    """

    secret: Annotated[bytes, msgspec.Meta(max_length=TOTP_BYTES)]
    code: Annotated[str, msgspec.Meta(max_length=6)] = ""

    def __repr__(self) -> str:
        """Show no secret."""
        return "<SetTotp>"

    def __post_init__(self) -> None:
        """Refuse what is neither empty nor a whole one."""
        if len(self.secret) not in {0, TOTP_BYTES}:
            raise ValueError(f"a secret of one-time passwords has {TOTP_BYTES} bytes, not {len(self.secret)}")


class Block(msgspec.Struct, array_like=True, frozen=True):
    """Parameters of the request `block`: take nothing from this number, or take its messages again."""

    phone: Annotated[str, msgspec.Meta(min_length=1, max_length=16)]
    blocked: bool

    def __repr__(self) -> str:
        """Show no number."""
        return f"<Block {self.blocked}>"


class FindBlocks(msgspec.Struct, array_like=True, frozen=True):
    """Parameters of the request `blocks`: whom has this account blocked? The answer is `Blocks`."""


class Report(msgspec.Struct, array_like=True, frozen=True):
    """Parameters of the request `report`: this message, which was delivered to this account, is unwanted."""

    account: Number
    device: Number
    out_no: Number


class NameDevice(msgspec.Struct, array_like=True, frozen=True):
    """Parameters of the request `name_device`: what a device of this account is called from now on."""

    device: Number
    name: DeviceName

    def __repr__(self) -> str:
        """Show no name."""
        return f"<NameDevice {self.device}>"


class FindDeviceNames(msgspec.Struct, array_like=True, frozen=True):
    """Parameters of the request `device_names`: what are this account's devices called? The answer is `DeviceNames`."""


class FindProtection(msgspec.Struct, array_like=True, frozen=True):
    """Parameters of the request `protection`: what protects this account's number? The answer is `ProtectionInfo`."""


class DeleteAccount(msgspec.Struct, array_like=True, frozen=True):
    """Parameters of the request `delete_account`: it is answered by `Refused(account_gone)`."""


class RegisterPush(msgspec.Struct, array_like=True, frozen=True):
    """Parameters of the request `push`: wake this device by this token while it is away; empty ones: do not."""

    kind: Annotated[str, msgspec.Meta(max_length=16)]
    token: Annotated[str, msgspec.Meta(max_length=PUSH_TOKEN_CHARS_MAX)]

    def __repr__(self) -> str:
        """Show no token."""
        return f"<RegisterPush {self.kind}>"

    def __post_init__(self) -> None:
        """Refuse what no gateway would take."""
        looks = PUSH_TOKENS.get(self.kind)
        if looks is None and (self.kind or self.token):
            raise ValueError(f"there is no push of the kind {self.kind!r}; there are {', '.join(PUSH_TOKENS)}")
        if len(self.token) > PUSH_TOKEN_CHARS_MAX:
            raise ValueError(f"the token has {len(self.token)} characters, at most {PUSH_TOKEN_CHARS_MAX} are taken")
        if looks is not None and not looks.fullmatch(self.token):
            raise ValueError(f"this is no token of {self.kind}: it looks like {looks.pattern}")


Order = SetPin | SetTotp | Block | Report | NameDevice | DeleteAccount | FindBlocks | FindDeviceNames | FindProtection
"""What a user wants of the server at once, and hears whether it is done."""

Question = FindPhone | FindAccount | FindDevice | FindBundle | Publish | AddDevice | RegisterPush | Order
"""What can be asked."""

METHODS: Final[dict[type, str]] = {
    FindPhone: "phone",
    FindAccount: "account",
    FindDevice: "device",
    FindBundle: "bundle",
    Publish: "publish",
    AddDevice: "add_device",
    SetPin: "pin",
    SetTotp: "totp",
    Block: "block",
    FindBlocks: "blocks",
    Report: "report",
    NameDevice: "name_device",
    FindDeviceNames: "device_names",
    FindProtection: "protection",
    DeleteAccount: "delete_account",
    RegisterPush: "push",
}
"""The name of the request for each question."""


class AccountInfo(msgspec.Struct, array_like=True, frozen=True):
    """The answer to `phone`, `account` and `device`."""

    account: Number
    phone: Annotated[str, msgspec.Meta(max_length=16)]
    devices: Annotated[bytes, msgspec.Meta(max_length=DEVICE_LIST_BYTES_MAX)]
    """The account's signed device list; empty while its device has not published one."""
    certificate: Annotated[bytes, msgspec.Meta(max_length=DEVICE_LIST_BYTES_MAX)] = b""
    """For `device`: the last certificate that was published for it; empty if there was none yet."""
    removed: bool = False
    """For `device`: whether it is out of use."""

    def __repr__(self) -> str:
        """Show no number."""
        return f"<AccountInfo {self.account}>"


class Bundle(msgspec.Struct, array_like=True, frozen=True):
    """The answer to `bundle`: as published, each one-time prekey for one asker only; empty where none is left."""

    signed: Annotated[bytes, msgspec.Meta(max_length=SIGNED_BUNDLE_BYTES_MAX)]
    one_time: Annotated[bytes, msgspec.Meta(max_length=PREKEY_BYTES_MAX)] = b""
    one_time_kem: Annotated[bytes, msgspec.Meta(max_length=PREKEY_BYTES_MAX)] = b""


class Added(msgspec.Struct, array_like=True, frozen=True):
    """The answer to `add_device`."""

    device: Number


class Limited(msgspec.Struct, array_like=True, frozen=True):
    """What comes with the error `rate_limited`: which limit is used up, and when asking again makes sense."""

    limit: Name
    wait_ms: Number


class DeviceNames(msgspec.Struct, array_like=True, frozen=True):
    """The answer to `device_names`: those that have one."""

    names: Annotated[tuple[tuple[Number, DeviceName], ...], msgspec.Meta(max_length=DEVICES_MAX)]

    def __repr__(self) -> str:
        """Show no names."""
        return f"<DeviceNames of {len(self.names)}>"


class ProtectionInfo(msgspec.Struct, array_like=True, frozen=True):
    """The answer to `protection`: whether there is a PIN, and whether there are one-time passwords."""

    pin: bool
    totp: bool


class Blocks(msgspec.Struct, array_like=True, frozen=True):
    """The answer to `blocks`."""

    phones: Annotated[tuple[Annotated[str, msgspec.Meta(max_length=16)], ...], msgspec.Meta(max_length=1_000)]

    def __repr__(self) -> str:
        """Show no numbers."""
        return f"<Blocks of {len(self.phones)}>"
