"""Photos that another app shares into this one."""

from pathlib import Path
from typing import Any, Final

from onebar_app.phone.android import activity, java

SHARED_BYTES_MAX: Final = 256 * 1024 * 1024
"""Longest file that is taken from another app: what is larger would fill a small phone's cache."""

_CHUNK: Final = 64 * 1024


def shared(folder: Path) -> Path | None:
    """Return a copy of what another app has shared, or None. Call it when the app comes to the front.

    Raises:
        OSError: It cannot be read, or is longer than `SHARED_BYTES_MAX`.
    """
    intent = activity().getIntent()
    if intent.getAction() != "android.intent.action.SEND":
        return None
    uri = intent.getParcelableExtra("android.intent.extra.STREAM")
    if uri is None:
        return None
    intent.setAction("android.intent.action.MAIN")  # so that it is not taken twice
    resolver = activity().getContentResolver()
    kind = resolver.getType(uri) or ""
    ending = java("android.webkit.MimeTypeMap").getSingleton().getExtensionFromMimeType(kind) or "bin"
    path = folder / f"shared.{ending}"
    descriptor = resolver.openFileDescriptor(uri, "r")
    try:
        copy(descriptor.getFd(), path)
    finally:
        descriptor.close()
    return path


def copy(source: Any, path: Path) -> None:
    """Copy a file of bounded length.

    Raises:
        OSError: It cannot be read, or is longer than `SHARED_BYTES_MAX`.
    """
    with open(source, "rb", closefd=not isinstance(source, int)) as given, path.open("wb") as taken:
        copied = 0
        while chunk := given.read(_CHUNK):
            copied += len(chunk)
            if copied > SHARED_BYTES_MAX:
                raise OSError(f"the file is longer than SHARED_BYTES_MAX = {SHARED_BYTES_MAX} bytes")
            taken.write(chunk)
