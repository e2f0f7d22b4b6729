from contextlib import closing
from pathlib import Path

import pytest
from benchmarks.servers.measure import close_ends
from benchmarks.servers.pairs import Pairs
from benchmarks.servers.with_onebar import OnebarPeer, register
from benchmarks.stored_mail import fill

from onebar_mockserver.checking import check


def test_what_is_written_in_bulk_breaks_no_rule_of_the_database(tmp_path: Path) -> None:
    devices = register(tmp_path / "data", 4)
    assert fill(tmp_path / "data", devices[1:], 7) > 0
    found = check(tmp_path / "data")
    assert (found.problems, found.counts["entries"]) == ([], 21)


@pytest.mark.process
def test_a_server_delivers_it_to_its_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def filled(data: Path, count: int) -> object:
        devices = register(data, count)
        fill(data, devices, 300)
        return devices

    monkeypatch.setattr("benchmarks.servers.with_onebar.register", filled)
    peer = OnebarPeer()
    with peer.serving(tmp_path, 2, pin=False) as server:
        (reader,) = peer.come_back(server.port, [(1, 0)])
        with closing(Pairs([(reader, reader)])) as pairs:
            pairs.drain(300)
        close_ends([reader])
    assert reader.received == 300
