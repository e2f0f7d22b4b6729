"""What a phone and the server have in common here: they commit, and faults wait for their commits."""

from onebar_mockserver.limits import DAY_S
from tests.simulation.faults import AT_COMMIT, Fault, Kind

LATEST_S = 1000 * DAY_S
"""Later than anything that happens in a run."""


class Crash(BaseException):
    """A process dies here."""


class Party:
    """Someone to whom faults happen."""

    def __init__(self, no: int, name: str) -> None:
        self.no = no
        self.name = name
        self.commits = 0
        self.messages = 0
        """Messages that were put on its links, both ways."""
        self.waiting: list[Fault] = []
        """Faults that wait for a commit, a message or a dial."""
        self.aftermath: Fault | None = None
        """A fault that happens when what was just committed is carried out."""

    def take(self, kind: Kind, now_s: float, count: int = 0) -> Fault | None:
        """Return a waiting fault of this kind if its time has come; it waits no more."""
        for fault in self.waiting:
            if fault.kind is kind and (fault.nth == count if fault.nth else fault.at_s <= now_s):
                self.waiting.remove(fault)
                return fault
        return None

    def at_commit(self, now_s: float) -> Fault | None:
        """Count a commit; return the fault that happens to it."""
        self.commits += 1
        for fault in self.waiting:
            if fault.kind in AT_COMMIT and (fault.nth == self.commits if fault.nth else fault.at_s <= now_s):
                self.waiting.remove(fault)
                return fault
        return None
