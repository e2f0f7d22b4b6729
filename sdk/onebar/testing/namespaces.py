"""A network of its own on Linux, with one device whose packets this process carries. It needs root.

A `Namespace` has no name and no file: the kernel takes it, its device and its addresses away with the last process
that holds it, however that ends. `ip` and `ss` of iproute2 and `nsenter` of util-linux do the work inside.
"""

import ctypes
import os
import shutil
import struct
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

from onebar.testing.packets import PACKET_BYTES_MAX

TUN: Final = Path("/dev/net/tun")
"""Where a process gets a device whose packets it carries (Linux Documentation/networking/tuntap.rst)."""

DEVICE: Final = "onebar0"
"""What the device is called inside."""

PROGRAMS: Final = ("ip", "ss", "nsenter")
"""What has to be installed."""

CONGESTION_CONTROL: Final = "cubic"
"""What phones use. A server's kernel may prefer bbr, which hides loss; a route can ask for another one."""

CLONE_NEWNET: Final = 0x40000000
"""From linux/sched.h: os has it only from Python 3.12 on."""

TUNSETIFF: Final = 0x400454CA
"""From linux/if_tun.h: give the device its name."""

IFF_TUN_NO_PI: Final = 0x1001
"""From linux/if_tun.h: IP packets, with nothing before them."""


def obstacle() -> str:
    """Say why there can be no namespaces here; empty if there can."""
    if sys.platform != "linux":
        return f"network namespaces need Linux, this is {sys.platform}"
    if os.geteuid() != 0:
        return "network namespaces need root"
    if not os.access(TUN, os.R_OK | os.W_OK):
        return f"{TUN} is not there, or not open to this process"
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    return f"not installed: {', '.join(missing)} (iproute2, util-linux)" if missing else ""


class Namespace:
    """A network with one device and, at most times, one address."""

    def __init__(self, address: str) -> None:
        """Make it.

        Args:
            address: Its IPv4 address; all others are beyond the device.

        Raises:
            OSError: This process may not, or a program failed; `obstacle` says what is missing.
        """
        self.address = address
        """Its address; the last one while it is detached."""
        self.device = self._fd = -1
        failures: list[OSError] = []

        def make() -> None:  # in a thread of its own, which is moved and then ends
            try:
                self._make()
            except OSError as error:
                failures.append(error)

        maker = threading.Thread(target=make)
        maker.start()
        maker.join()
        try:
            if failures:
                raise failures[0]
            self._ip("link set lo up", f"link set {DEVICE} mtu {PACKET_BYTES_MAX} up")
            self.attach(address)
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"<Namespace {self.address}>"

    def close(self) -> None:
        """Take the device away; programs that still run inside have no network any more."""
        for fd in (self.device, self._fd):
            if fd >= 0:
                os.close(fd)
        self.device = self._fd = -1

    def command(self, *words: str) -> list[str]:
        """Return a command line that runs a program inside, from any process while this one lives."""
        return ["nsenter", f"--net=/proc/{os.getpid()}/fd/{self._fd}", "--", *words]

    def enter(self) -> None:
        """Move the calling thread inside, for good: sockets that it makes, and threads that it starts, are there.

        Raises:
            OSError: This process may not.
        """
        _checked(_libc().setns(self._fd, CLONE_NEWNET), "setns")

    def attach(self, address: str) -> None:
        """Get an address, and with it a way to all others."""
        self.address = address
        self._ip(
            f"address add {address}/32 dev {DEVICE}",
            f"route add default dev {DEVICE} src {address} congctl {CONGESTION_CONTROL}",
        )

    def detach(self, *, kill_sockets: bool = False) -> None:
        """Lose the address: a dial fails at once, connections wait.

        Args:
            kill_sockets: End the address's connections with ECONNABORTED, as Android does to apps.
        """
        self._ip(f"route del default dev {DEVICE}", f"address del {self.address}/32 dev {DEVICE}")
        if kill_sockets:
            self._run(self.command("ss", "--no-header", "--tcp", "--kill", "src", self.address))

    def _make(self) -> None:
        import fcntl  # not on Windows, which may import this module

        _checked(_libc().unshare(CLONE_NEWNET), "unshare")
        self._fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.device = os.open(TUN, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        fcntl.ioctl(self.device, TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), IFF_TUN_NO_PI))

    def _ip(self, *lines: str) -> None:
        self._run(self.command("ip", "-batch", "-"), "\n".join(lines) + "\n")

    def _run(self, command: list[str], told: str = "") -> None:
        done = subprocess.run(command, input=told, capture_output=True, text=True, check=False)
        if done.returncode:
            raise OSError(f"{' '.join(command[3:])}: {done.stderr.strip()}")

    def __del__(self) -> None:
        with suppress(AttributeError):  # it may not have come as far as that
            self.close()


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int, call: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")
