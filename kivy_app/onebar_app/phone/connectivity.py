"""Tells the SDK when the phone has another network, from any thread."""

import hashlib
from collections.abc import Callable
from typing import Any, Final, Protocol

from onebar_app.phone.android import activity, java

_NOT_METERED: Final = 11  # NetworkCapabilities.NET_CAPABILITY_NOT_METERED
_TRANSPORTS: Final = {0: "cellular", 1: "wifi", 3: "ethernet", 4: "vpn"}


class HintTaker(Protocol):
    """The part of `onebar.Client` that takes hints."""

    def network_changed(self, network: str | None = "", *, metered: bool | None = None) -> None:
        """Say that the phone has another network, or none."""


def name_of(transport: str, handle: int) -> str:
    """Return a name for a network that is the same while it lasts and tells nothing to who reads the database."""
    return f"{transport}-{hashlib.sha256(str(handle).encode()).hexdigest()[:16]}"


def tell(client: HintTaker, found: tuple[str, int, bool] | None) -> None:
    """Pass on what the phone says.

    Args:
        client: Who is told.
        found: Transport, the network's handle, whether it is metered; None: there is no network.
    """
    if found is None:
        client.network_changed(None)
    else:
        transport, handle, metered = found
        client.network_changed(name_of(transport, handle), metered=metered)


def look() -> tuple[str, int, bool] | None:
    """Ask Android which network is the default one."""
    service = activity().getSystemService(java("android.content.Context").CONNECTIVITY_SERVICE)
    network = service.getActiveNetwork()
    able: Any = None if network is None else service.getNetworkCapabilities(network)
    if able is None:
        return None
    transport = next((name for number, name in _TRANSPORTS.items() if able.hasTransport(number)), "other")
    return transport, network.getNetworkHandle(), not able.hasCapability(_NOT_METERED)


def follow(client: HintTaker) -> Callable[[], None]:
    """Follow the phone's networks from now on; what is returned ends it.

    Broadcasts are enough: `ConnectivityManager.NetworkCallback` is a class, which pyjnius cannot extend.
    """
    from android.broadcast import BroadcastReceiver

    receiver = BroadcastReceiver(lambda *_: tell(client, look()), actions=["android.net.conn.CONNECTIVITY_CHANGE"])
    receiver.start()
    tell(client, look())
    return lambda: receiver.stop()
