"""The log: readable or JSON, with what was extra, and nothing of a person in it."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from onebar_mockserver.config import LogSettings
from onebar_mockserver.logs import configure

logger = logging.getLogger("onebar_mockserver.tests")


@pytest.fixture(autouse=True)
def logging_is_restored() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)
    for name in ("uvicorn", "websockets", "asyncio"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def failing(stream: io.StringIO) -> None:
    try:
        raise ValueError("no such phone: +4915112345678")
    except ValueError:
        logger.exception("turn failed", extra={"device": 7, "detail": "of +4915112345678, too"})


def test_production_logs_json() -> None:
    stream = io.StringIO()
    configure(LogSettings(), production=True, stream=stream)
    failing(stream)
    said = json.loads(stream.getvalue())
    assert (said["event"], said["level"], said["device"], said["detail"]) == ("turn failed", "error", 7, "of +…, too")
    assert "ValueError: no such phone: +…" in said["exception"]
    assert said["timestamp"].endswith("Z")


def test_a_terminal_gets_lines() -> None:
    stream = io.StringIO()
    configure(LogSettings(), production=False, stream=stream)
    failing(stream)
    first = stream.getvalue().splitlines()[0]
    assert "turn failed" in first
    assert "device=7" in first
    assert "Traceback" in stream.getvalue()
    assert "no such phone: +…" in stream.getvalue()
    assert "15112345678" not in stream.getvalue()


def test_levels() -> None:
    stream = io.StringIO()
    configure(LogSettings(format="json", level="warning"), production=False, stream=stream)
    logger.info("unsaid")
    logging.getLogger("uvicorn.error").info("unsaid")
    logger.warning("said %d times", 1)
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["said 1 times"]
