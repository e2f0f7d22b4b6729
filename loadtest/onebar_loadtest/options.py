"""The run's settings on Locust's command line and in its web page."""

import argparse
from dataclasses import fields
from typing import Any, Final

from onebar_loadtest.settings import REPLAY, Settings
from onebar_loadtest.shapes import SHAPES
from onebar_loadtest.weather import MIXES
from onebar_loadtest.workloads import WORKLOADS

DEFAULTS: Final = Settings()
"""What is not given."""

RUN_S: Final = 300.0
"""Length of a run that is given none: shapes and reports go by it."""


def add(parser: Any) -> None:
    """Add the options to Locust's parser."""
    group = parser.add_argument_group("Onebar", "What the phones do, and on which network.")
    say = group.add_argument
    say(
        "--weather",
        default=DEFAULTS.weather,
        help=f"a mix like '30%% lte, 70%% edge', a profile, or {', '.join(MIXES)}",
    )
    workloads = ", ".join([*WORKLOADS, REPLAY])
    say("--workload", default=DEFAULTS.workload, help=f"what people do: {workloads}, or a mix")
    say("--shape", default=DEFAULTS.shape, choices=list(SHAPES), help="what happens to all phones at once")
    say("--every", type=float, default=DEFAULTS.every_s, help="mean seconds between two texts of a phone")
    say("--readers", type=float, default=DEFAULTS.readers, help="share of the people who read what comes in, 0 to 1")
    say("--photos", type=float, default=DEFAULTS.photos, help="share of what people say that brings a photo, 0 to 1")
    say("--proxied", type=float, default=DEFAULTS.proxied, help="share of the phones behind the TCP proxy, 0 to 1")
    say("--crowd", type=float, default=DEFAULTS.crowd, help="messages a second of light devices beside the phones")
    say(
        "--settle",
        type=float,
        default=DEFAULTS.settle_s,
        help="seconds without an arrival until the rest is lost",
    )
    say("--speed", type=float, default=DEFAULTS.speed, help="how many times as fast a log is played as it was")
    say("--log", default=DEFAULTS.log, help="CSV of author, reader, time to replay instead of CollegeMsg")
    say("--no-kem", action="store_true", help="leave ML-KEM out of the phones' handshakes")
    say("--code", default=DEFAULTS.code, help="registration code that the server takes; else /dev/sms is asked")
    say("--seed", type=int, default=DEFAULTS.seed, help="draws weather and scripts")
    say("--rogues", default="", help="misbehaving phones beside the others, such as '3 flooding, 2 deaf'")
    say("--thresholds", default="", help="limits to judge by, as a TOML file (default: those that come with it)")
    say("--report", default="build/reports", help="folder for loadtest.json and loadtest.html")
    say("--metrics-port", type=int, default=0, help="port for Prometheus while the run lasts; 0 for none")
    say("--backend", action="store_true", help="start a backend for the run, instead of --host")
    say("--backend-cpu", type=int, default=-1, help="CPU on which alone that backend runs; -1 for any")


def settings(options: argparse.Namespace) -> Settings:
    """Return the settings of a command line that has the options of `add`."""
    return Settings(
        weather=options.weather,
        workload=options.workload,
        shape=options.shape,
        every_s=options.every,
        readers=options.readers,
        photos=options.photos,
        proxied=options.proxied,
        run_s=float(getattr(options, "run_s", None) or options.run_time or RUN_S),
        crowd=options.crowd,
        settle_s=options.settle,
        speed=options.speed,
        log=options.log,
        kem=not options.no_kem,
        code=options.code,
        seed=options.seed,
    )


def shown(chosen: Settings) -> dict[str, object]:
    """Return settings for a report."""
    return {field.name: getattr(chosen, field.name) for field in fields(chosen)}
