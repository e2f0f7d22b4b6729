"""A network of its own. What needs root is skipped without it, and says so."""

import errno
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from onebar.testing import namespaces
from onebar.testing.namespaces import DEVICE, Namespace, obstacle
from tests.sdk.testing.inside import made_inside

needs_root = pytest.mark.skipif(bool(obstacle()), reason=obstacle() or "it can be done")

HOLDS = """
import asyncio
from onebar.testing import profile
from onebar.testing.packet_network import PacketNetwork

async def main():
    async with PacketNetwork(profile("edge")) as network:
        print(network.phone._fd, network.server._fd, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    made = Namespace("10.77.1.1")
    yield made
    made.close()


def run(namespace: Namespace, *words: str) -> str:
    return subprocess.run(namespace.command(*words), check=True, capture_output=True, text=True, timeout=20).stdout


@contextmanager
def kept(pid: int, fd: int) -> Iterator[int]:
    """Hold another process's network open, so that its number is not given to a new one."""
    held = os.open(f"/proc/{pid}/fd/{fd}", os.O_RDONLY)
    try:
        yield held
    finally:
        os.close(held)


def left(held: int) -> list[str]:
    """Return what is left of a network that we hold: its devices, who else holds it, who is inside."""
    links = run_in(held, "ip", "-oneline", "link").splitlines()
    found = [line.split()[1] for line in links if "lo:" not in line]
    name, ours = Path(f"/proc/self/fd/{held}").readlink(), f"/proc/{os.getpid()}/fd/{held}"
    for path in (*Path("/proc").glob("[0-9]*/ns/net"), *Path("/proc").glob("[0-9]*/fd/*")):
        with suppress(OSError):  # it has just gone
            if path.readlink() == name and str(path) != ours:
                found.append(str(path))
    return found


def run_in(held: int, *words: str) -> str:
    command = ["nsenter", f"--net=/proc/{os.getpid()}/fd/{held}", "--", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout


def open_files() -> list[str]:
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namespaces, "TUN", Path("/dev/null"))
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("shutil.which", lambda program: f"/sbin/{program}")
    assert obstacle() == ""
    monkeypatch.setattr("shutil.which", lambda program: None if program == "ss" else program)
    assert obstacle() == "not installed: ss (iproute2, util-linux)"
    monkeypatch.setattr(namespaces, "TUN", Path("/dev/net/absent"))
    assert obstacle() == "/dev/net/absent is not there, or not open to this process"
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert obstacle() == "network namespaces need root"
    monkeypatch.setattr("sys.platform", "darwin")
    assert obstacle() == "network namespaces need Linux, this is darwin"


@needs_root
def test_programs_inside_see_its_device_and_nothing_else(namespace: Namespace) -> None:
    assert run(namespace, "ip", "-oneline", "link").count("\n") == 2
    assert f": {DEVICE}: " in run(namespace, "ip", "-oneline", "link")
    assert "congctl cubic" in run(namespace, "ip", "route")
    assert not Path("/sys/class/net", DEVICE).exists()


@needs_root
def test_a_socket_made_inside_has_its_address_and_cubic(namespace: Namespace) -> None:
    with made_inside(namespace) as listener, made_inside(namespace) as client:
        listener.bind((namespace.address, 0))
        listener.listen()
        client.connect(listener.getsockname())
        assert client.getsockname()[0] == "10.77.1.1"
    with made_inside(namespace) as outward:
        outward.setblocking(False)
        assert outward.connect_ex(("10.77.0.1", 80)) == errno.EINPROGRESS
        assert outward.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0") == b"cubic"


@needs_root
@pytest.mark.parametrize("kill", [True, False])
def test_a_detached_one_has_no_way_out_until_it_is_attached(namespace: Namespace, kill: bool) -> None:
    with made_inside(namespace) as old, made_inside(namespace) as fresh:
        old.setblocking(False)
        fresh.setblocking(False)
        assert old.connect_ex(("10.77.0.1", 80)) == errno.EINPROGRESS
        namespace.detach(kill_sockets=kill)
        assert old.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == (errno.ECONNABORTED if kill else 0)
        assert fresh.connect_ex(("10.77.0.1", 80)) == errno.ENETUNREACH
        namespace.attach("10.77.1.2")
        assert fresh.connect_ex(("10.77.0.1", 80)) == errno.EINPROGRESS
        assert fresh.getsockname()[0] == namespace.address == "10.77.1.2"


@needs_root
def test_nothing_is_left_after_close_or_a_failure() -> None:
    before = open_files()
    made = Namespace("10.77.1.1")
    with kept(os.getpid(), made._fd) as held:
        assert left(held) == [f"{DEVICE}:", f"/proc/{os.getpid()}/fd/{made._fd}"]
        made.close()
        made.close()
        assert left(held) == []
    with pytest.raises(OSError, match=r"ip -batch -: .*10\.77\.1\.999"):
        Namespace("10.77.1.999")
    assert open_files() == before


@needs_root
def test_no_namespaces_where_the_kernel_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    before = open_files()
    monkeypatch.setattr(namespaces, "TUN", Path("/dev/null"))  # it takes no such request
    with pytest.raises(OSError, match="Inappropriate ioctl"):
        Namespace("10.77.1.1")
    assert open_files() == before


@needs_root
@pytest.mark.process
def test_nothing_is_left_of_processes_that_were_ended() -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", HOLDS], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for _ in range(2)
    ]
    for process, how in zip(processes, (signal.SIGTERM, signal.SIGKILL), strict=True):
        with process:
            assert process.stdout
            phone, server = (int(fd) for fd in process.stdout.readline().split())
            with kept(process.pid, phone) as one, kept(process.pid, server) as other:
                assert left(one)
                assert left(other)
                process.send_signal(how)
                process.wait(20)
                assert left(one) == left(other) == []
