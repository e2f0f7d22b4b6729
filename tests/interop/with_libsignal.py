"""libsignal's X3DH v3 sessions, spoken by our ratchet with Signal's parameters, and its safety numbers.

libsignal is AGPL: npm fetches it when the tests run, it runs in a process of its own, and never comes near what ships.
Version 0.52.3 still takes bundles without a KEM prekey, as X3DH has them; today's does not.
"""

import json
import shutil
import subprocess
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Final

from onebar.crypto.double_ratchet import start_as_initiator, start_as_responder
from onebar.crypto.primitives import public_of
from onebar.crypto.safety_numbers import safety_number
from onebar.crypto.values import KEY_BYTES
from tests.interop.conversation import RefusedError, Side
from tests.interop.foreign_suites import (
    CURVE25519,
    SIGNAL_VERSION,
    fields,
    read_fields,
    signal_v3,
    x3dh_initiator,
    x3dh_responder,
)
from tests.interop.our_side import OurSide

PACKAGE: Final = "@signalapp/libsignal-client"
"""Its name in the registry."""

NODE: Final = Path(__file__).parent / "node"
"""Where the pinned package and the program are."""

NPM_TIMEOUT_S: Final = 300
"""Seconds for npm to fetch 72 MB."""

_WHISPER, _PREKEY = b"\2", b"\3"
"""Signal tells the kinds of message apart outside the message; here by a first byte."""


class MissingError(Exception):
    """libsignal cannot be had here; the text says why."""


