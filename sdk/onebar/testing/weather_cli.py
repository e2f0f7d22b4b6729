"""`onebar-weather`: a bad network in front of any TCP server, in a terminal."""

import argparse
import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Final

from onebar.testing.profiles import CHANCES, PROFILES, NetworkProfile, profile
from onebar.testing.proxy import Figures, WeakNetwork
from onebar.testing.timeline import STEPS, Timeline
from onebar.testing.traces import load_trace

REDRAW_S: Final = 0.5
"""Pause between two looks on a terminal."""

LINE_S: Final = 2.0
"""Pause between two plain lines: a log is read later."""

TIMES: Final = tuple(field.name for field in fields(NetworkProfile) if field.name.endswith("_s"))
"""The fields of a profile that are times in seconds."""

_EPILOG: Final = f"""\
a script is what happens beside what the profile leaves to chance, in seconds from the start:
  {STEPS}
  for example: --script "wait 10, blackout 30, handover"

exit codes: 0 stopped by Ctrl-C or SIGTERM; 1 the address cannot be listened on; 2 the command line is not valid
"""


@dataclass(frozen=True, slots=True)
class Look:
    """What a network carried up to a moment."""

    at_s: float
    up_bytes: int
    down_bytes: int


def main(argv: Sequence[str] | None = None) -> int:
    """Run the proxy until it is told to stop; return the process's exit code."""
    options = _options(argv)
    if options.list:
        for each in PROFILES.values():
            _say(describe(each))
        return 0
    try:
        asyncio.run(_serve(options))
    except OSError as error:
        host, port = options.listen
        sys.stderr.write(f"onebar-weather: cannot listen on {host}:{port}: {error.strerror or error}\n")
        return 1
    return 0


def describe(what: NetworkProfile) -> str:
    """Say in one line what a profile does."""
    rates = [
        f"{word} {trace.name if trace else f'{kbps:g} kbit/s' if kbps else 'unlimited'}"
        for word, kbps, trace in (
            ("up", what.up_kbps, what.up_trace),
            ("down", what.down_kbps, what.down_trace),
        )
    ]
    more = [f"{_words(field)} {getattr(what, field):g} s" for field in TIMES if getattr(what, field)]
    more += [f"{_words(field)} {getattr(what, field):.1%}" for field in sorted(CHANCES) if getattr(what, field)]
    more += ["captive portal"] if what.captive_portal else []
    return ", ".join([f"{what.name}: {rates[0]}", rates[1], f"round trip {what.round_trip_s * 1000:.0f} ms", *more])


def _words(field: str) -> str:
    return field.removesuffix("_s").replace("_", " ")


def line_of(network: WeakNetwork, before: Look, now: Look) -> str:
    """Say in one line how a network is doing, with the rates since the look before."""
    figures: Figures = network.figures
    took_s = max(now.at_s - before.at_s, 0.001)
    up_kbps = (now.up_bytes - before.up_bytes) * 8 / 1000 / took_s
    down_kbps = (now.down_bytes - before.down_bytes) * 8 / 1000 / took_s
    sky = "no signal" if network.weather.dark(now.at_s) else "signal"
    return (
        f"{now.at_s:6.1f} s  {network.profile.name}, {sky}: {network.open_connections} open of {figures.connections}, "
        f"up {up_kbps:.0f} kbit/s ({now.up_bytes} B), down {down_kbps:.0f} kbit/s ({now.down_bytes} B), "
        f"{figures.refused} refused, {figures.resets} reset, {figures.silenced} silent"
    )


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="onebar-weather",
        description="A bad network between any TCP client and server.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--profile", type=_named, default="lte", metavar="NAME", help="which network (default: lte)")
    parser.add_argument("--list", action="store_true", help="list the networks and stop")
    parser.add_argument("--listen", type=_address, default=("127.0.0.1", 0), metavar="HOST:PORT")
    parser.add_argument("--to", type=_address, metavar="HOST:PORT", help="the server")
    parser.add_argument("--seed", type=int, default=0, help="what chance draws (default: %(default)s)")
    parser.add_argument("--script", type=_script, default=Timeline(), metavar="STEPS", help="see below")
    parser.add_argument("--up-trace", type=Path, metavar="FILE", help="rate to the server, a mahimahi trace")
    parser.add_argument("--down-trace", type=Path, metavar="FILE", help="rate from the server, a mahimahi trace")
    options = parser.parse_args(argv)
    if options.to is None and not options.list:
        parser.error("--to HOST:PORT is missing: where is the server?")
    try:
        for way in ("up", "down"):
            if path := getattr(options, f"{way}_trace"):
                traced = {f"{way}_kbps": None, f"{way}_trace": load_trace(path)}
                options.profile = replace(options.profile, **traced)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    return options


def _named(name: str) -> NetworkProfile:
    try:
        return profile(name)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _script(text: str) -> Timeline:
    try:
        return Timeline.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no HOST:PORT, as in 127.0.0.1:8080")
    return host.strip("[]"), int(port)


async def _serve(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    network = WeakNetwork(
        options.profile, options.to, seed=options.seed, scripted=options.script, listen=options.listen
    )
    async with network:
        _say(f"onebar-weather: {describe(network.profile)}")
        _say(f"onebar-weather: listening on {network.host}:{network.port}, to {options.to[0]}:{options.to[1]}")
        async with _display() as (show, pause_s):
            before = _look(network)
            while not stop.is_set():
                await _wait(stop, pause_s)
                now = _look(network)
                show(line_of(network, before, now))
                before = now


def _look(network: WeakNetwork) -> Look:
    return Look(network.now_s(), network.figures.up_bytes, network.figures.down_bytes)


async def _wait(stop: asyncio.Event, pause_s: float) -> None:
    try:
        async with asyncio.timeout(pause_s):
            await stop.wait()
    except TimeoutError:
        return


@asynccontextmanager
async def _display() -> AsyncIterator[tuple[Callable[[str], None], float]]:
    """Give what shows a line, and how often: one that changes on a terminal with rich, else one after the other."""
    try:
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text
    except ImportError:
        yield _say, LINE_S
        return
    console = Console()
    if not console.is_terminal:
        yield _say, LINE_S
        return
    with Live(console=console, auto_refresh=False) as live:
        yield lambda line: live.update(Text(line), refresh=True), REDRAW_S


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
