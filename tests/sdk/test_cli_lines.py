"""What is printed: one line for each thing, which steers no terminal."""

import json
from dataclasses import replace

from onebar import Trust
from onebar.cli_lines import device_line, event_line, message_line, safety_lines
from onebar.crypto.safety_numbers import safety_number
from onebar.events import (
    CHAT_EVENTS,
    AttachmentFailed,
    AttachmentReceived,
    DeviceRemoved,
    DeviceReplaced,
    DevicesChanged,
    MessageFailed,
    MessageRead,
    MessageReceived,
    MessageSent,
    MessageUnsupported,
    Resync,
    SafetyNumberChanged,
    SessionHealed,
)
from onebar.models import AccountDevice, Attachment, Message, MessageState, TransferState

BOB = "+12025550102"


def test_events_as_lines() -> None:
    received = MessageReceived(5, 2, BOB, "hi\x1b[2J ü")
    assert event_line(received, as_json=False) == f"{BOB}: hi\\u001b[2J ü"
    line = event_line(received, as_json=True)
    assert line.isascii()
    assert json.loads(line) == {
        "event_no": 5,
        "event": "MessageReceived",
        "message_no": 2,
        "chat": BOB,
        "text": "hi\x1b[2J ü",
    }
    assert event_line(MessageSent(6, 3, BOB), as_json=False) == f"{BOB}: message 3 sent"
    failed = MessageFailed(7, 3, BOB, "expired", "too_old")
    assert event_line(failed, as_json=False) == f"{BOB}: message 3 expired (too_old)"
    assert "removed" in event_line(DeviceRemoved(8, "device_removed"), as_json=False)
    news = [SafetyNumberChanged(10, BOB), DevicesChanged(11, BOB), SessionHealed(12, BOB)]
    shown = [event_line(event, as_json=False) for event in news]
    assert [line.startswith(f"{BOB}: ") for line in shown] == [True] * 3
    assert "onebar safety" in shown[0]
    assert json.loads(event_line(news[0], as_json=True)) == {
        "event_no": 10,
        "event": "SafetyNumberChanged",
        "chat": BOB,
    }
    assert event_line(MessageRead(13, 3, BOB), as_json=False) == f"{BOB}: message 3 read"
    assert event_line(MessageUnsupported(14, 4, BOB), as_json=False) == f"{BOB}: message 4 unsupported"
    assert "new number" in event_line(DeviceReplaced(15), as_json=False)
    assert "onebar save" in event_line(AttachmentReceived(16, 4, BOB), as_json=False)
    assert "(gone)" in event_line(AttachmentFailed(17, 4, BOB, "gone"), as_json=False)
    assert event_line(Resync(9), as_json=False) == "Resync"


def test_messages_as_lines() -> None:
    message = Message(4, BOB, True, MessageState.REJECTED, "hi\nyou", 1_700_000_000_000, "mailbox_full")
    assert message_line(message, as_json=False) == f"4 > {BOB} rejected (mailbox_full): hi\\u000ayou"
    assert json.loads(message_line(message, as_json=True))["state"] == "rejected"
    file = Attachment("file", "", "a\n.txt", 100, 0, 0, 0, b"h", b"", b"", TransferState.WAITING, "", 200, 50, 0)
    message = Message(5, BOB, False, MessageState.RECEIVED, "look", 0, attachment=file)
    line = f"5 < {BOB} received: [file a\\u000a.txt, 100 bytes, waiting 25 %] look"
    assert message_line(message, as_json=False) == line
    assert json.loads(message_line(message, as_json=True))["attachment"]["thumbhash"] == "aA=="
    message = replace(message, attachment=replace(file, state=TransferState.DONE, name=""))
    assert message_line(message, as_json=False) == f"5 < {BOB} received: [file, 100 bytes] look"
    received = Message(5, BOB, False, MessageState.RECEIVED, "hi", 1_700_000_000_000)
    assert message_line(received, as_json=False) == f"5 < {BOB} received: hi"
    unsupported = Message(6, BOB, False, MessageState.UNSUPPORTED, "", 1_700_000_000_000)
    assert message_line(unsupported, as_json=False) == f"6 < {BOB} unsupported: "


def test_every_event_about_a_chat_has_its_sentence() -> None:
    for kind in CHAT_EVENTS.values():
        assert event_line(kind(1, BOB), as_json=False) != kind.__name__


def test_a_safety_number_as_people_compare_it() -> None:
    number = safety_number(b"1", b"a" * 32, b"2", b"b" * 32)
    shown = safety_lines(BOB, number, Trust.CHANGED, as_json=False)
    assert [len(line.split()) for line in shown] == [4, 4, 4, 1]
    assert "".join(shown[:3]).replace(" ", "") == number.digits
    assert shown[3] == "changed"
    record = json.loads(safety_lines(BOB, number, Trust.VERIFIED, as_json=True)[0])
    assert record == {"chat": BOB, "digits": number.digits, "trust": "verified"}


def test_devices_as_lines() -> None:
    device = AccountDevice(7, True, 1_700_000_000_000)
    assert device_line(device, as_json=False) == "7 since 2023-11-14 (this one)"
    assert device_line(AccountDevice(8, False, 0), as_json=False) == "8 since 1970-01-01"
    named = AccountDevice(9, False, 0, "the kitchen's")
    assert device_line(named, as_json=False) == "9 the kitchen's since 1970-01-01"
    assert "kitchen" not in repr(named)
    assert json.loads(device_line(device, as_json=True)) == {
        "number": 7,
        "this": True,
        "created_ms": 1_700_000_000_000,
        "name": "",
    }
