"""Locust's users, and a scenario of an app team's own as the documentation shows it."""

import re
from pathlib import Path
from typing import Any

import gevent
import pytest
from locust.exception import StopUser

from onebar_loadtest import hooks
from onebar_loadtest.registering import RegisteringError
from onebar_loadtest.users import PhoneUser
from tests.loadtest.hub import phones_of, served, until, user

PAGE = Path(__file__).resolve().parents[2] / "docs" / "load-testing.md"


def lives(made: Any) -> None:
    with pytest.raises(StopUser):
        made.session()


def test_the_documented_scenario_runs_and_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a user that ends before the run switches its phone off."""
    monkeypatch.setattr(hooks, "install", lambda: None)  # it would patch this process's time
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(code.strip().splitlines()) <= 20
    scope: dict[str, Any] = {"__name__": "scenario"}
    exec(compile(code, str(PAGE), "exec"), scope)
    kind = next(value for value in scope.values() if isinstance(value, type) and value.__module__ == "scenario")
    assert issubclass(kind, PhoneUser)
    with served() as server:
        process = phones_of(server)
        users = [gevent.spawn(lives, user(kind, process)) for _ in range(2)]
        until(lambda: process.fleet.ledger.tally.delivered >= 2)
        users[0].kill()
        until(lambda: not process.fleet.phones[0].awake)
        process.stopping = True
        users[1].kill()
        assert process.settle().tally().right
        process.close()


def test_a_phone_that_cannot_be_registered_is_a_failed_request() -> None:
    failed: list[Any] = []
    made = object.__new__(PhoneUser)

    class Environment:
        class onebar:  # noqa: N801
            class process:  # noqa: N801
                class bridge:  # noqa: N801
                    @staticmethod
                    def run(work: Any) -> None:
                        work.close()
                        raise RegisteringError("HTTP 403")

        class events:  # noqa: N801
            class request:  # noqa: N801
                fire = staticmethod(lambda **told: failed.append(told))

    made.environment = Environment
    lives(made)
    assert failed[0]["name"] == "register"
    assert isinstance(failed[0]["exception"], RegisteringError)
