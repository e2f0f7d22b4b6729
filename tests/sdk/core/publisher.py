"""A scripted device whose server counts one-time prekeys and may refuse what is published; and a KEM for tests."""

import hashlib
from collections.abc import Callable

import msgspec

from onebar.config import Config
from onebar.core.engine import Engine
from onebar.core.frames import Request, Response, Stock, decode_as, encode
from onebar.core.questions import Publish
from onebar.core.turn import LinkLost, Turn
from onebar.crypto import certificates
from onebar.crypto.certificates import DeviceList
from onebar.crypto.kem import CIPHERTEXT_BYTES, PUBLIC_BYTES, SECRET_BYTES, Kem
from tests.sdk.core.scripted import Scripted


class ToyKem:
    """Has the lengths of ML-KEM-768 and none of its strength; the library is not there on every machine."""

    name = "toy"

    def keypair(self, entropy: Callable[[int], bytes]) -> tuple[bytes, bytes]:
        """Return a public key and its secret."""
        secret = entropy(SECRET_BYTES)
        return hashlib.shake_256(secret).digest(PUBLIC_BYTES), secret

    def encapsulate(self, public: bytes) -> tuple[bytes, bytes]:
        """Return a secret that is none."""
        return hashlib.sha256(public).digest(), bytes(CIPHERTEXT_BYTES)

    def decapsulate(self, secret: bytes, ciphertext: bytes) -> bytes:
        """Return the same."""
        return hashlib.sha256(self.keypair(lambda _: secret)[0]).digest()


class Publisher(Scripted):
    """A device with prekeys to publish."""

    def __init__(self, one_time: int = 0, kem: Kem | None = None) -> None:
        super().__init__()
        self.config = Config(host="server.test", one_time_prekeys=one_time)
        self.engine = Engine(self.store, self.dice.randbytes, self.config, kem)
        self.published: list[Publish] = []
        self.refusal = ""
        """What each Publish is answered with, if anything."""

    def _answer_to(self, request: Request) -> Response | None:
        if request.method != "publish" or Publish in self.silent:
            return super()._answer_to(request)
        one = decode_as(Publish, request.params)
        self.published.append(one)
        if self.refusal:
            return Response(request.no, self.refusal)
        left, left_kem = self.stock.one_time + len(one.one_time), self.stock.one_time_kem + len(one.one_time_kem)
        super()._answer_to(request)
        self.stock = Stock(self.stock.list_counter, self.stock.bundle_ms, left, left_kem)
        return Response(request.no, "", msgspec.Raw(encode(self.stock)))

    def reconnect(self, link_no: int, after_s: float = 60) -> int:
        """Lose the link, and come back later; returns the new link."""
        self.give(LinkLost(link_no, "cut"))
        self.wait(after_s)
        link_no = self.dials[0].link_no
        self.welcome_back(link_no)
        return link_no

    def welcome_back(self, link_no: int) -> Turn:
        """Answer a dial with what the device knows."""
        device = self.engine.device
        return self.welcome(link_no, mark=device.floor, mark_hash=device.floor_hash, cursor=device.cursor)

    @property
    def own_list(self) -> DeviceList:
        """The device list that the server has."""
        return certificates.list_from_bytes(self.devices)
