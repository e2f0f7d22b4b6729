"""Figures for Prometheus: what a conversation, rejections and refusals leave in them."""

import sqlite3
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from onebar.core.frames import Accepted, Ack, Deliver, Delivered, Refused
from onebar.crypto.http_tokens import authorization
from onebar.crypto.keys import DeviceKeys
from onebar_mockserver import MockServer
from onebar_mockserver.app import now_ms
from onebar_mockserver.attachment_answers import PATH
from onebar_mockserver.blobs import BlobLimits
from onebar_mockserver.metrics import Metrics
from onebar_mockserver.sqlite.database import FILE_NAME
from tests.mockserver.attachment_server import BODY
from tests.mockserver.rawclient import Keys, Phone, register, submit, to, welcomed

ALICE_PHONE = "+4915112345678"


def read(text: bytes) -> dict[str, float]:
    """Return every sample, `name{label}` by its value."""
    found = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            labels = ",".join(value for key, value in sample.labels.items() if key != "le")
            if not sample.name.endswith("_bucket"):
                found[sample.name + (f"{{{labels}}}" if labels else "")] = sample.value
    return found


async def test_what_a_conversation_leaves(server: MockServer, alice: Phone, bob: Phone, tmp_path: Path) -> None:
    backend = server._backend
    assert backend is not None
    reader, sender = await welcomed(bob), await welcomed(alice)
    await sender.send(submit(1, to(bob, b"x" * 100)))
    await sender.until(Accepted)
    seq = (await reader.until(Deliver)).seq
    await sender.send(submit(2))
    await sender.until(Accepted)
    await sender.send(submit(2))  # asked again: the same verdict, counted once
    await sender.until(Accepted)
    stranger = Phone(server.url, alice.account, alice.device, Keys(), alice.connection_no)
    assert (await (await stranger.dial()).take(Refused)).reason == "unauthenticated"
    figures = read(await backend.scrape())
    assert figures["onebar_links"] == 2
    assert figures["onebar_frames_received_total{Submit}"] == 3
    assert figures["onebar_frames_sent_total{Welcome}"] == 2
    assert figures["onebar_frames_sent_total{Deliver}"] == 1
    assert figures["onebar_frames_sent_total{Accepted}"] == 3
    assert figures["onebar_messages_rejected_total{no_recipients}"] == 1
    assert figures["onebar_links_refused_total{unauthenticated}"] == 1
    assert figures["onebar_http_requests_total{200}"] == 2
    assert figures["onebar_http_requests_total{202}"] == 2
    assert figures["onebar_turn_seconds_count"] >= figures["onebar_commit_seconds_count"] - 4 > 0
    assert (figures["onebar_mailboxes"], figures["onebar_mailbox_largest_bytes"]) == (1, 140)
    assert figures["onebar_links_paused"] == figures["onebar_draining"] == 0
    assert figures["onebar_inputs_waiting"] <= 1, "the end of the refused link may be on its way"
    assert figures["onebar_engine_recoveries"] == 0
    assert figures["process_open_fds"] > 0
    await reader.send(Ack(1, seq))
    await sender.until(Delivered)
    assert read(await backend.scrape())["onebar_mailboxes"] == 1, "sizes are looked up once a minute"


async def test_what_attachments_leave(tmp_path: Path) -> None:
    async with MockServer(tmp_path / "data", blob_limits=BlobLimits(quota_bytes=100)) as server:
        backend = server._backend
        assert backend is not None
        alice = await register(server, ALICE_PHONE)
        signed = DeviceKeys(bytes(alice.keys.signing), bytes(alice.keys.box))
        host = server.url.removeprefix("http://")
        token = authorization(signed, host, alice.account, alice.device, now_ms())
        headers = {"Authorization": token, **BODY, "Upload-Length": "60"}
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.post(f"{server.url}{PATH}", headers=headers, content=b"x" * 20)).status_code == 201
            assert (await client.post(f"{server.url}{PATH}", headers=headers)).status_code == 403
        figures = read(await backend.scrape())
    assert (figures["onebar_blobs"], figures["onebar_blob_bytes"]) == (1, 20)
    assert (figures["onebar_blobs_unfinished"], figures["onebar_blob_bytes_awaited"]) == (1, 40)
    assert figures["onebar_refusals_total{quota_bytes}"] == 1
    assert figures["onebar_uploads_running"] == figures["onebar_downloads_running"] == 0


async def test_a_database_in_trouble_does_not_stop_the_scrape(server: MockServer, tmp_path: Path) -> None:
    backend = server._backend
    assert backend is not None
    with sqlite3.connect(tmp_path / "data" / FILE_NAME) as connection:
        connection.execute("ALTER TABLE positions RENAME TO gone")
    connection.close()
    assert read(await backend.scrape())["onebar_mailboxes"] == 0


def test_a_figure_of_anybody() -> None:
    metrics, counts = Metrics(), {"Unregistered": 2, "sent": 3}
    metrics.counter("onebar_pushes", "Pushes", "result", counts)
    metrics.gauge("onebar_depth", "Depth", lambda: 7)
    figures = read(metrics.exposition())
    assert figures["onebar_pushes_total{sent}"] == 3
    assert figures["onebar_pushes_total{Unregistered}"] == 2
    assert figures["onebar_depth"] == 7
    metrics.commit(0.004)
    assert b'onebar_commit_seconds_bucket{le="0.005"} 1.0' in metrics.exposition()


def test_a_counter_may_differ_in_two_labels() -> None:
    metrics = Metrics()
    metrics.counter("onebar_x", "X", ("gateway", "result"), {("apns", "sent"): 2, ("fcm", "gone"): 1})
    figures = read(metrics.exposition())
    assert (figures["onebar_x_total{apns,sent}"], figures["onebar_x_total{fcm,gone}"]) == (2, 1)
