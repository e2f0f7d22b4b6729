"""Our ratchet as one side of a conversation, with everything that it does taken down."""

from random import Random

from onebar.crypto.double_ratchet import Ratchet, open_, seal
from onebar.crypto.suites import Suite
from onebar.errors import DecryptionError
from tests.interop.conversation import RefusedError
from tests.interop.transcripts import Scribe, Transcript, salt_for


class OurSide:
    """Our end of a session. Subclasses add what a foreign handshake puts around the ratchet's messages."""

    def __init__(self, suite: Suite, dice: Random, to_them: bytes = b"", from_them: bytes = b"") -> None:
        self.suite = suite
        self.to_them, self.from_them = to_them, from_them  # associated data
        self.previous_counts: dict[bytes, int] = {}
        self.dice = dice
        self._scribe = Scribe(suite)
        self._ratchet: Ratchet | None = None

    @property
    def started(self) -> bool:
        """Whether there is a session yet."""
        return self._ratchet is not None

    def entropy(self, length: int) -> bytes:
        """Give the ratchet its next secret, or a message its salt."""
        drawn = self.dice.randbytes(length)
        self._scribe.drew(drawn)
        return drawn

    def start(self, ratchet: Ratchet) -> None:
        """Begin the session."""
        self._scribe.started(ratchet.state)
        self._ratchet = ratchet

    def seal(self, plain: bytes) -> bytes:
        """Seal with the ratchet."""
        assert self._ratchet is not None
        salt = salt_for(self.suite, self.entropy)
        self._ratchet, sealed = seal(self._ratchet, plain, self.to_them, salt)
        self._scribe.did("seal", sealed, self.to_them, plain)
        return sealed

    def open(self, envelope: bytes) -> bytes:
        """Open with the ratchet."""
        assert self._ratchet is not None
        try:
            self._ratchet, plain = open_(self._ratchet, envelope, self.from_them, 0, self.entropy)
        except DecryptionError as error:
            self._scribe.did("refuse", envelope, self.from_them)
            raise RefusedError(str(error)) from error
        self._scribe.did("open", envelope, self.from_them, plain)
        return plain

    def open_first(self, ratchet: Ratchet, envelope: bytes) -> bytes:
        """Begin the session with the first message that opens; one that does not leaves none behind."""
        try:
            open_(ratchet, envelope, self.from_them, 0, self.dice.randbytes)
        except DecryptionError as error:
            raise RefusedError(str(error)) from error
        self.start(ratchet)
        return OurSide.open(self, envelope)

    def authenticated(self, envelope: bytes) -> range:
        """Every byte of a message is authenticated."""
        return range(len(envelope))

    def transcript(self) -> Transcript:
        """Return what was taken down."""
        return self._scribe.transcript(self.previous_counts)
