"""Start the app: `python -m onebar_app --server https://chat.example.org`."""

import argparse
import asyncio
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from onebar import Client, Config, Tls
from onebar.testing import WeakNetwork, profile
from onebar_app.view_models.pictures import shown_formats
from onebar_app.view_models.settings import Settings
from onebar_app.view_models.weather import Weather


def arguments() -> argparse.ArgumentParser:
    """Return what can be said on the command line."""
    parser = argparse.ArgumentParser(prog="onebar-app", description="The Onebar messenger.")
    parser.add_argument("--server", required=True, help="https://host, or http://host:port for development")
    parser.add_argument(
        "--database", type=Path, default=Path.home() / ".onebar" / "onebar.db", help="this device's file"
    )
    parser.add_argument("--ca", type=Path, help="a certificate authority of your own (PEM)")
    parser.add_argument("--title", default="Onebar", help="of the window")
    parser.add_argument("--left", type=int, help="how far from the screen's left edge, in pixels; else in its middle")
    parser.add_argument("--developer", action="store_true", help="with the drawer that switches the network's weather")
    return parser


async def run(options: argparse.Namespace) -> None:
    """Open the client and show it until the window is closed."""
    from onebar_app.ui import window

    window.prepare(left=options.left)
    from onebar_app.ui.app import OnebarApp, Phone, system_language

    database: Path = options.database
    database.parent.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        server, weather = options.server, None
        if options.developer:
            host, _, port = server.removeprefix("http://").partition(":")
            network = await stack.enter_async_context(WeakNetwork(profile("perfect"), (host, int(port or 80))))
            weather = Weather(network)
            server = weather.url
        tls = Tls(ca_file=options.ca) if options.ca else None
        config = Config(shows=shown_formats())
        client = await stack.enter_async_context(Client.open(database, server=server, config=config, tls=tls))
        settings = Settings(database.with_suffix(".settings.json"), system_language())
        app = OnebarApp(Phone(client, database, settings, weather))
        app.title = options.title
        try:
            await app.async_run("asyncio")
        finally:
            await app.finish()


def main() -> None:
    """Run the app."""
    with suppress(KeyboardInterrupt):
        asyncio.run(run(arguments().parse_args()))


if __name__ == "__main__":
    main()
