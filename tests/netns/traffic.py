"""Traffic from inside a namespace, in a process of its own, so that the emulator has a core to itself.

    serve ADDRESS                       echo, swallow or fill, until its standard input ends
    ping ADDRESS COUNT PAUSE_S          ICMP round trips in ms, null for each one lost
    echo ADDRESS CONNECTIONS TIMES      200 bytes there and back, many connections at once
    fill ADDRESS LASTS_S                bytes per second from a server that sends as much as goes

Each prints one line of JSON.
"""

import asyncio
import json
import os
import socket
import struct
import sys
import threading
import time
from typing import Any, Final

from benchmarks.weather import echo, serving

from onebar.testing.segments import checksum

PORT: Final = 7000
"""Where the server listens."""

PATIENCE_S: Final = 2.0
"""How long an answer to a ping may take: twice the longest queue of the networks that are pinged."""

CONNECT_S: Final = 60.0
"""How long a dial may take: five lost SYNs are 31 s."""


async def serve(address: str) -> Any:
    """Run the server."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def read() -> None:
        while os.read(0, 1024):
            pass
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=read, daemon=True).start()
    async with serving(address, PORT):
        print("null", flush=True)
        await ended.wait()


async def ping(address: str, count: str, pause_s: str) -> list[float | None]:
    """Ping: the kernel at the other end answers (RFC 792)."""
    loop = asyncio.get_running_loop()
    sent_s: dict[int, float] = {}
    took_ms: dict[int, float] = {}
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as sock:
        sock.setblocking(False)

        def heard() -> None:
            kind, _, _, _, number = struct.unpack_from("!BBHHH", sock.recv(1500), 20)
            if kind == 0 and number in sent_s:
                took_ms[number] = (time.perf_counter() - sent_s[number]) * 1000

        loop.add_reader(sock, heard)
        for number in range(int(count)):
            total = checksum(struct.pack("!BBHHH56x", 8, 0, 0, 1, number))
            sent_s[number] = time.perf_counter()
            sock.sendto(struct.pack("!BBHHH56x", 8, 0, total, 1, number), (address, 0))
            await asyncio.sleep(float(pause_s))
        await asyncio.sleep(PATIENCE_S)
        loop.remove_reader(sock)
    return [took_ms.get(number) for number in sent_s]


async def echoes(address: str, connections: str, times: str) -> dict[str, list[float]]:
    """Talk on many connections at once; every time in ms."""

    async def talk() -> tuple[float, list[float]]:
        started_s = time.perf_counter()
        reader, writer = await asyncio.wait_for(asyncio.open_connection(address, PORT), CONNECT_S)
        connected_ms = (time.perf_counter() - started_s) * 1000
        writer.write(b"e")
        took_ms = [await echo(reader, writer) * 1000 for _ in range(int(times))]
        writer.close()
        return connected_ms, took_ms

    talks = await asyncio.gather(*(talk() for _ in range(int(connections))))
    return {"connect": [each for each, _ in talks], "echo": [each for _, took in talks for each in took]}


async def fill(address: str, lasts_s: str) -> float:
    """Read as much as comes, and count from the first bytes on."""
    reader, writer = await asyncio.open_connection(address, PORT)
    writer.write(b"f")
    await reader.read(65536)
    started_s, nbytes = time.perf_counter(), 0
    while time.perf_counter() < started_s + float(lasts_s):
        nbytes += len(await reader.read(65536))
    writer.transport.abort()
    return nbytes / (time.perf_counter() - started_s)


DOES: Final[dict[str, Any]] = {"serve": serve, "ping": ping, "echo": echoes, "fill": fill}
"""What the first word of the command line means."""


if __name__ == "__main__":
    print(json.dumps(asyncio.run(DOES[sys.argv[1]](*sys.argv[2:]))), flush=True)
