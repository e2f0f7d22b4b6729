from pathlib import Path

import pytest
from benchmarks.report import BenchError
from benchmarks.servers.with_onebar import register
from benchmarks.storm.flood import flood

from onebar_mockserver import MockServer


async def test_everybody_is_welcomed_and_a_stranger_fails_the_run(tmp_path: Path) -> None:
    devices = register(tmp_path / "data", 3)
    async with MockServer(tmp_path / "data") as server:
        waits_s = await flood(server.port, devices, [0.0, 0.02, 0.0])
        assert len(waits_s) == 3
        assert min(waits_s) > 0
    async with MockServer() as other:
        with pytest.raises(BenchError, match="did not welcome"):
            await flood(other.port, devices, [0.0, 0.0, 0.0])
