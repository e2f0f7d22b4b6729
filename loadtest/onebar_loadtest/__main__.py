"""`make loadtest`: starts Locust with a backend of its own and one command line's worth of settings."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from onebar_loadtest.fleet import INTRODUCTIONS_S

SPAWN_RATE: Final = 50
"""Phones a second at the start: making and registering one takes about 13 ms of CPU."""

READY_S: Final = 10
"""What the last phones take to be online, beyond the start of all, and to get the last introductions."""

LOCUSTFILE: Final = Path(__file__).resolve().parent.parent / "locustfile.py"
"""What Locust runs."""

PASSED_ON: Final = {
    "WEATHER": "--weather",
    "WORKLOAD": "--workload",
    "SHAPE": "--shape",
    "EVERY": "--every",
    "READERS": "--readers",
    "PHOTOS": "--photos",
    "PROXIED": "--proxied",
    "CROWD": "--crowd",
    "SETTLE": "--settle",
    "SPEED": "--speed",
    "LOG": "--log",
    "SEED": "--seed",
    "ROGUES": "--rogues",
    "THRESHOLDS": "--thresholds",
    "METRICS_PORT": "--metrics-port",
    "BACKEND_CPU": "--backend-cpu",
    "PROCESSES": "--processes",
}
"""Variables of `make loadtest` and the options they become."""

CURVED: Final = frozenset({"commute", "ramp"})
"""Shapes whose phones come all the time: nobody waits for the last one at the start."""


def command(variables: dict[str, str]) -> list[str]:
    """Return Locust's command line.

    Raises:
        ValueError: A variable is no number where it must be.
    """
    phones, minutes = int(variables.get("PHONES") or 500), float(variables.get("MINUTES") or 2)
    curved = variables.get("SHAPE", "") in CURVED
    start_s = 0 if curved else phones / SPAWN_RATE + phones / INTRODUCTIONS_S + READY_S
    where = ["--host", variables["HOST"]] if variables.get("HOST") else ["--backend"]
    options = [word for name, option in PASSED_ON.items() if variables.get(name) for word in (option, variables[name])]
    locust = shutil.which("locust", path=str(Path(sys.executable).parent)) or "locust"
    return [
        *(locust, "-f", str(LOCUSTFILE), "--headless", "--only-summary", "--loglevel", "WARNING"),
        *("-u", str(phones), "-r", str(SPAWN_RATE), "-t", f"{round(start_s + minutes * 60)}s"),
        *where,
        *options,
    ]


def main() -> int:
    """Run Locust; return its exit code."""
    try:
        line = command(dict(os.environ))
    except ValueError as error:
        sys.stderr.write(f"loadtest: PHONES and MINUTES are numbers ({error})\n")
        return 2
    environment = {**os.environ, "LOCUST_SKIP_MONKEY_PATCH": "1"}
    return subprocess.run(line, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
