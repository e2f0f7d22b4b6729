"""slixmpp and prosody, with every module that its manual names for mobile clients on bad networks.

Settings of the server: prosody.im/doc/modules/mod_smacks (XEP-0198: acknowledgements, resumption for ten minutes),
mod_mam and mod_offline (what comes while nobody is there), mod_ping. Of the client: slixmpp's documentation of its
plugins xep_0198 (resumption; it asks for an acknowledgement every five texts, which costs the fewest bytes), xep_0184
(receipts) and xep_0199 (a ping that finds dead connections; here every 5 s instead of every 300 s). Plain SASL without
TLS: one round trip, in its favour.
"""

import asyncio
import importlib.util
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.weak.children import free_port, running
from benchmarks.weak.http_files import HttpFiles
from benchmarks.weak.peers import USERS_MAX, Ears, Facts, Phone, Seat

FACTS: Final = Facts(
    name="xmpp",
    made_of="slixmpp, prosody; XEP-0198 with resumption, XEP-0184, MAM",
    encrypts="no (OMEMO is a plugin of its own)",
    fsyncs="no: it writes files, and never fsyncs",
    cannot="send what was not acknowledged when a resumption fails; find a connection dead before its next ping",
    photos="XEP-0363, HTTP upload, from its first byte when a connection ends; fetched by Range",
)

PASSWORD: Final = "weak"
"""Everybody's; the server listens on loopback and lives for minutes."""

PING_S: Final = 5.0
"""How often a connection is probed, and how long an answer may take: the slowest network's round trip, with a queue. A
real app asks less often, for its battery."""

PHOTOS_PING_S: Final = 20.0
"""The same where there are photos, whose HTTP shares the radio: on 2G an answer waits in its queue."""

SESSION_S: Final = 20.0
"""A connection without a session after this time is given up: slixmpp itself would wait for ever."""

SETTINGS: Final = """
pidfile = "{folder}/prosody.pid"
data_path = "{folder}/data"
run_as_root = true
log = {{ warn = "*console" }}
modules_enabled = {{ "roster", "saslauth", "disco", "ping", "smacks", "mam", "offline"{more} }}
modules_disabled = {{ "s2s", "tls" }}
smacks_hibernation_time = 600
default_archive_policy = true
authentication = "internal_plain"
storage = "internal"
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
interfaces = {{ "127.0.0.1" }}
{ports}
VirtualHost "localhost"
"""
"""Prosody's file of settings."""

PORTS: Final = "c2s_ports = {{ {port} }}"
"""Where it listens."""

UPLOADS: Final = "upload.localhost"
"""The address of the component that takes files."""

PHOTOS: Final = """
Component "upload.localhost" "http_file_share"
"""
"""What comes after them where there are photos."""

PHOTOS_PORTS: Final = """
ports = {{ {port} }}
c2s_ports = {{ }}
http_ports = {{ {http_port} }}
https_ports = {{ }}
http_default_host = "upload.localhost"
"""
"""Where it listens then: XMPP and HTTP share the port, as both share the phone's radio. Without another one for HTTP
alone it makes no addresses."""


