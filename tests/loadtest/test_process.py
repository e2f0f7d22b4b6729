"""The side of a Locust process that has phones."""

import gevent
from gevent.event import Event

from onebar_loadtest import rows
from onebar_loadtest.process import PhonesProcess
from onebar_loadtest.run import Run, take_over
from onebar_loadtest.thresholds import load
from onebar_loadtest.users import PhoneUser
from tests.loadtest.hub import PATIENCE_S, SETTINGS, phones_of, served, until, user


def test_users_are_phones_until_the_run_ends() -> None:
    requests: list[str] = []
    with served() as server:
        _live(phones_of(server, lambda row, took_s: requests.append(row)))
    assert rows.END_TO_END in requests


def _live(process: PhonesProcess) -> None:
    run = Run(SETTINGS, load(), None, lambda text: None)
    measuring = Event()
    taking = gevent.spawn(take_over, run, process)
    users = [gevent.spawn(user(PhoneUser, process).session) for _ in range(2)]
    until(lambda: len(process.fleet.phones) == 2)
    process.everybody_is_there(measuring.set)
    assert measuring.wait(PATIENCE_S)
    run.schedule(lambda: None)
    until(lambda: run.record.tally().delivered > 2)
    process.stopping = True
    gevent.killall(users)
    assert all(phone.awake for phone in process.fleet.phones), "for the last messages"
    taking.kill()
    run.record.merge(process.settle())
    process.close()
    tally = run.record.tally()
    assert tally.right
    assert tally.delivered == tally.sent > 2
    cost = run.record.cost
    assert min(cost.lasts_s, cost.messages, cost.cpu_s, cost.up_bytes, cost.down_bytes) > 0
    assert {rows.CONNECT, rows.END_TO_END, rows.LOOP_LAG, rows.HUB_DRIFT} <= set(run.record.rows)
