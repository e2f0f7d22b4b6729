"""paho-mqtt and mosquitto: QoS 2 and a persistent session, as their manuals say for "exactly once".

Client: paho's documentation of `Client` (clean_session=False, QoS 2, an unlimited queue, `loop_start`, which connects
again by itself, `reconnect_delay_set`). Server: mosquitto.conf(5), persistence saved at every change. Both allow all
texts of a burst to be under way at once, where the default is 20. With 1, which alone "will guarantee in-order
delivery" (max_inflight_messages), a burst would take one and a half round trips for each of its texts.
"""

import asyncio
import contextlib
import importlib.util
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.weak.children import free_port, running
from benchmarks.weak.peers import Ears, Facts, Phone, Seat

FACTS: Final = Facts(
    name="mqtt",
    made_of="paho-mqtt, mosquitto; QoS 2, persistent sessions",
    encrypts="no",
    fsyncs="no: it writes and fsyncs its file after each change, and acknowledges before",
    cannot="keep unsent texts when the app ends; keep the order when a connection ends, except one text at a time",
    photos="one binary message, QoS 2: again from its first byte when a connection ends",
)

KEEPALIVE_S: Final = 5
"""Where the default is 60 s: a dead connection is found after one to two of it. A real app asks less often, for its
battery."""

PHOTOS_KEEPALIVE_S: Final = 60
"""The default, where there are photos: an answer waits behind a photo, and on 2G no photo ever came with less."""

RECONNECT_S: Final = (1, 8)
"""Shortest and longest pause before the next try; the default goes up to 120 s."""

INFLIGHT: Final = 200
"""Texts under way at once, both ways."""

SETTINGS: Final = """
user root
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/
autosave_interval 1
autosave_on_changes true
max_inflight_messages {inflight}
max_queued_messages 0
set_tcp_nodelay true
log_dest stderr
log_type error
"""
"""Mosquitto's file of settings."""


def binary() -> str:
    """Return where mosquitto is; Debian puts it where only root's path looks."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin") or ""


class MqttPhone:
    """An app around `paho.mqtt.client.Client` with its own network thread."""

    def __init__(self, seat: Seat, ears: Ears) -> None:
        from paho.mqtt import client as paho

        self._seat, self._ears = seat, ears
        self._loop = asyncio.get_running_loop()
        self._client: Any = paho.Client(
            paho.CallbackAPIVersion.VERSION2, client_id=f"u{seat.user}", clean_session=False
        )
        self._client.max_inflight_messages_set(INFLIGHT)
        self._client.max_queued_messages_set(0)
        self._client.reconnect_delay_set(*RECONNECT_S)
        self._client.on_connect = self._connected
        self._client.on_message = self._message

    async def start(self) -> None:
        """Connect, in paho's thread."""
        keepalive_s = PHOTOS_KEEPALIVE_S if self._seat.photos else KEEPALIVE_S
        self._client.connect_async("127.0.0.1", self._seat.port, keepalive=keepalive_s)
        self._client.loop_start()

    async def send(self, text: str) -> None:
        """Publish; the library keeps it while there is no connection."""
        self._client.publish(f"chat/u{self._seat.other}", text.encode(), qos=2)

    async def send_photo(self, content: bytes) -> None:
        """Publish it like a text: the protocol has no other way."""
        self._client.publish(f"photo/u{self._seat.other}", content, qos=2)

    @property
    def online(self) -> bool:
        """Whether the broker has accepted the connection."""
        return bool(self._client.is_connected())

    def network_changed(self) -> None:
        """End the socket of the old address: paho's thread then connects again."""
        sock = self._client.socket()
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    async def close(self) -> None:
        """Disconnect and end the thread."""
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    def _connected(self, client: Any, *_: object) -> None:
        client.subscribe([(f"{kind}/u{self._seat.user}", 2) for kind in ("chat", "photo")])

    def _message(self, _: object, __: object, message: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the bench is over
            if message.topic.startswith("photo/"):
                self._loop.call_soon_threadsafe(self._ears.photo, message.payload)
            else:
                self._loop.call_soon_threadsafe(self._ears.text, message.payload.decode())


class MqttPeer:
    """Mosquitto with a file of settings."""

    facts: Final = FACTS

    def missing(self) -> str:
        """Return what to install."""
        if not binary():
            return "apt-get install mosquitto"
        return "" if importlib.util.find_spec("paho") else "pip install 'onebar[bench]'"

    @asynccontextmanager
    async def serving(self, folder: Path, *, photos: bool = False) -> AsyncIterator[int]:  # noqa: ARG002
        """Run mosquitto; photos need nothing else."""
        port = free_port()
        settings = folder / "mosquitto.conf"
        settings.write_text(SETTINGS.format(folder=folder, port=port, inflight=INFLIGHT))
        async with running("mosquitto", [binary(), "-c", str(settings)], port, folder):
            yield port

    def phone(self, seat: Seat, ears: Ears) -> Phone:
        """Make a phone."""
        return MqttPhone(seat, ears)
