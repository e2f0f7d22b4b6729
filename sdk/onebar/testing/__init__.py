"""Bad networks for tests: one vocabulary for a simulator, a proxy, an app and a load test."""

from onebar.testing.forecast import WeatherEvent
from onebar.testing.profiles import PROFILES, NetworkProfile, profile
from onebar.testing.proxy import WeakNetwork
from onebar.testing.timeline import Timeline
from onebar.testing.traces import Trace, load_trace, synthetic_trace
from onebar.testing.weather import Flow, Weather

__all__ = [
    "PROFILES",
    "Flow",
    "NetworkProfile",
    "Timeline",
    "Trace",
    "WeakNetwork",
    "Weather",
    "WeatherEvent",
    "load_trace",
    "profile",
    "synthetic_trace",
]
