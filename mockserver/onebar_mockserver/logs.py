"""The log: structured events without personal data, as JSON for machines or as lines for people.

Modules log with the standard library, `logger.warning("what happened", extra={"device": 7})`, so that a backend inside
somebody's test does as the test's own logging says; the `onebar-mockserver` process renders it all with structlog.

What is logged are accounts' and devices' numbers, names of events, counts and times. Never logged: phone numbers,
contents, keys, codes, query strings, and of an address no more than its network. The libraries' own messages go the
same way, and `scrub` takes out phone numbers should an exception's text hold one.
"""

import logging
import re
import sys
import traceback
from typing import Final, TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from onebar_mockserver.config import LogSettings

_PHONE: Final = re.compile(r"\+\d{7,15}")
_LIBRARIES: Final = ("uvicorn", "websockets", "asyncio", "httpx", "httpcore", "hpack")


def configure(settings: LogSettings, *, production: bool, stream: TextIO | None = None) -> None:
    """Send everything that is logged to the stream (standard error), in the form that the settings name."""
    stream = stream or sys.stderr
    as_json = settings.format == "json" or (settings.format == "auto" and production)
    rendered: list[Processor] = (
        [structlog.processors.ExceptionRenderer(), scrub, structlog.processors.JSONRenderer(sort_keys=True)]
        if as_json
        else [scrub, structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=_plain)]
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.ExtraAdder(),
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendered],
        )
    )
    logging.basicConfig(level=settings.level.upper(), handlers=[handler], force=True)
    for name in _LIBRARIES:  # what they say below a warning is about single connections, with push tokens in addresses
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


def _plain(stream: TextIO, raised: ExcInfo) -> None:
    stream.write("\n" + _PHONE.sub("+…", "".join(traceback.format_exception(raised[1]))))


def scrub(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Take phone numbers out of every text of an event."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = _PHONE.sub("+…", value)
    return event
