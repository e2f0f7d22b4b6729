"""Reports: only by those to whom the reported account has written, of a number that it has used and that has come."""

from onebar.core.questions import Report
from onebar_mockserver.ports import Registered
from tests.mockserver.sqlite.setting import Setting, said


def report(setting: Setting, by: Registered, of: Registered, out_no: int = 1) -> str:
    return setting.ask(by, Report(of.account, of.device, out_no)).error


def test_a_report_names_what_was_delivered_to_its_reporter(setting: Setting) -> None:
    spammer, alice, bob = (setting.register(f"+49{number}", number) for number in (1, 2, 3))
    assert report(setting, alice, spammer) == "not_delivered", "it has said nothing yet"
    setting.judge(spammer.device, said(1, alice))
    assert report(setting, alice, spammer) == "not_delivered", "it waits"
    setting.ack(alice.device, 1)
    assert report(setting, alice, spammer) == ""
    assert report(setting, alice, spammer) == ""
    assert report(setting, alice, spammer, 2) == "not_delivered"
    assert report(setting, bob, spammer) == "not_delivered"
    assert report(setting, spammer, spammer) == "no_account"
    assert report(setting, alice, Registered(bob.account, spammer.device)) == "no_account"
    rows = setting.connection.execute("SELECT account, reporter, times FROM reports").fetchall()
    assert rows == [(spammer.account, alice.account, 2)]


def test_one_of_several_devices_has_it(setting: Setting) -> None:
    spammer, alice = setting.register("+491", 1), setting.register("+492", 2)
    second = setting.replace(alice, 3)
    setting.judge(spammer.device, said(1, second))
    setting.ack(second.device, 1)
    assert report(setting, second, spammer) == ""
