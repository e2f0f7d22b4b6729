"""A server in a process of its own, on one CPU: `python -m benchmarks.server_process onebar|echo CPU DATA`.

It prints its port, and ends when its standard input does, so that it never outlives the bench.
"""

import asyncio
import contextlib
import gc
import os
import resource
import signal
import sys
import threading
from pathlib import Path
from typing import Final, cast

import uvloop
from websockets.frames import Frame
from websockets.http11 import Request
from websockets.server import ServerProtocol

from onebar_mockserver.app import Backend, listen
from onebar_mockserver.limits import RATES, ServerLimits

FAST: Final = {name: rate._replace(refill_s=rate.refill_s / 1e6) for name, rate in RATES.items()}
"""Every bucket is used, and none is ever empty: a pair of the bench says thousands of messages a second."""


class Echo(asyncio.Protocol):
    """The floor: websockets' Sans-I/O core on a bare transport, and nothing but an echo."""

    def __init__(self) -> None:
        self._websocket = ServerProtocol(max_size=1 << 18)
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Accept the upgrade, send every message back."""
        self._websocket.receive_data(data)
        for event in self._websocket.events_received():
            if isinstance(event, Request):
                self._websocket.send_response(self._websocket.accept(event))
            elif isinstance(event, Frame):
                self._websocket.send_binary(event.data)
        if said := self._websocket.data_to_send():
            self._transport.write(b"".join(said))


async def serve(kind: str, data: Path) -> None:
    """Serve until SIGTERM."""
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    if kind == "echo":
        server = await asyncio.get_running_loop().create_server(Echo, sock=listener)
        print(port, flush=True)
        await stop.wait()
        server.close()
        return
    backend = Backend(data, limits=ServerLimits(rates=FAST))
    await backend.start(listener)
    gc.collect()
    print(port, flush=True)
    await stop.wait()
    await backend.stop()


def end_with_standard_input() -> None:
    """Wait for the end of standard input, and then do what SIGTERM does."""
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Run the server that the arguments name."""
    kind, cpu, data = sys.argv[1:]
    if cpu:
        os.sched_setaffinity(0, {int(cpu)})
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    threading.Thread(target=end_with_standard_input, daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(kind, Path(data)))


if __name__ == "__main__":
    main()
