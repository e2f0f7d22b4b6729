"""`onebar-mockserver`, ended by the end of its standard input: so it never outlives a harness that was killed.

Without rates: its phones say in a minute what people say in an hour.
"""

import functools
import os
import signal
import sys
import threading

from onebar_mockserver import __main__ as program
from onebar_mockserver.app import Backend
from onebar_mockserver.limits import ServerLimits


def end_with_standard_input() -> None:
    """Wait for the end of standard input, and then do what Ctrl-C does."""
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    threading.Thread(target=end_with_standard_input, daemon=True).start()
    program.Backend = functools.partial(Backend, limits=ServerLimits(rates={}))  # type: ignore[misc, assignment]
    sys.exit(program.main())
