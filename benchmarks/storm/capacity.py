"""What one core of the server takes: logins of bare links, spread and all at once, with TLS and without."""

import os
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trustme

from benchmarks.raw_links import RawDevice
from benchmarks.servers.with_onebar import register
from benchmarks.storm.backend import Backend
from benchmarks.storm.curve import busiest_second, crash_arrivals
from benchmarks.storm.flood import flood
from benchmarks.weak.children import free_port
from benchmarks.weak.ledger import percentile
from onebar.config import Config
from onebar.core.backoff import Entropy, pause_s
from onebar_mockserver.limits import LOGINS_PER_S
from onebar_mockserver.tls import CertificateFiles

DOWN_S: Final = 2.5
"""How long nobody listens after a crash: RestartSec of docs/hosting.md, and a start."""


@dataclass(frozen=True, slots=True)
class Storm:
    """What a storm of bare logins found."""

    name: str
    peak_per_s: int
    """Most arrivals in any second."""
    login_ms: float
    """The server's CPU for one."""
    wait_s: Sequence[float]
    """How long each waited for its Welcome, in order."""
    took_s: float
    memory_bytes: int

    def wait_at(self, percent: float) -> float:
        """Return a percentile of the waits."""
        return percentile(self.wait_s, percent)


def backoff(failures: int, entropy: Entropy) -> float:
    """Return the pause of a phone with the default settings."""
    config = Config()
    return pause_s(failures, config.backoff_s_min, config.backoff_s_max, entropy)


ARRIVALS: Final[dict[str, Callable[[int], list[float]]]] = {
    "spread": lambda phones: [user / LOGINS_PER_S for user in range(phones)],
    "crash": lambda phones: crash_arrivals(phones, DOWN_S, backoff, os.urandom),
    "at_once": lambda phones: [0.0] * phones,
}
"""When phones come, in seconds: as GoAway asks them; as their backoff brings them after a crash; all in one moment."""


async def storm(name: str, phones: int, folder: Path, *, pin: bool, tls: bool) -> Storm:
    """Start a server, let this many devices log in, and see what that costs."""
    devices: list[RawDevice] = register(folder / "data", phones)
    files, context = issue(folder) if tls else (None, None)
    backend = Backend(folder / "data", free_port(), pin=pin, tls=files)
    try:
        await backend.start()
        arrivals_s = ARRIVALS[name](phones)
        cpu_s, started_s = backend.cpu_s(), time.monotonic()
        waits_s = sorted(await flood(backend.port, devices, arrivals_s, context))
        took_s = time.monotonic() - started_s
        assert backend.measured is not None
        memory_bytes = backend.measured.resident_bytes_peak()
        login_ms = (backend.cpu_s() - cpu_s) / phones * 1000
        return Storm(name, busiest_second(arrivals_s), login_ms, waits_s, took_s, memory_bytes)
    finally:
        await backend.close()


def issue(folder: Path) -> tuple[CertificateFiles, ssl.SSLContext]:
    """Make a certificate for `localhost` (P-256), and what connects to it."""
    certificate = trustme.CA().issue_cert("localhost")
    files = folder / "cert.pem", folder / "key.pem"
    certificate.cert_chain_pems[0].write_to_path(str(files[0]))
    certificate.private_key_pem.write_to_path(str(files[1]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # the generator shares the machine: it checks no more than it must
    context.verify_mode = ssl.CERT_NONE
    return files, context
