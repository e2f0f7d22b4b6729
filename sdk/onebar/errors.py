"""Everything that this package raises.

OnebarError
├── InputError (ValueError)      a value you passed is not valid; nothing was changed
├── NotRegisteredError           the device has no account yet, or was removed from it
├── RegistrationError            the server refused a phone number or a code; `reason` is its name
│   ├── RateLimitedError         too often: try again after `retry_after_s`
│   └── PinError                 the number is protected by a PIN: how many tries are left, until when
├── RefusedError                 the server will not do what was asked; `reason` is its name
├── MessageFailedError           a message you waited for ended in a failure state
├── WaitTimeoutError (TimeoutError)  it did not happen in time; the message stays in the outbox
├── TransportError               no network, no server, or no answer
│   └── CaptivePortalError       this network wants its user to sign in first
├── RemoteProtocolError          the other side broke the protocol
├── DecryptionError              an envelope does not open
├── PreviewError                 what came to be shown before a file could do harm
├── SafetyNumberError            a scanned code does not show that the keys are the right ones
│   ├── NotASafetyNumberError    it is some other code
│   ├── SafetyNumberVersionError one of the two apps needs an update
│   └── SafetyNumberMismatchError  the other side sees other keys
└── StoreError                   the database cannot be used
    ├── StoreTooNewError         it was written by a later version
    ├── StoreDamagedError        it is damaged, or no Onebar database
    ├── WrongPassphraseError     the passphrase does not open the device's keys
    └── CommitError              a commit failed; what it held is unknown until the database is opened again
"""


class OnebarError(Exception):
    """Whatever goes wrong in this package."""


class InputError(OnebarError, ValueError):
    """A value that you passed is not valid; the text names it, the limit, and the way out."""


class NotRegisteredError(OnebarError):
    """This device has no account yet, or was removed from it: call `Client.register`."""


class RegistrationError(OnebarError):
    """The server refused the registration; `reason` is one of the names of docs/protocol.md §2."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)  # as they came, so that it can be copied and pickled
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        """Say it in a sentence."""
        return f"registration refused ({self.reason}): {self.detail}"


class RateLimitedError(RegistrationError):
    """The server's limit of this name is used up: trying again makes sense after `retry_after_s` seconds."""

    def __init__(self, limit: str, retry_after_s: float) -> None:
        super().__init__("rate_limited", f"the limit {limit} is used up; try again in {retry_after_s:.0f} s")
        self.args = (limit, retry_after_s)  # as they came, so that it can be copied and pickled
        self.limit = limit
        self.retry_after_s = retry_after_s


class PinError(RegistrationError):
    """The number is protected by a PIN or by one-time passwords, or both.

    `reason` is `pin_required` or `totp_required`, or `wrong_pin` or `wrong_totp` for the one that was given.

    `tries_left` may be tried today. If no device of the account is heard of until `lapses_at_ms` (milliseconds since
    1970), the PIN is asked for no longer.
    """

    def __init__(self, reason: str, detail: str, tries_left: int, lapses_at_ms: int) -> None:
        super().__init__(reason, detail)
        self.args = (reason, detail, tries_left, lapses_at_ms)
        self.tries_left = tries_left
        self.lapses_at_ms = lapses_at_ms


class RefusedError(OnebarError):
    """The server will not do what was asked; `reason` is an error's name of docs/protocol.md §4."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        """Say it in a sentence."""
        return f"the server refused it: {self.reason}"


class MessageFailedError(OnebarError):
    """The message ended in a final failure; `state` and `reason` say which and why."""

    def __init__(self, state: str, reason: str) -> None:
        super().__init__(state, reason)  # as they came, so that it can be copied and pickled
        self.state = state
        self.reason = reason

    def __str__(self) -> str:
        """Say it in a sentence."""
        return f"the message is {self.state}: {self.reason}"


class WaitTimeoutError(OnebarError, TimeoutError):
    """It did not happen in the time given; nothing is lost, and waiting again is fine."""


class TransportError(OnebarError):
    """There is no network, no server at that address, or no answer in time."""


class CaptivePortalError(TransportError):
    """Something on this network answers in the server's place, mostly a login page: let the user sign in there."""


class RemoteProtocolError(OnebarError):
    """The other side broke the protocol."""


class DecryptionError(OnebarError):
    """An envelope does not open: damaged, forged, or sealed for other keys."""


class PreviewError(OnebarError):
    """What came with a message, to be shown before its file is here, could do harm to a decoder; it was left out."""


class SafetyNumberError(OnebarError):
    """A scanned code does not show that the keys are the right ones."""


class NotASafetyNumberError(SafetyNumberError):
    """What was scanned is no safety number's code."""


class SafetyNumberVersionError(SafetyNumberError):
    """The other side's code has another version: one of the two apps needs an update."""


class SafetyNumberMismatchError(SafetyNumberError):
    """The other side sees other keys, or it is the code of another chat: somebody may sit between the two of you."""


class StoreError(OnebarError):
    """The database cannot be used; the text names the file and what to do."""


class StoreTooNewError(StoreError):
    """The database was written by a later version of Onebar; it was left untouched."""


class StoreDamagedError(StoreError):
    """The database is damaged or is no Onebar database; it was left untouched."""


class WrongPassphraseError(StoreError):
    """The passphrase does not open this device's keys; nothing was changed, so it can be tried again."""


class CommitError(StoreError):
    """A commit failed: whether it took effect is unknown until the database is opened again."""
