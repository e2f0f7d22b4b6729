"""prosody and ejabberd, and links that speak XMPP with stream management (XEP-0198).

The modules that mobile clients need and no more: what the defaults add (TLS, HTTP, federation, shapers) is left out in
the servers' favour. Texts go to bare addresses, as phones send them. With an archive (XEP-0313) every text is stored.
"""

import base64
import os
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.measured_server import MeasuredServer
from benchmarks.report import BenchError
from benchmarks.servers.logins import Step, log_in, say_goodbye
from benchmarks.servers.pairs import End
from benchmarks.servers.peers import TEXT_BYTES, Facts
from benchmarks.servers.processes import find_binary, serving
from benchmarks.weak.children import START_S, free_port

PASSWORD: Final = "bench"
"""Everybody's; the server listens on loopback and lives for a minute."""

ACKNOWLEDGES: Final = "<a/> of stream management, on both sides"

PROSODY: Final = """
pidfile = "{folder}/prosody.pid"
data_path = "{folder}/data"
run_as_root = true
log = {{ warn = "*console" }}
modules_enabled = {{ "roster", "saslauth", "disco", "ping", "smacks", "offline"{archive} }}
modules_disabled = {{ "s2s", "tls" }}
default_archive_policy = true
authentication = "internal_plain"
storage = "internal"
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}
VirtualHost "localhost"
"""
"""Prosody's file of settings."""

EJABBERD: Final = """
hosts: [localhost]
loglevel: error
auth_method: internal
auth_password_format: plain
default_db: mnesia
disable_sasl_mechanisms: []
listen:
  -
    port: {port}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    max_stanza_size: 262144
    backlog: 1024
modules:
  mod_offline:
    access_max_user_messages: none
  mod_roster: {{}}
  mod_disco: {{}}
  mod_ping: {{}}
  mod_stream_mgmt: {{}}
{archive}"""
"""Ejabberd's file of settings."""

EJABBERD_ARCHIVE: Final = """  mod_mam:
    default: always
    db_type: sql
sql_type: sqlite
sql_database: "{folder}/archive.db"
"""
"""What it has besides, with an archive. In mnesia, its default, each text takes longer than the one before: the table
is a bag on the disk in which all texts of a user have one key, and after 10,000 texts it does not keep up with 300 a
second."""

TAG = re.compile(rb"<(/message|message|presence|iq|r|a|stream:error|failed)(?=[\s/>])[^>]*>")
"""What matters of a stream, once it is managed."""

NUMBER = re.compile(rb"""\b(?:id|h)=['"](\d+)['"]""")
"""The number of a text, or of how many stanzas the server has handled."""

STREAM: Final = (
    b"<?xml version='1.0'?><stream:stream to='localhost' version='1.0' xmlns='jabber:client'"
    b" xmlns:stream='http://etherx.jabber.org/streams'>"
)
BIND: Final = (
    b"<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>phone</resource></bind></iq>"
)
ENABLE: Final = b"<enable xmlns='urn:xmpp:sm:3'/>"
PRESENCE: Final = b"<presence/>"
GOODBYE: Final = b"</stream:stream>"


class XmppEnd(End):
    """A client whose stream is managed: it counts stanzas, and answers what the server asks."""

    def __init__(self, link: tuple[object, bytes], other: int) -> None:
        """Take a link with what was read after `<enabled/>`, and the user at the other end."""
        super().__init__(link[0])  # type: ignore[arg-type]
        self._before = b"<message to='u%d@localhost' type='chat' id='" % other
        self._after = b"'><body>" + b"x" * TEXT_BYTES + b"</body></message><r xmlns='urn:xmpp:sm:3'/>"
        self._unread = b""
        self._handled = 0
        self.hear(link[1].partition(b">")[2])

    def say(self, count: int) -> None:
        """Send further texts, and ask for an acknowledgement of each."""
        for number in range(self.said - count + 1, self.said + 1):
            self.out += (self._before, b"%d" % number, self._after)

    def hear(self, data: bytes) -> None:
        """Take whole tags; a text counts once it is complete."""
        data = self._unread + data if self._unread else data
        end = data.rfind(b">") + 1
        self._unread = data[end:]
        for tag in TAG.finditer(data, 0, end):
            self._take(tag[1], tag[0])

    def _take(self, name: bytes, tag: bytes) -> None:
        if name == b"message":
            found = NUMBER.search(tag)
            if found is None or int(found[1]) != self.received + 1:
                raise BenchError(f"a message was lost, doubled or reordered: {tag!r}")
        elif name == b"/message":
            self.received += 1
            self._handled += 1
        elif name == b"r":
            self.out.append(b"<a xmlns='urn:xmpp:sm:3' h='%d'/>" % self._handled)
        elif name == b"a":
            found = NUMBER.search(tag)
            self.accepted = int(found[1]) if found else self.accepted
        elif name in {b"presence", b"iq"}:
            self._handled += 1
        else:
            raise BenchError(f"the server complains: {tag!r}")