class XmppPhone:
    """An app around `slixmpp.ClientXMPP`, which connects again whenever it is disconnected."""

    def __init__(self, seat: Seat, ears: Ears) -> None:
        import slixmpp

        self._seat, self._ears = seat, ears
        self._other = f"u{seat.other}@localhost"
        self._closing = False
        self.online = False
        """Whether there is a session."""
        self._deadline: asyncio.TimerHandle | None = None
        self._http = HttpFiles(seat.port)
        ping_s = PHOTOS_PING_S if seat.photos else PING_S
        settings = {
            "xep_0199": {"keepalive": True, "interval": ping_s, "timeout": ping_s},
            "feature_mechanisms": {"unencrypted_plain": True},
        }
        self._xmpp: Any = slixmpp.ClientXMPP(
            f"u{seat.user}@localhost/phone", PASSWORD, plugin_config=settings, sasl_mech="PLAIN"
        )
        self._xmpp.enable_direct_tls = self._xmpp.enable_starttls = False
        self._xmpp.enable_plaintext = True
        for plugin in ("xep_0030", "xep_0066", "xep_0184", "xep_0198", "xep_0199", "xep_0363"):
            self._xmpp.register_plugin(plugin)
        self._xmpp.add_event_handler("connected", self._connected)
        self._xmpp.add_event_handler("session_start", self._session)
        self._xmpp.add_event_handler("session_resumed", self._resumed)
        self._xmpp.add_event_handler("disconnected", self._disconnected)
        self._xmpp.add_event_handler("message", self._message)

    async def start(self) -> None:
        """Connect."""
        self._http.start()
        self._connect()

    async def send(self, text: str) -> None:
        """Hand a text to the library, which keeps it while there is no session."""
        message = self._xmpp.make_message(mto=self._other, mbody=text, mtype="chat")
        message["request_receipt"] = True
        message.send()

    async def send_photo(self, content: bytes) -> None:
        """Upload it and send its address, again until that is done."""
        self._http.run(self._send_photo(content))

    async def _send_photo(self, content: bytes) -> None:
        from slixmpp.exceptions import IqError, IqTimeout

        name = f"{self._seat.user}-{content[:4].hex()}.jpg"
        while True:
            try:
                slot = await self._xmpp.plugin["xep_0363"].request_slot(
                    UPLOADS, name, len(content), timeout=PHOTOS_PING_S
                )
            except (IqError, IqTimeout):
                continue
            put = slot["http_upload_slot"]["put"]
            headers = {header["name"]: header["value"] for header in put["headers"]}
            if await self._http.put(put["url"], headers, content):
                break
        message = self._xmpp.make_message(mto=self._other, mtype="chat")
        message["oob"]["url"] = message["body"] = slot["http_upload_slot"]["get"]["url"]
        message["request_receipt"] = True
        message.send()

    def network_changed(self) -> None:
        """Drop the connections of the old address at once; new ones follow."""
        self._http.network_changed()
        if self._xmpp.is_connected():
            self._xmpp.abort()
        else:
            self._connect()

    async def close(self) -> None:
        """End the session."""
        self._closing = True
        self._give_time(None)
        self._xmpp.cancel_connection_attempt()
        await self._http.close()
        await self._xmpp.disconnect(wait=0.5, ignore_send_queue=True)
        if (sending := self._xmpp._run_out_filters) is not None:  # slixmpp leaves its sender running
            sending.cancel()

    def _connect(self) -> None:
        self._xmpp.connect("127.0.0.1", self._seat.port)

    def _connected(self, _: object) -> None:
        self._give_time(SESSION_S)

    def _give_time(self, lasts_s: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        loop = asyncio.get_running_loop()
        self._deadline = None if lasts_s is None else loop.call_later(lasts_s, self._xmpp.abort)

    def _session(self, _: object) -> None:
        self._resumed(None)
        self._xmpp.send_presence()

    def _resumed(self, _: object) -> None:
        self._give_time(None)
        self.online = True

    def _disconnected(self, _: object) -> None:
        self._give_time(None)
        self.online = False
        if not self._closing:
            self._connect()

    def _message(self, message: Any) -> None:
        if message["oob"]["url"]:
            self._http.run(self._fetch_photo(message["oob"]["url"]))
        elif message["body"]:
            self._ears.text(message["body"])

    async def _fetch_photo(self, url: str) -> None:
        self._ears.photo(await self._http.get(url))


class XmppPeer:
    """Prosody with its accounts written before it starts."""

    facts: Final = FACTS

    def missing(self) -> str:
        """Return what to install."""
        if shutil.which("prosody") is None:
            return "apt-get install prosody"
        return "" if importlib.util.find_spec("slixmpp") else "pip install 'onebar[bench]'"

    @asynccontextmanager
    async def serving(self, folder: Path, *, photos: bool = False) -> AsyncIterator[int]:
        """Run prosody."""
        port = free_port()
        accounts = folder / "data" / "localhost" / "accounts"
        accounts.mkdir(parents=True)
        for user in range(1, USERS_MAX + 1):
            (accounts / f"u{user}.dat").write_text(f'return {{ ["password"] = "{PASSWORD}"; }};\n')
        settings = folder / "prosody.cfg.lua"
        ports = (PHOTOS_PORTS if photos else PORTS).format(port=port, http_port=free_port())
        more = ', "net_multiplex"' if photos else ""
        settings.write_text(SETTINGS.format(folder=folder, ports=ports, more=more) + (PHOTOS if photos else ""))
        async with running("prosody", ["prosody", "-F", "--config", str(settings)], port, folder):
            yield port

    def phone(self, seat: Seat, ears: Ears) -> Phone:
        """Make a phone."""
        return XmppPhone(seat, ears)
