from contextlib import ExitStack

import pytest
from benchmarks.crypto_peers import Peer
from benchmarks.crypto_sides import TEXT, OurDevice, Pair, check, message_us, our_pair
from benchmarks.goals import CRYPTO, goal_of
from benchmarks.report import BenchError, Report

from benchmarks import crypto
from onebar.crypto import sessions
from onebar.crypto.kem import find_kem
from tests.interop.with_libsignal import MissingError

PEER = Peer("peer", "peer 1", lambda count: 80.0, lambda count: 160.0, None, 59, "somebody's")


class Recorder:
    """A side that seals nothing, and says who spoke."""

    def __init__(self, name: str, spoken: list[str]) -> None:
        self.name, self.spoken = name, spoken

    def seal(self, plain: bytes) -> bytes:
        self.spoken.append(self.name)
        return plain

    def open(self, envelope: bytes) -> bytes:
        return envelope


def test_a_small_run_measures_ours_beside_a_peer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    finished: list[Report] = []

    def finish(report: Report) -> int:
        finished.append(report)
        return 0

    monkeypatch.setattr(crypto, "found_peers", lambda open_peers: ([PEER], ["another: not installed"]))
    monkeypatch.setattr(Report, "finish", finish)
    assert crypto.main(rounds=2, messages=2, setups=1) == 0
    (report,) = finished
    figures = {figure.key: figure for figure in report.figures}
    assert figures["added_bytes"].value == 57
    assert figures["added_padded_bytes"].value == 69
    assert all(figure.value > 0 for figure in report.figures)
    assert {"setup_us", "state_us", "state_bytes"} <= set(figures)
    assert ("setup_pq_us" in figures) == (find_kem() is not None)
    assert figures["peer_chain_us"].note.startswith(f"{80 / figures['chain_us'].value:.2f} x of ours; somebody's")
    keys = [part.partition("=")[0] for part in report.last_line().split()[1:]]
    assert keys == ["chain_us", "dh_step_us", "added_bytes", "peer_chain_us", "peer_dh_step_us", "peer_added_bytes"]
    assert "not measured: another: not installed" in capsys.readouterr().out


def test_the_goals_are_those_of_the_design() -> None:
    goals = [goal_of(CRYPTO, key) for key in crypto.OURS]
    assert [goal.at_most for goal in goals if goal] == [40, 135, 57]


@pytest.mark.parametrize(("turns", "spoken"), [(False, "aaaa"), (True, "abab")])
def test_only_with_turns_does_every_message_change_its_direction(turns: bool, spoken: str) -> None:
    said: list[str] = []
    message_us(Pair(Recorder("a", said), Recorder("b", said)), 4, turns=turns)
    assert "".join(said) == spoken


def test_a_dh_step_changes_the_ratchet_key_and_a_chain_does_not() -> None:
    pair = our_pair(None)
    first, second = pair.first.seal(TEXT), pair.first.seal(TEXT)
    assert first[1:33] == second[1:33]
    check(pair.second.open(second))
    check(pair.first.open(pair.second.seal(TEXT)))
    assert pair.first.seal(TEXT)[1:33] != second[1:33]


def test_what_does_not_come_out_is_not_measured() -> None:
    with pytest.raises(BenchError, match="did not come out"):
        check(TEXT[:-1])


def test_state_that_comes_back_changed_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    side = our_pair(None).first
    assert isinstance(side, OurDevice)
    monkeypatch.setattr(sessions, "from_bytes", lambda data: None)
    with pytest.raises(BenchError, match="did not come back"):
        crypto.round_trip(side)()


def test_a_peer_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> Peer:
        raise ModuleNotFoundError("No module named 'olm'", name="olm")

    def no_node() -> ExitStack:
        raise MissingError("Node.js and npm are not installed")

    monkeypatch.setattr(crypto, "vodozemac", absent)
    monkeypatch.setattr(crypto, "doubleratchet", lambda: PEER)
    monkeypatch.setattr(crypto, "libsignal", no_node)
    with ExitStack() as stack:
        peers, missing = crypto.found_peers(stack)
    assert peers == [PEER]
    assert missing == ["vodozemac: olm is not installed", "libsignal: Node.js and npm are not installed"]
