"""Bad networks for tests: one vocabulary for a simulator, a proxy, a network of packets, an app and a load test."""

from onebar.testing.forecast import WeatherEvent
from onebar.testing.packet_network import PacketNetwork
from onebar.testing.profiles import PROFILES, NetworkProfile, profile
from onebar.testing.proxy import WeakNetwork
from onebar.testing.timeline import Timeline
from onebar.testing.traces import Trace, load_trace, synthetic_trace
from onebar.testing.weather import Flow, Weather

__all__ = [
    "PROFILES",
    "Flow",
    "NetworkProfile",
    "PacketNetwork",
    "Timeline",
    "Trace",
    "WeakNetwork",
    "Weather",
    "WeatherEvent",
    "load_trace",
    "profile",
    "synthetic_trace",
]
