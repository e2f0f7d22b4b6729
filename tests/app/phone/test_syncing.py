"""The service is started with what its process needs to know."""

from types import SimpleNamespace

import pytest

from onebar_app.phone import syncing
from tests.app.phone.test_buildozer import option


def test_the_service_gets_server_and_database(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[object, str]] = []
    classes = {syncing.SERVICE: SimpleNamespace(start=lambda context, said: started.append((context, said)))}
    monkeypatch.setattr(syncing, "java", classes.__getitem__)
    syncing.start("activity", "https://chat.example.org", "/data/onebar.db")
    assert started == [("activity", "https://chat.example.org\n/data/onebar.db")]


def test_its_class_is_the_one_that_the_build_makes() -> None:
    package = f"{option('package.domain')}.{option('package.name')}"
    name = option("services").split(":")[0]
    assert f"{package}.Service{name.capitalize()}" == syncing.SERVICE
