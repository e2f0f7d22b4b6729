"""The backend over TLS: `MockServer(tls=…)`, the process, and files that do not fit."""

import asyncio
import re
import ssl
import sys
from pathlib import Path

import httpx
import pytest
import trustme
from websockets.asyncio.client import connect

from onebar.core import frames
from onebar_mockserver import MockServer
from onebar_mockserver.tls import CertificateFilesError, reload, server_context
from tests.mockserver.rawclient import PATIENCE_S
from tests.mockserver.test_main import failed, spawn

PHONE = "+4915112345671"
ENCRYPTED = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"


@pytest.fixture
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(ca: trustme.CA, tmp_path: Path) -> tuple[Path, Path]:
    return issue(ca, tmp_path, "server")


def issue(ca: trustme.CA, folder: Path, name: str) -> tuple[Path, Path]:
    leaf = ca.issue_cert("127.0.0.1")
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    certificate.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    leaf.private_key_pem.write_to_path(str(key))
    return certificate, key


def trusting(ca: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ca.configure_trust(context)
    return context


async def test_http_and_links_over_tls(ca: trustme.CA, files: tuple[Path, Path]) -> None:
    async with MockServer(tls=files) as server:
        assert server.url == f"https://127.0.0.1:{server.port}"
        async with httpx.AsyncClient(verify=trusting(ca), trust_env=False) as http:
            assert (await http.get(server.url + "/healthz")).json() == {"status": "ok"}
        link = server.url.replace("https", "wss") + "/v1/link"
        async with connect(link, ssl=trusting(ca), proxy=None) as websocket:
            assert websocket.transport.get_extra_info("ssl_object").version() == "TLSv1.3"
            assert frames.FlightWanted() in frames.decode_server(await websocket.recv(decode=False))


async def test_it_stops_while_links_are_open(ca: trustme.CA, files: tuple[Path, Path]) -> None:
    async with MockServer(tls=files) as server:
        link = server.url.replace("https", "wss") + "/v1/link"
        websocket = await connect(link, ssl=trusting(ca), proxy=None)
        async with asyncio.timeout(PATIENCE_S):
            await server.stop()
            await websocket.wait_closed()


async def test_old_versions_are_refused(ca: trustme.CA, files: tuple[Path, Path]) -> None:
    context = trusting(ca)
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLS"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    async with MockServer(tls=files) as server:
        with pytest.raises(OSError):  # noqa: PT011 - which one depends on what OpenSSL was built with
            await asyncio.open_connection("127.0.0.1", server.port, ssl=context)


async def test_a_renewed_certificate_is_read_at_the_next_start(ca: trustme.CA, files: tuple[Path, Path]) -> None:
    async with MockServer(tls=files) as server:
        before = await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", server.port))
        await server.stop()
        issue(ca, files[0].parent, "server")
        await server.start()
        assert await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", server.port)) != before


def test_missing_files(files: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(CertificateFilesError, match=r"the certificate .*absent cannot be read: No such file"):
        server_context((tmp_path / "absent", files[1]))
    with pytest.raises(CertificateFilesError, match=r"the private key .*absent cannot be read: No such file"):
        server_context((files[0], tmp_path / "absent"))


def test_files_of_another_kind(files: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\x30\x82\xff")
    (tmp_path / "encrypted").write_text(ENCRYPTED)
    (tmp_path / "damaged").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    certificate, key = files
    with pytest.raises(CertificateFilesError, match="holds no certificate in PEM"):
        server_context((tmp_path / "binary", key))
    with pytest.raises(CertificateFilesError, match="holds no certificate in PEM"):
        server_context((key, certificate))
    with pytest.raises(CertificateFilesError, match="holds no private key in PEM"):
        server_context((certificate, certificate))
    with pytest.raises(CertificateFilesError, match="passphrase"):
        server_context((certificate, tmp_path / "encrypted"))
    with pytest.raises(CertificateFilesError, match="cannot be used as certificate and key"):
        server_context((tmp_path / "damaged", key))


def test_a_key_of_another_certificate(ca: trustme.CA, files: tuple[Path, Path], tmp_path: Path) -> None:
    _, key = issue(ca, tmp_path, "other")
    with pytest.raises(CertificateFilesError, match="is not that of the certificate"):
        server_context((files[0], key))


@pytest.mark.process
async def test_the_process_names_wrong_files(files: tuple[Path, Path], tmp_path: Path) -> None:
    options = ("--port", "0", "--data", str(tmp_path / "data"))
    absent = str(tmp_path / "absent")
    assert "absent cannot be read" in await failed(*options, "--tls-cert", str(files[0]), "--tls-key", absent)
    assert not (tmp_path / "data").exists()
    half = await spawn(*options, "--tls-cert", str(files[0]))
    _, said = await half.communicate()
    assert half.returncode == 2
    assert "belong together" in said.decode()


def test_a_pair_that_does_not_fit_changes_nothing(ca: trustme.CA, files: tuple[Path, Path], tmp_path: Path) -> None:
    context = server_context(files)
    certificate, _ = issue(ca, tmp_path, "other")
    with pytest.raises(CertificateFilesError, match="is not that of the certificate"):
        reload(context, (certificate, files[1]))
    reload(context, files)


async def onebar(*arguments: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "onebar.cli", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(PATIENCE_S):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


@pytest.mark.process
async def test_the_commands_over_tls(ca: trustme.CA, files: tuple[Path, Path], tmp_path: Path) -> None:
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    tls = ("--tls-cert", str(files[0]), "--tls-key", str(files[1]))
    process = await spawn("--port", "0", "--data", str(tmp_path / "data"), *tls)
    assert process.stdout is not None
    try:
        line = (await process.stdout.readline()).decode()
        found = re.search(r"listening on (https://127\.0\.0\.1:\d+),", line)
        assert found is not None, line
        async with httpx.AsyncClient(verify=trusting(ca), trust_env=False, base_url=found[1]) as http:
            await http.post("/v1/codes", json={"phone": PHONE})
            [sms] = (await http.get("/dev/sms", params={"phone": PHONE})).json()
        command = ("--home", str(tmp_path / "home"), "--server", found[1], "register", PHONE, "--code", sms["code"])
        code, _, said = await onebar(*command)
        assert code == 4
        assert "nobody that this device trusts" in said
        assert "--ca" in said
        code, _, said = await onebar(*command, "--ca", str(tmp_path / "absent"))
        assert code == 2
        assert "cannot be read" in said
        code, out, _ = await onebar(*command, "--ca", str(tmp_path / "ca.pem"))
        assert (code, out) == (0, f"registered as {PHONE}\n")
        code, _, said = await onebar(*command[:4], "send", "+4915112345672", "hello", "--timeout", "2")
        assert code == 0
        assert "1 queued (the certificate of 127.0.0.1" in said
    finally:
        process.kill()
        await process.communicate()
