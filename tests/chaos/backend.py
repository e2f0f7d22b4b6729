"""`onebar-mockserver`, ended by the end of its standard input: so it never outlives a harness that was killed.

Without rates: its phones say in a minute what people say in an hour.
"""

import os
import signal
import sys
import threading

from onebar_mockserver import __main__ as program


def end_with_standard_input() -> None:
    """Wait for the end of standard input, and then do what Ctrl-C does."""
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    threading.Thread(target=end_with_standard_input, daemon=True).start()
    os.environ["ONEBAR_RATED"] = "false"
    sys.exit(program.main())
