"""The server's side of TLS: a certificate, its key, and plain words when they do not fit."""

import ssl
from pathlib import Path

CertificateFiles = tuple[str | Path, str | Path]
"""Two files in PEM: the certificate with those between it and the root, and its private key."""


class CertificateFilesError(Exception):
    """The certificate or its key cannot be used; the text says which file, and why."""


def server_context(files: CertificateFiles) -> ssl.SSLContext:
    """Return what a server with this certificate listens with.

    Raises:
        CertificateFilesError: A file cannot be read or is no such file, or the key is another certificate's.
    """
    certificate, key = (Path(name) for name in files)
    _check(certificate, "certificate", "-----BEGIN CERTIFICATE-----")
    _check(key, "private key", "PRIVATE KEY-----")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    _load(context, certificate, key)
    return context


def reload(context: ssl.SSLContext, files: CertificateFiles) -> None:
    """Let handshakes from now on show what the files hold now; if they do not fit, nothing changes.

    Raises:
        CertificateFilesError: As for `server_context`.
    """
    server_context(files)  # a context that was given half of a pair would be left with it
    _load(context, *(Path(name) for name in files))


def _load(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise CertificateFilesError(f"the key in {key} is not that of the certificate in {certificate}") from error
        reason = error.reason or "damaged"
        raise CertificateFilesError(
            f"{certificate} and {key} cannot be used as certificate and key ({reason})"
        ) from error


def _check(path: Path, what: str, mark: str) -> None:
    try:
        text = path.read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise CertificateFilesError(f"the {what} {path} cannot be read: {error.strerror}") from error
    if mark not in text:
        raise CertificateFilesError(f"{path} holds no {what} in PEM")
    if what == "private key" and "ENCRYPTED" in text:
        raise CertificateFilesError(f"the key in {path} has a passphrase: a server that restarts cannot ask for it")


def _no_password() -> str:
    """Stand in for OpenSSL's question on the terminal."""
    return ""
