"""Settings of one device."""

import re
from dataclasses import dataclass
from typing import Final

from onebar.errors import InputError

SHOWN_MAX: Final = 8
"""Most formats that a device announces: each takes up to 40 bytes of a message to every contact's device."""

_MEDIA_TYPE: Final = re.compile(r"[a-z]+/[a-z0-9.+-]{1,30}")


@dataclass(frozen=True, slots=True)
class Config:
    """How a device behaves; the defaults suit a phone in someone's hand."""

    host: str = ""
    """The server's host and port as in the Host header, signed into every connection (docs/protocol.md §3).
    `Client.open` takes it from `server`."""
    window: int = 64
    """Most envelopes without a verdict at once; the server may announce less."""
    backoff_s_min: float = 0.5
    """The first retry comes after a random part of this time."""
    backoff_s_max: float = 30.0
    """No retry pause is longer (DESIGN D8)."""
    welcome_timeout_s: float = 15.0
    """A dial without a Welcome after this time is given up: a TCP SYN lost three times takes 7 s."""
    answer_timeout_s: float = 30.0
    """A link that owes an answer and is silent for longer is given up; long before, another is dialed beside it."""
    attentive_s: tuple[float, ...] = (3.0, 6.0, 12.0)
    """Idle times after which a link is probed first, while somebody looks at the app: in a conversation the other side
    may have written, and a link that died without a word would not tell. The radio is awake for these seconds anyway
    (10 s on LTE), so that they cost it nothing."""
    keepalive_s: float = 30.0
    """An idle link is probed after this time on a network that is not known yet."""
    keepalive_s_max: float = 900.0
    """No link is idle for longer; what a network allows is learned (core.keepalive)."""
    one_time_prekeys: int = 100
    """One-time prekeys that the device keeps at the server: a busy month's new contacts, 3.8 kB."""
    download_bytes_max: int = 64 * 1024 * 1024
    """Longest file that is fetched by itself, on networks that are not metered: all but the longest videos. 0: none."""
    download_bytes_max_metered: int = 1024 * 1024
    """The same on metered ones (`Client.network_changed`): photos and voice notes."""
    ask_again_s: float = 60.0
    """Pause before an envelope that did not open is asked for once more (R11)."""
    shows: tuple[str, ...] | None = None
    """Formats of pictures beyond JPEG that this app can show, such as `("image/avif",)`: announced, encrypted, to the
    devices of those one writes to, who then send a fifth fewer bytes. At most `SHOWN_MAX`. None: as before."""

    def __post_init__(self) -> None:
        """Look at what is announced.

        Raises:
            InputError: `shows` has more than `SHOWN_MAX` entries, or one that is no media type.
        """
        shows = self.shows or ()
        if len(shows) > SHOWN_MAX or not all(_MEDIA_TYPE.fullmatch(one) for one in shows):
            raise InputError(
                f"Config.shows: at most SHOWN_MAX = {SHOWN_MAX} media types like image/avif, not {shows!r}"
            )
