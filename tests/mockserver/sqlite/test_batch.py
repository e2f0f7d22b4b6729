"""One transaction's view of the devices."""

from onebar_mockserver.ports import Appended, Entry, Kind
from onebar_mockserver.sqlite.batch import Batch, entry_bytes
from tests.mockserver.sqlite.setting import Setting, row_of

ENTRY = Entry(0, Kind.ENVELOPE, 1, 1, 1, 0, 0, b"body")


def test_unknown_device(setting: Setting) -> None:
    assert setting.run(lambda batch: batch.device(5)) is None


def test_a_row_is_read_once(setting: Setting) -> None:
    device = setting.register("+491", 1).device
    assert setting.run(lambda batch: batch.device(device) is batch.device(device))


def test_appended_entries_are_numbered_and_reported_in_order(setting: Setting) -> None:
    device = setting.register("+491", 1).device

    def work(batch: Batch) -> list[Appended]:
        for _ in range(2):
            batch.append(row_of(batch, device), ENTRY)
        return batch.appended

    first, second = setting.run(work)
    assert (first.device, first.head, first.entry.seq) == (device, 0, 1)
    assert (second.head, second.entry.seq) == (1, 2)
    assert setting.row(device).position.mailbox_bytes == 2 * entry_bytes(ENTRY)


def test_active_leaves_removed_devices_out(setting: Setting) -> None:
    first = setting.register("+491", 1)
    second = setting.register("+491", 2)
    assert first.account == second.account
    assert setting.run(lambda batch: batch.active(first.account)) == (second.device,)


def test_notices_for_removed_senders_are_left_out(setting: Setting) -> None:
    gone = setting.register("+491", 1).device
    setting.register("+491", 2)
    about = setting.register("+492", 3).device
    setting.run(lambda batch: batch.notify(gone, row_of(batch, about), 1, "expired"))
    assert setting.mail(gone) == []
