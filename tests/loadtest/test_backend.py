import socket
from urllib.parse import urlsplit

import pytest

from onebar_loadtest import backend
from onebar_loadtest.backend import Backend, BackendError

STAND_IN = """
import socket, sys
port = int(sys.argv[sys.argv.index("--port") + 1])
listener = socket.create_server(("127.0.0.1", port))
print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}, data in memory", flush=True)
while True:
    listener.accept()
"""


@pytest.mark.process
def test_a_backend_comes_back_at_the_same_place_after_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in for the server, which starts sixty times as fast; the real one is `make loadtest`."""
    monkeypatch.setattr(backend, "PROGRAM", ("-S", "-c", STAND_IN))
    running = Backend()
    try:
        url, pid = running.url, running.pid
        running.crash()
        assert (running.url, running.restarts) == (url, 1)
        assert running.pid != pid
        parts = urlsplit(url)
        socket.create_connection((parts.hostname or "", parts.port or 0), 10).close()
        sample = running.sample()
        assert sample is not None
        assert sample[0] >= 0
        assert sample[1] > 1
    finally:
        running.close()
    assert running.sample() is None
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((parts.hostname or "", parts.port or 0), 10)


@pytest.mark.process
def test_a_backend_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(BackendError, match="did not start"):
        Backend()
