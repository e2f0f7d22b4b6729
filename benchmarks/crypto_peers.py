"""The implementations that `make bench-crypto` measures beside ours, each as far as it is installed."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from tests.interop.with_libsignal import NODE, PACKAGE, install

from benchmarks.crypto_sides import TEXT, Pair, acquainted, check, cpu_us, message_us
from benchmarks.report import ROOT, BenchError
from onebar.crypto.primitives import public_of

INSTALLED: Final = ROOT / "build" / "interop"
"""Where `make interop` installs libsignal, too."""

PROGRAM: Final = Path(__file__).parent / "node" / "libsignal.mjs"
"""Times libsignal from within."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Somebody else's implementation, ready to be measured; all times are CPU µs of one message or session."""

    key: str
    """Before its figures in the last line."""
    name: str
    chain_us: Callable[[int], float]
    dh_step_us: Callable[[int], float]
    setup_us: Callable[[int], float] | None
    """None if it has no handshake of its own."""
    added_bytes: int
    note: str


class OlmSide:
    """A side of a vodozemac session."""

    def __init__(self, olm: Any, session: Any) -> None:
        self._olm, self._session = olm, session

    def seal(self, plain: bytes) -> bytes:
        """Seal; Olm tells the kinds of message apart outside the message, which is not counted."""
        _, message = self._session.encrypt(plain).to_parts()
        return bytes(message)

    def open(self, envelope: bytes) -> bytes:
        """Open an ordinary message."""
        return bytes(self._session.decrypt(self._olm.AnyOlmMessage.from_parts(1, envelope)))


def vodozemac() -> Peer:
    """Return vodozemac's Olm v1: 3DH, an 8-byte MAC, no associated data."""
    olm = import_module("vodozemac")

    def setup(count: int) -> float:
        alice, bob = olm.Account(), olm.Account()
        times: list[float] = []
        for _ in range(count):
            bob.generate_one_time_keys(1)
            (once,) = bob.one_time_keys.values()
            bob.mark_keys_as_published()

            def begin(once: Any = once) -> None:
                session = alice.create_outbound_session(bob.curve25519_key, once)
                message = session.encrypt(TEXT).to_pre_key()
                check(bob.create_inbound_session(alice.curve25519_key, message)[1])

            times.append(cpu_us(begin, 1))
        return sum(times) / count

    def pair() -> Pair:
        alice, bob = olm.Account(), olm.Account()
        bob.generate_one_time_keys(1)
        (once,) = bob.one_time_keys.values()
        session = alice.create_outbound_session(bob.curve25519_key, once)
        inbound, _ = bob.create_inbound_session(alice.curve25519_key, session.encrypt(TEXT).to_pre_key())
        return acquainted(Pair(OlmSide(olm, inbound), OlmSide(olm, session)))

    return _in_python("vodozemac", "vodozemac", "Olm v1, 8-byte MAC, no associated data", pair, setup)


def doubleratchet() -> Peer:
    """Return python-doubleratchet on OpenSSL; its format is the caller's, and is ours here."""
    side = import_module("tests.interop.with_doubleratchet").TheirSide

    def pair() -> Pair:
        root_key, bound, secret = os.urandom(32), os.urandom(32), os.urandom(32)
        return acquainted(Pair(side(root_key, bound, None, public_of(secret)), side(root_key, bound, secret, b"")))

    return _in_python("doubleratchet", "doubleratchet", "our suite and format on OpenSSL; no handshake", pair, None)


def _in_python(
    key: str, package: str, note: str, pair: Callable[[], Pair], setup: Callable[[int], float] | None
) -> Peer:
    added = len(pair().first.seal(TEXT)) - len(TEXT)
    return Peer(
        key,
        f"{package} {version(package)}",
        lambda count: message_us(pair(), count, turns=False),
        lambda count: message_us(pair(), count, turns=True),
        setup,
        added,
        note,
    )


@contextmanager
def libsignal() -> Iterator[Peer]:
    """Yield libsignal in a process of Node.js, which measures itself.

    Raises:
        MissingError: It cannot be had here.
    """
    install(INSTALLED)
    node = shutil.which("node")
    assert node is not None
    with subprocess.Popen(
        [node, str(PROGRAM)], cwd=INSTALLED, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def ask(what: str, count: int) -> float:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps({"what": what, "count": count, "text": TEXT.hex()}) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
            if not line:
                raise BenchError("libsignal's process ended; what it said stands above")
            return float(json.loads(line))

        pinned = json.loads((NODE / "package.json").read_text(encoding="utf-8"))["dependencies"][PACKAGE]
        yield Peer(
            "libsignal",
            f"libsignal {pinned}",
            lambda count: ask("chain", count),
            lambda count: ask("dh_step", count),
            lambda count: ask("setup", count),
            int(ask("added", 1)),
            "X3DH v3, 8-byte MAC, from Node.js, CPU of its whole process",
        )
