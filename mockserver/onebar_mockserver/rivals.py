"""The links of one device: more than one while a phone hedges, or while two copies of one database are at large (R16).

A second link must not end the first one before it has shown that it works, so both are served for a moment. Two copies
of a database could then seal different envelopes under one number on either link, and each would take the verdict for
its own. Therefore the envelopes that come while there are rivals are remembered by their hashes.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Final

from onebar.core.frames import Submit
from onebar_mockserver.limits import WINDOW
from onebar_mockserver.links import Link

NUMBERS_MAX: Final = 4 * WINDOW
"""Numbers remembered for one device: an honest one has at most a window of them unsettled."""

LINKS_MAX: Final = 8
"""Links of one device that are served at once: a phone that hedges has two. Each gets all mail, so without an end one
device could have everything said to it thousands of times."""


@dataclass
class Rivals:
    """The links of a device by their age, and what came on them while there was more than one."""

    links: list[Link] = field(default_factory=list)
    _hashes: dict[int, bytes] = field(default_factory=dict)
    _contested: bool = False

    @property
    def rival(self) -> bool:
        """Whether frames must be compared: there was more than one link at a time."""
        return self._contested

    def add(self, link: Link) -> None:
        """Add a link that brought its flight."""
        self.links.append(link)
        self.links.sort(key=lambda one: one.connection_no)
        self._contested |= len(self.links) > 1

    def remove(self, link: Link) -> bool:
        """Take a link out; return whether any is left."""
        if link in self.links:
            self.links.remove(link)
        return bool(self.links)

    def note(self, frame: Submit) -> bool:
        """Remember an envelope; return False if another one came under its number."""
        known, new = self._hashes.get(frame.out_no), hashlib.sha256(frame.recipients).digest()
        if known is not None:
            return known == new
        if len(self.links) > 1:
            self._hashes[frame.out_no] = new
            if len(self._hashes) > NUMBERS_MAX:
                del self._hashes[next(iter(self._hashes))]
        elif all(out_no <= frame.floor for out_no in self._hashes):
            self._hashes.clear()  # what was contested is settled
            self._contested = False
        return True

    def older(self, link: Link) -> list[Link]:
        """Return the links that one which speaks after its Welcome fences."""
        return [other for other in self.links if other.connection_no < link.connection_no]

    @property
    def surplus(self) -> list[Link]:
        """The oldest links that were welcomed, beyond LINKS_MAX."""
        return [link for link in self.links if link.attached][:-LINKS_MAX]

    def overtaken(self, link: Link, cursor: int) -> list[Link]:
        """Return the other links that were not sent all mail up to a cursor that is acknowledged on this one.

        They would go on behind it without a gap, and a second copy would never learn what it has missed.
        """
        return [other for other in self.links if other is not link and other.attached and other.sent < cursor]
