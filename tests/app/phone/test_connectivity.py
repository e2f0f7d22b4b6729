"""What the phone says of its network becomes a hint."""

from types import SimpleNamespace

import pytest

from onebar_app.phone import connectivity
from onebar_app.phone.connectivity import look, name_of, tell
from tests.app.phone.java import activity


class Client:
    def __init__(self) -> None:
        self.told: list[tuple[str | None, bool | None]] = []

    def network_changed(self, network: str | None = "", *, metered: bool | None = None) -> None:
        self.told.append((network, metered))


def test_networks_and_none_are_told() -> None:
    client = Client()
    tell(client, ("wifi", 42, False))
    tell(client, None)
    assert client.told == [(name_of("wifi", 42), False), (None, None)]
    assert name_of("wifi", 42) != name_of("wifi", 43)


@pytest.mark.parametrize(
    ("able", "found"),
    [
        (None, None),
        (SimpleNamespace(hasTransport=lambda n: n == 1, hasCapability=lambda n: n == 11), ("wifi", 5, False)),
        (SimpleNamespace(hasTransport=lambda n: n == 0, hasCapability=lambda _: False), ("cellular", 5, True)),
        (SimpleNamespace(hasTransport=lambda _: False, hasCapability=lambda _: False), ("other", 5, True)),
    ],
)
def test_android_is_asked(monkeypatch: pytest.MonkeyPatch, able: object, found: tuple[str, int, bool] | None) -> None:
    network = SimpleNamespace(getNetworkHandle=lambda: 5)
    service = SimpleNamespace(getActiveNetwork=lambda: network, getNetworkCapabilities=lambda _: able)
    monkeypatch.setattr(connectivity, "activity", lambda: activity(connectivity=service))
    monkeypatch.setattr(connectivity, "java", lambda _: SimpleNamespace(CONNECTIVITY_SERVICE="connectivity"))
    assert look() == found
