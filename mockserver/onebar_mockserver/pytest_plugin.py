"""pytest fixtures for apps that use Onebar: a backend, weak networks in front of it, and registered phones.

    async def test_a_text_arrives_after_the_tunnel(onebar_network, onebar_phone):
        network = await onebar_network("tunnel")
        alice = await onebar_phone("+12025550101", network)
        bob = await onebar_phone("+12025550102")
        message = await alice.chat(bob.phone).send("on my way")
        network.blackout(1)
        await message.delivered(timeout_s=30)

pytest loads it by itself where `onebar[mockserver]` is installed. Async tests need a plugin that runs them: either
pytest-asyncio (in any mode) or anyio's with its asyncio backend; neither is forced. What a test makes is closed after
it.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import pytest

if TYPE_CHECKING:  # every pytest run of an app loads this module: what is heavy is imported on first use
    from onebar import Client
    from onebar.config import Config
    from onebar.testing import NetworkProfile, WeakNetwork, WeatherEvent
    from onebar_mockserver.mock import MockServer

PLAIN_STAGE: Final = "_onebar_stage"
"""The one async fixture, as anyio runs it."""

ASYNCIO_STAGE: Final = "_onebar_stage_of_pytest_asyncio"
"""The same for pytest-asyncio, whose strict mode wants a decorator of its own."""


class Stage:
    """A started backend, and what has to be closed before it."""

    def __init__(self, server: "MockServer", folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.open = AsyncExitStack()
        self.phones = 0


class MakeNetwork(Protocol):
    """What `onebar_network` is."""

    async def __call__(
        self, profile: "NetworkProfile | str" = "perfect", *, seed: int = 0, scripted: "Iterable[WeatherEvent]" = ()
    ) -> "WeakNetwork":
        """Start a network in front of the backend.

        Args:
            profile: What it is like: a profile, or the name of one in `onebar.testing.PROFILES`.
            seed: The same seed draws the same weather.
            scripted: What happens besides, such as a `Timeline`; its seconds count from now.

        Raises:
            ValueError: There is no profile of this name.
        """


class MakePhone(Protocol):
    """What `onebar_phone` is."""

    async def __call__(
        self, number: str, network: "WeakNetwork | None" = None, *, config: "Config | None" = None
    ) -> "Client":
        """Make a phone: a client with an account, open, and connecting.

        Args:
            number: Its phone number, E.164; the same number again is another device of the account, which replaces it.
            network: What lies between it and the backend; None is nothing. Registering does not go through it, so
                that a slow network does not cost a test its time.
            config: Settings; None is the SDK's own.

        Raises:
            InputError: The number is not in E.164.
            RegistrationError: The backend refuses the number.
        """


async def _stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """Run a backend during a test, with its data in the test's own folder."""
    from onebar_mockserver.mock import MockServer

    async with MockServer(tmp_path / "onebar-server") as server:
        stage = Stage(server, tmp_path)
        async with stage.open:
            yield stage


_onebar_stage = pytest.fixture(_stage, name=PLAIN_STAGE)

try:
    import pytest_asyncio
except ImportError:
    pass
else:

    @pytest_asyncio.fixture(name=ASYNCIO_STAGE)
    async def _onebar_stage_of_pytest_asyncio(tmp_path: Path) -> AsyncIterator[Stage]:
        async for stage in _stage(tmp_path):
            yield stage


@pytest.fixture
def onebar_stage(request: pytest.FixtureRequest) -> Stage:
    """Return the test's backend, run by the plugin that runs the test."""
    by_anyio = "anyio_backend" in request.fixturenames
    if not by_anyio and not request.config.pluginmanager.hasplugin("asyncio"):
        pytest.fail("install pytest-asyncio, or mark the test with pytest.mark.anyio: nothing runs it", pytrace=False)
    stage = request.getfixturevalue(PLAIN_STAGE if by_anyio else ASYNCIO_STAGE)
    assert isinstance(stage, Stage)
    return stage


@pytest.fixture
def onebar_server(onebar_stage: Stage) -> "MockServer":
    """A backend on loopback, started in milliseconds: `url`, `sms(phone)`, `faults`, `restart()`, `drop_links()`."""
    return onebar_stage.server


@pytest.fixture
def onebar_network(onebar_stage: Stage) -> MakeNetwork:
    """Weak networks in front of the backend, as many as a test needs: await it with a profile or the name of one."""

    async def make(
        profile: "NetworkProfile | str" = "perfect", *, seed: int = 0, scripted: "Iterable[WeatherEvent]" = ()
    ) -> "WeakNetwork":
        from onebar import testing

        named = testing.profile(profile) if isinstance(profile, str) else profile
        network = testing.WeakNetwork(named, ("127.0.0.1", onebar_stage.server.port), seed=seed, scripted=scripted)
        return await onebar_stage.open.enter_async_context(network)

    return make


@pytest.fixture
def onebar_phone(onebar_stage: Stage) -> MakePhone:
    """Clients with an account, behind a network or none: await it with a number, and the network if there is one."""

    async def make(number: str, network: "WeakNetwork | None" = None, *, config: "Config | None" = None) -> "Client":
        from onebar import Client, Config

        onebar_stage.phones += 1
        database = onebar_stage.folder / f"onebar-phone-{onebar_stage.phones}.db"
        server, settings = onebar_stage.server, config or Config()
        async with Client.open(database, server=server.url, config=settings) as client:
            await client.register(number, code=lambda: server.sms(number))
        url = server.url if network is None else f"http://{network.host}:{network.port}"
        return await onebar_stage.open.enter_async_context(Client.open(database, server=url, config=settings))

    return make