class XmppServer:
    """What both servers share: the clients' side."""

    def connect(self, port: int, seats: Sequence[tuple[int, int]]) -> list[End]:
        """Log in, say that one is there, and let the stream be managed."""
        ends = [(PRESENCE, b"<presence"), (ENABLE, b"<enabled")]
        links = log_in(port, [(*authentication(user), *ends) for user, _ in seats])
        return [XmppEnd(link, other) for link, (_, other) in zip(links, seats, strict=True)]

    def come_back(self, port: int, seats: Sequence[tuple[int, int]]) -> list[End]:
        """Log in; the presence lets the mail flow."""
        links = log_in(port, [(*authentication(user), (ENABLE, b"<enabled")) for user, _ in seats])
        found: list[End] = []
        for link, (_, other) in zip(links, seats, strict=True):
            end = XmppEnd(link, other)
            end.opening = PRESENCE
            found.append(end)
        return found

    def leave(self, ends: Sequence[End]) -> None:
        """Close the streams, so that no session waits to be resumed."""
        say_goodbye([end.sock for end in ends], GOODBYE)


def authentication(user: int) -> tuple[Step, ...]:
    """Return the steps up to the bound address."""
    plain = base64.b64encode(f"\0u{user}\0{PASSWORD}".encode())
    auth = b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" + plain + b"</auth>"
    features = b"</stream:features>"
    return (STREAM, features), (auth, b"<success"), (STREAM, features), (BIND, b"</iq>")


class ProsodyPeer(XmppServer):
    """Prosody with its accounts written before it starts."""

    def __init__(self, *, archive: bool) -> None:
        self._archive = archive
        self.facts = Facts(
            name="prosody with archive" if archive else "prosody",
            made_of="prosody, smacks, offline, internal storage" + (", mam" if archive else ""),
            acknowledges=ACKNOWLEDGES,
            durable=(
                "nothing synced: each text is written to two archive files"
                if archive
                else "nothing: texts are in memory until the reader has them; offline texts are written, not synced"
            ),
            idle_links=2000,
            offline_texts=0 if archive else 60,
        )

    def missing(self) -> str:
        """Return what to install."""
        return "" if find_binary("prosody") else "apt-get install prosody"

    @contextmanager
    def serving(self, folder: Path, users: int, *, pin: bool) -> Iterator[MeasuredServer]:
        """Run prosody."""
        port = free_port()
        accounts = folder / "data" / "localhost" / "accounts"
        accounts.mkdir(parents=True)
        for user in range(users):
            (accounts / f"u{user}.dat").write_text(f'return {{ ["password"] = "{PASSWORD}"; }};\n')
        settings = folder / "prosody.cfg.lua"
        settings.write_text(PROSODY.format(folder=folder, port=port, archive=', "mam"' if self._archive else ""))
        with serving([find_binary("prosody"), "-F", "--config", str(settings)], port, folder, pin=pin) as server:
            yield server


class EjabberdPeer(XmppServer):
    """Ejabberd on one scheduler, as one CPU asks for, with its accounts made at its start."""

    def __init__(self, *, archive: bool) -> None:
        self._archive = archive
        self.facts = Facts(
            name="ejabberd with archive" if archive else "ejabberd",
            made_of="ejabberd, mnesia, stream management, offline" + (", mam in SQLite" if archive else ""),
            acknowledges=ACKNOWLEDGES,
            durable=(
                "each text is in two rows of SQLite's archive, synced as SQLite does unless it is told otherwise"
                if archive
                else "nothing: texts are in memory until the reader has them; offline texts go to a log, not synced"
            ),
            idle_links=2000,
            offline_texts=0 if archive else 60,
        )

    def missing(self) -> str:
        """Return what to install."""
        if not (ejabberd_code() and shutil.which("erl")):
            return "apt-get install ejabberd"
        there = not self._archive or any(Path("/usr/lib").glob("**/p1_sqlite3-*"))
        return "" if there else "apt-get install erlang-p1-sqlite3"

    @contextmanager
    def serving(self, folder: Path, users: int, *, pin: bool) -> Iterator[MeasuredServer]:
        """Run ejabberd."""
        port = free_port()
        settings, ready = folder / "ejabberd.yml", folder / "ready"
        archive = EJABBERD_ARCHIVE.format(folder=folder) if self._archive else ""
        settings.write_text(EJABBERD.format(port=port, archive=archive))
        accounts = (
            'lists:foreach(fun(N) -> ejabberd_auth:try_register(iolist_to_binary(io_lib:format("u~b", [N])),'
            f' <<"localhost">>, <<"{PASSWORD}">>) end, lists:seq(0, {users - 1})), file:write_file("{ready}", "")'
        )
        # No node name, so that neither epmd nor a cookie is needed; one scheduler that does not spin.
        command = [shutil.which("erl") or "", "-noinput", "+K", "true", "+P", "250000", "+S", "1:1", "+sbwt", "none"]
        command += ["-mnesia", "dir", f'"{folder}/mnesia"', "-s", "ejabberd", "-eval", accounts]
        more = {
            "EJABBERD_CONFIG_PATH": str(settings),
            "EJABBERD_LOG_PATH": str(folder / "ejabberd.log"),
            "ERL_CRASH_DUMP": str(folder / "crash.dump"),
            "ERL_LIBS": os.pathsep.join(filter(None, (os.environ.get("ERL_LIBS"), str(ejabberd_code())))),
            "HOME": str(folder),
        }
        with serving(command, port, folder, pin=pin, more=more) as server:
            until_s = time.monotonic() + START_S
            while not ready.exists():
                if time.monotonic() > until_s:
                    raise BenchError(f"ejabberd has not made its accounts after {START_S:.0f} s")
                time.sleep(0.05)
            yield server


def ejabberd_code() -> Path | None:
    """Return the folder that holds ejabberd's own code, as Debian lays it out."""
    found = sorted(Path("/usr/lib").glob("*/ejabberd-*/ebin/ejabberd.beam"))
    return found[-1].parents[2] if found else None
