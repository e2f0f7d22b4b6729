import pytest

from onebar.crypto.keys import SEED_BYTES, DeviceKeys
from onebar.drivers.address import parse_address
from onebar_loadtest import registering
from onebar_loadtest.registering import RegisteringError, Registrar
from onebar_mockserver import MockServer

KEYS = DeviceKeys(bytes(SEED_BYTES), bytes(SEED_BYTES)).public()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registering, "PAUSE_S", 0.01)


async def test_a_device_is_registered_and_asking_again_gives_the_same(server: MockServer) -> None:
    registrar = Registrar(parse_address(server.url))
    first = await registrar.register("+12025550101", KEYS)
    assert first == await registrar.register("+12025550101", KEYS)
    registrar.close()


@pytest.mark.usefixtures("quick")
async def test_a_server_that_puts_it_off_is_asked_again(server: MockServer) -> None:
    registrar = Registrar(parse_address(server.url))
    server.faults.refuse(3)
    account, device = await registrar.register("+12025550101", KEYS)
    assert account > 0
    assert device > 0
    registrar.close()


async def test_a_refusal_is_told_without_the_number(server: MockServer) -> None:
    registrar = Registrar(parse_address(server.url), code="000000")
    with pytest.raises(RegisteringError, match="POST /v1/devices: HTTP 403") as told:
        await registrar.register("+12025550101", KEYS)
    assert "2025550101" not in str(told.value)
    registrar.close()


@pytest.mark.usefixtures("quick")
async def test_no_server_is_told_after_all_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registering, "TRIES", 2)
    registrar = Registrar(parse_address("http://127.0.0.1:1"))
    with pytest.raises(RegisteringError, match="ConnectionRefusedError"):
        await registrar.register("+12025550101", KEYS)
    registrar.close()
