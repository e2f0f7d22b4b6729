"""What can be wrong with a picture, a video or a sound.

MediaError
├── UnsupportedMediaError    a kind of file that is not taken here
├── MediaTooLargeError       more bytes, pixels or seconds than a phone can bear
├── DamagedMediaError        cut short, malformed, or made to do harm
├── MediaBudgetError         it cannot be made as small as you asked
├── MediaExtraMissingError   the extra `media` is not installed
└── MediaCancelledError      you stopped the work
"""

from onebar.errors import OnebarError


class MediaError(OnebarError):
    """A picture, a video or a sound cannot be used; the text says why and what to do."""


class UnsupportedMediaError(MediaError):
    """The file is of a kind that is not taken here."""


class MediaTooLargeError(MediaError):
    """The file has more bytes, pixels, seconds or work in it than a phone can bear."""


class DamagedMediaError(MediaError):
    """The file is cut short, malformed, or made to do harm."""


class MediaBudgetError(MediaError):
    """The file cannot be made as small as you asked."""


class MediaExtraMissingError(MediaError):
    """Videos and voice notes need PyAV, which is not installed: `pip install onebar[media]`."""


class MediaCancelledError(MediaError):
    """The work was stopped before it was done."""
