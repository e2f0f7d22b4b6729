"""TLS: whom a device trusts, short handshakes after the first one, and plain words for each way it fails.

One context serves a client for life, its registration and all its links. Pins are checked inside the handshake,
so nothing is ever said to a server with another key.
"""

import base64
import binascii
import functools
import hashlib
import hmac
import os
import ssl
from dataclasses import dataclass
from typing import Any, Final

from onebar.errors import InputError

PIN_PREFIX: Final = "sha256/"
"""How a pin begins; the hash is the only one of RFC 7469."""

ALPN: Final = ("http/1.1",)
"""The link is upgraded from HTTP/1.1; a proxy that is offered HTTP/2 would choose that."""

_VERSION_TAG: Final = 0xA0  # the optional [0] that a certificate's body begins with (RFC 5280 §4.1)
_BEFORE_KEY: Final = 5  # serialNumber, signature, issuer, validity, subject

_EXPIRED, _NOT_YET_VALID = 10, 9  # the X509_V_ERR numbers of OpenSSL's x509_vfy.h, the same in all versions
_WRONG_NAME: Final = frozenset({62, 64})  # HOSTNAME_MISMATCH, IP_ADDRESS_MISMATCH
_UNKNOWN_ISSUER: Final = frozenset({2, 18, 19, 20, 21})  # self-signed, or no way from it to a trusted root
_NO_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"})
_OLD_TLS: Final = frozenset({"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "NO_PROTOCOLS_AVAILABLE"})

_PORTAL: Final = "if this network has a login page, sign in there first"


@dataclass(frozen=True, slots=True)
class Tls:
    """Whom a device trusts behind `https://`; without it, whom the system trusts."""

    ca_file: str | os.PathLike[str] | None = None
    """Certificates in PEM that are trusted instead of the system's: those of your own certificate authority."""
    pins: tuple[str, ...] = ()
    """Public keys that the server may have, none for any: `sha256/` and the base64 of the SHA-256 of the
    certificate's SubjectPublicKeyInfo (RFC 7469 §2.4). Give the key in use and a spare that is kept offline: a device
    whose pins all became wrong needs an update of the app. The chain and the name are checked as well.
    """

    def __post_init__(self) -> None:
        """Check the pins.

        Raises:
            InputError: One is not valid.
        """
        if isinstance(self.pins, str):
            raise InputError("pins are a tuple of texts; for a single one write (pin,)")
        for pin in self.pins:
            _read_pin(pin)


class Trust:
    """What a `Tls` comes to: one context, made at the first use, because the system's roots take 30 ms to read."""

    def __init__(self, tls: Tls) -> None:
        """Prepare it.

        Raises:
            InputError: The file of certificates cannot be read.
        """
        self._tls = tls
        if tls.ca_file is not None:
            _ = self.context  # so that a wrong file is told now

    @functools.cached_property
    def context(self) -> "ResumingContext":
        """The context of every connection."""
        context = ResumingContext(ssl.PROTOCOL_TLS_CLIENT)  # which checks the chain and the name
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(list(ALPN))
        context.pins = tuple(_read_pin(pin) for pin in self._tls.pins)
        if self._tls.ca_file is None:
            _load_system_roots(context)
        else:
            _load_file(context, self._tls.ca_file)
        return context


class ResumingContext(ssl.SSLContext):
    """A context that resumes its last session with each name, and lets no other key than the pinned ones pass.

    Sessions live in memory only: Python cannot write one down, and one of another context breaks the handshake.
    """

    pins: tuple[bytes, ...] = ()
    """Hashes of the keys that a server may have; none for any."""

    def __new__(cls, *args: Any, **kwargs: Any) -> "ResumingContext":
        """Make a context whose connections are watched."""
        self = super().__new__(cls, *args, **kwargs)
        self.sslobject_class = _WatchedObject
        self._sessions = {}
        return self

    _sessions: dict[str, ssl.SSLSession]

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Begin a connection, with the last session if there is one; asyncio has no argument for it."""
        name = server_hostname.decode() if isinstance(server_hostname, bytes) else server_hostname
        known = session or self._sessions.get(name or "")
        return super().wrap_bio(incoming, outgoing, server_side, server_hostname, known)

    def keep(self, connection: ssl.SSLObject) -> None:
        """Keep the session of a connection for the next one to the same name (a client has one port)."""
        if connection.session is not None:
            self._sessions[connection.server_hostname or ""] = connection.session

    def forget(self, connection: ssl.SSLObject) -> None:
        """Let the next handshake with this name be a full one."""
        self._sessions.pop(connection.server_hostname or "", None)


class PinError(ssl.SSLCertVerificationError):
    """The server's certificate is valid, but its key is not one of the pinned ones."""

    def __init__(self) -> None:
        super().__init__(ssl.SSL_ERROR_SSL, "the public key is not pinned")


class _WatchedObject(ssl.SSLObject):
    """One connection: checks the pins at the end of the handshake, keeps the session once data has come."""

    _kept = False

    def do_handshake(self) -> None:
        """Take the next step; before the last one has returned, no data can be sent."""
        context = self.context
        assert isinstance(context, ResumingContext)
        try:
            super().do_handshake()
            if context.pins:
                check_pins(self.getpeercert(binary_form=True), context.pins)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError:
            context.forget(self)
            raise

    def read(self, *args: Any, **kwargs: Any) -> bytes:
        """Read what came. TLS 1.3 sends the ticket of the session after the handshake, with the first data."""
        data = super().read(*args, **kwargs)
        if data and not self._kept:
            self._kept = True
            context = self.context
            assert isinstance(context, ResumingContext)
            context.keep(self)
        return data


def public_key_info(certificate: bytes) -> bytes:
    """Return the SubjectPublicKeyInfo of a certificate, both in DER (RFC 5280 §4.1).

    Raises:
        ValueError: It is no certificate.
    """
    try:
        start, _ = _content(certificate, 0)  # Certificate
        start, _ = _content(certificate, start)  # TBSCertificate
        skipped = _BEFORE_KEY + (certificate[start] == _VERSION_TAG)
        for _ in range(skipped):
            _, start = _content(certificate, start)
        _, end = _content(certificate, start)
    except IndexError as error:
        raise ValueError("the certificate ends too early") from error
    return certificate[start:end]


def pin_of(certificate: bytes) -> str:
    """Return the pin of a certificate in DER, as `Tls.pins` takes it.

    Raises:
        ValueError: It is no certificate.
    """
    digest = hashlib.sha256(public_key_info(certificate)).digest()
    return PIN_PREFIX + base64.b64encode(digest).decode("ascii")


def check_pins(certificate: bytes | None, pins: tuple[bytes, ...]) -> None:
    """Let only a pinned key pass.

    Raises:
        PinError: The certificate, in DER, has none of these keys, or there is none.
    """
    try:
        digest = hashlib.sha256(public_key_info(certificate or b"")).digest()
    except ValueError as error:
        raise PinError from error
    if not any(hmac.compare_digest(digest, pin) for pin in pins):
        raise PinError


def explain(error: BaseException, host: str) -> str | None:
    """Say in plain words what went wrong with TLS, and what to do; None if it was not TLS.

    Args:
        error: What a connection raised; what caused it is looked at too.
        host: The server, as the user knows it.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _explain_certificate(cause, host)
        if isinstance(cause, ssl.SSLError):
            return _explain_handshake(getattr(cause, "reason", None) or type(cause).__name__, host)
        if isinstance(cause, ConnectionResetError):
            return (
                f"the connection to {host} was cut, perhaps in the TLS handshake: check that TLS is spoken at this"
                f" port; {_PORTAL}"
            )
        cause = cause.__cause__ or cause.__context__
    return None


def intercepted(error: BaseException) -> bool:
    """Whether somebody else than the server seems to have answered a TLS handshake, or cut it: mostly a login page.

    Args:
        error: What raised while a connection was made; what caused it is looked at too.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return getattr(cause, "verify_code", 0) in _WRONG_NAME | _UNKNOWN_ISSUER  # a PinError has no code
        if isinstance(cause, ssl.SSLError):
            return isinstance(cause, ssl.SSLEOFError) or getattr(cause, "reason", "") in _NO_TLS
        if isinstance(cause, ConnectionResetError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _explain_certificate(error: ssl.SSLCertVerificationError, host: str) -> str:
    if isinstance(error, PinError):
        return (
            f"the key of {host} is none of the pinned ones: either somebody sits in between, or the server has a new"
            " key and this app needs its pin"
        )
    code = getattr(error, "verify_code", 0)
    if code == _EXPIRED:
        return f"the certificate of {host} has expired: renew it on the server; or this device's clock is wrong"
    if code == _NOT_YET_VALID:
        return f"the certificate of {host} is not valid yet: check this device's date and time, then the server's"
    if code in _WRONG_NAME:
        return f"the certificate of {host} is for another name: check the server's URL; {_PORTAL}"
    if code in _UNKNOWN_ISSUER:
        return (
            f"the certificate of {host} is from nobody that this device trusts: if it is from your own certificate"
            f" authority, name its file (Tls(ca_file=…), --ca); {_PORTAL}"
        )
    reason = getattr(error, "verify_message", "") or "no reason given"
    return f"the certificate of {host} is not valid ({reason})"


def _explain_handshake(reason: str, host: str) -> str:
    if reason in _NO_TLS:
        return f"{host} does not speak TLS: check the port, or write http:// for a development server; {_PORTAL}"
    if reason in _OLD_TLS:
        return f"{host} speaks no TLS of version 1.2 or later, and older ones are not safe: update the server"
    return f"the TLS handshake with {host} broke off ({reason}): try again, or try another network"


def _read_pin(pin: str) -> bytes:
    try:
        digest = base64.b64decode(pin.removeprefix(PIN_PREFIX), validate=True)
    except (binascii.Error, ValueError, AttributeError) as error:
        raise InputError("a pin is sha256/ and the base64 of a SHA-256") from error
    if not pin.startswith(PIN_PREFIX) or len(digest) != hashlib.sha256().digest_size:
        raise InputError("a pin is sha256/ and the base64 of a SHA-256")
    return digest


def _content(der: bytes, start: int) -> tuple[int, int]:
    """Return where the content of the element at `start` begins and ends."""
    begin, length = start + 2, der[start + 1]
    if length & 0x80:  # the long form: so many bytes of length
        size = length & 0x7F
        length = int.from_bytes(der[begin : begin + size], "big")
        begin += size
    if begin + length > len(der):
        raise ValueError("the certificate ends too early")
    return begin, begin + length


def _load_system_roots(context: ssl.SSLContext) -> None:
    context.load_default_certs()
    places = ssl.get_default_verify_paths()
    if places.cafile is None and places.capath is None and not context.cert_store_stats()["x509_ca"]:
        import certifi  # Python on phones and on a Mac knows no roots of the system

        context.load_verify_locations(certifi.where())


def _load_file(context: ssl.SSLContext, ca_file: str | os.PathLike[str]) -> None:
    try:
        context.load_verify_locations(ca_file)
    except ssl.SSLError as error:
        raise InputError(f"{os.fspath(ca_file)} holds no certificates in PEM") from error
    except OSError as error:
        raise InputError(f"{os.fspath(ca_file)} cannot be read: {error.strerror}") from error