def install(folder: Path) -> None:
    """Fetch libsignal into a folder as its lock file says, unless it is there.

    Raises:
        MissingError: No Node.js, no npm, or npm could not fetch it.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise MissingError("Node.js and npm are not installed")
    lock = (NODE / "package-lock.json").read_bytes()
    installed = folder / "package-lock.json"
    if (folder / "node_modules" / PACKAGE).is_dir() and installed.is_file() and installed.read_bytes() == lock:
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_bytes((NODE / "package.json").read_bytes())
    installed.write_bytes(lock)
    try:
        done = subprocess.run(
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=NPM_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise MissingError(f"npm did not fetch it within {NPM_TIMEOUT_S} s") from None
    if done.returncode != 0:
        raise MissingError(f"npm could not fetch it: {done.stderr.strip().splitlines()[-1:]}")


class Oracle:
    """The process that libsignal runs in."""

    def __init__(self, folder: Path) -> None:
        node = shutil.which("node")
        assert node is not None
        self._process = subprocess.Popen(
            [node, str(NODE / "oracle.mjs")], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> "Oracle":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def ask(self, request: str, **values: Any) -> dict[str, Any]:
        """Send a request and return the answer; one that the oracle could not handle is an assertion."""
        written, read = self._process.stdin, self._process.stdout
        assert written is not None
        assert read is not None
        written.write(json.dumps({"request": request, **values}) + "\n")
        written.flush()
        answer: dict[str, Any] = json.loads(read.readline())
        assert "error" not in answer, answer["error"]
        return answer


def check_safety_number(oracle: Oracle, dice: Random) -> dict[str, str]:
    """Compare a safety number of both, digits and QR code, for two random people; return it as a vector.

    Raises:
        AssertionError: They differ.
    """
    ids = [dice.randbytes(dice.randrange(1, 40)) for _ in range(2)]
    keys = [CURVE25519 + public_of(dice.randbytes(KEY_BYTES)) for _ in range(2)]
    theirs = oracle.ask(
        "fingerprint", localId=ids[1].hex(), localKey=keys[1].hex(), remoteId=ids[0].hex(), remoteKey=keys[0].hex()
    )
    ours = safety_number(ids[0], keys[0], ids[1], keys[1])
    assert ours.digits == theirs["digits"], f"{ours.digits} is not {theirs['digits']}"
    ours.compare(bytes.fromhex(theirs["scannable"]))
    assert oracle.ask("scan", scanned=ours.qr().hex(), scanner=theirs["scannable"])["same"]
    named = zip(("own_id", "own_key", "other_id", "other_key"), (ids[0], keys[0], ids[1], keys[1]), strict=True)
    return {name: value.hex() for name, value in named} | {"digits": theirs["digits"], "scanned": theirs["scannable"]}


class TheirSide:
    """Their end of a session, in the other process."""

    def __init__(self, oracle: Oracle, name: str) -> None:
        self._oracle, self._name = oracle, name

    def seal(self, plain: bytes) -> bytes:
        """Seal with their session."""
        answer = self._oracle.ask("seal", id=self._name, plain=plain.hex())
        return bytes((answer["kind"],)) + bytes.fromhex(answer["sealed"])

    def open(self, envelope: bytes) -> bytes:
        """Open with their session."""
        answer = self._oracle.ask("open", id=self._name, kind=envelope[0], sealed=envelope[1:].hex())
        if "refused" in answer:
            raise RefusedError(answer["refused"])
        return bytes.fromhex(answer["plain"])

    def authenticated(self, envelope: bytes) -> range:
        """Signal authenticates the message, not the keys that stand around it."""
        return _message_at(envelope)


class OurSignal(OurSide):
    """Our end: puts Signal's handshake around messages until it is answered."""

    def __init__(self, dice: Random) -> None:
        super().__init__(signal_v3(), dice)
        self.identity, self.signed, self.once = (dice.randbytes(KEY_BYTES) for _ in range(3))
        self._handshake: tuple[tuple[int, bytes | int | None], ...] | None = None

    def meet(self, their_identity: bytes) -> None:
        """Learn the identity key of the other side, as it travels."""
        ours = CURVE25519 + public_of(self.identity)
        self.to_them, self.from_them = ours + their_identity, their_identity + ours

    def begin(self, keys: dict[str, Any]) -> None:
        """Start as the side that speaks first, with the keys that the other side published."""
        identity, signed, once = (bytes.fromhex(keys[name]) for name in ("identity", "signedPrekey", "prekey"))
        self.meet(identity)
        base = self.dice.randbytes(KEY_BYTES)
        root_key = x3dh_initiator(self.identity, base, identity[1:], signed[1:], once[1:])
        self.start(start_as_initiator(self.suite, root_key, signed[1:], self.entropy))
        self._handshake = (
            (1, keys["prekeyId"]),
            (2, CURVE25519 + public_of(base)),
            (3, CURVE25519 + public_of(self.identity)),
            (5, 1),
            (6, keys["signedPrekeyId"]),
        )

    def seal(self, plain: bytes) -> bytes:
        """Seal; with the handshake until they have answered."""
        message = super().seal(plain)
        if self._handshake is None:
            return _WHISPER + message
        return _PREKEY + SIGNAL_VERSION + fields(*self._handshake, (4, message))

    def open(self, envelope: bytes) -> bytes:
        """Open; the first message starts the session."""
        if envelope[:1] == _WHISPER:
            plain = super().open(envelope[1:])
            self._handshake = None
            return plain
        texts, numbers = read_fields(envelope[2:])
        if self.started:
            return super().open(texts[4])
        once = self.once if 1 in numbers else None
        root_key = x3dh_responder(self.identity, self.signed, once, texts[3][1:], texts[2][1:])
        return self.open_first(start_as_responder(self.suite, root_key, self.signed), texts[4])

    def authenticated(self, envelope: bytes) -> range:
        """Signal authenticates the message, not the keys that stand around it."""
        return _message_at(envelope)


def pair(oracle: Oracle, dice: Random, we_begin: bool) -> tuple[OurSide, tuple[Side, Side]]:
    """Return our side, and both in the order in which they speak. Every other session has no one-time prekey."""
    ours, name = OurSignal(dice), dice.randbytes(8).hex()
    theirs = TheirSide(oracle, name)
    if we_begin:
        ours.begin(oracle.ask("responder", id=name))
        return ours, (ours, theirs)
    keys = oracle.ask(
        "initiator",
        id=name,
        identitySecret=ours.identity.hex(),
        signedPrekey=(CURVE25519 + public_of(ours.signed)).hex(),
        prekey=(CURVE25519 + public_of(ours.once)).hex() if dice.random() < 1 / 2 else None,
    )
    ours.meet(bytes.fromhex(keys["identity"]))
    return ours, (theirs, ours)


def _message_at(envelope: bytes) -> range:
    """Return where the message is: behind the kind, or in a field of the handshake."""
    message = envelope[1:] if envelope[:1] == _WHISPER else read_fields(envelope[2:])[0][4]
    start = envelope.index(message)
    return range(start, start + len(message))
