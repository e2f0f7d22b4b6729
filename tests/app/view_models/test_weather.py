"""The drawer switches the network and reads the figures."""

import pytest

from onebar.testing import WeakNetwork, profile
from onebar_app.view_models.session import Session
from onebar_app.view_models.weather import Weather
from onebar_mockserver import MockServer


async def test_the_weather_is_switched_live(session: Session, onebar_server: MockServer) -> None:
    async with WeakNetwork(profile("perfect"), ("127.0.0.1", onebar_server.port)) as network:
        weather = Weather(network)
        assert "tunnel" in weather.names
        weather.choose("edge")
        assert network.profile == profile("edge")
        weather.tunnel(5)
        weather.reset()
        gauges = {gauge.name: gauge.value for gauge in await weather.look(session)}
        assert gauges["outbox"] == "0"
        assert gauges["dark for"] in {"5 s", "4 s"}
        assert weather.url.endswith(str(network.port))
        with pytest.raises(ValueError, match="nowhere"):
            weather.choose("nowhere")
