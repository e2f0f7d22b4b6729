import sys
from pathlib import Path

import pytest
from benchmarks.report import BenchError
from benchmarks.weak.children import free_port, running

LISTEN = "import socket, sys, time; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); time.sleep(60)"


@pytest.mark.process
async def test_a_server_is_there_inside_the_block_and_gone_after_it(tmp_path: Path) -> None:
    port = free_port()
    async with running("listener", [sys.executable, "-c", LISTEN, str(port)], port, tmp_path) as served:
        assert served == port
    assert free_port()  # nothing is left to wait for


@pytest.mark.process
async def test_a_server_that_does_not_start_is_told_with_its_last_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such setting')"]
    with pytest.raises(BenchError, match="exit code 1: no such setting"):
        async with running("broken", command, free_port(), tmp_path):
            pass
