"""The folder of downloads that every app and the user can see."""

import asyncio
import os
from pathlib import Path
from typing import Final

from onebar_app.phone.android import activity, java

SCOPED_API: Final = 29
"""Since Android 10 the shared folder is written through its media store, and needs no permission."""

_CHUNK: Final = 1024 * 1024


async def keep(source: Path, name: str, media_type: str) -> None:
    """Copy a file into the downloads; one of the same name stays, as the phone finds another name.

    Before Android 10, where that would need the permission to write everywhere, it goes into the app's own folder on
    the shared storage, which file managers show.

    Raises:
        OSError: It cannot be read or written; nothing of it is left there.
    """
    if java("android.os.Build$VERSION").SDK_INT < SCOPED_API:
        folder = activity().getExternalFilesDir("Download")
        if folder is None:
            raise OSError("the phone's shared storage is not there")
        path = free_path(Path(folder.getAbsolutePath()), name)
        try:
            await asyncio.to_thread(_copy, source, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return
    values = java("android.content.ContentValues")()
    values.put("_display_name", name)
    values.put("mime_type", media_type or "application/octet-stream")
    resolver = activity().getContentResolver()
    uri = resolver.insert(java("android.provider.MediaStore$Downloads").EXTERNAL_CONTENT_URI, values)
    if uri is None:
        raise OSError("the phone's downloads take no file")
    try:
        descriptor = resolver.openFileDescriptor(uri, "w")
        try:
            await asyncio.to_thread(_copy, source, os.dup(descriptor.getFd()))  # who cancels it does not end the thread
        finally:
            descriptor.close()
    except BaseException:
        resolver.delete(uri, None, None)
        raise


def free_path(folder: Path, name: str) -> Path:
    """Return where a file can go in a folder beside what is there."""
    path, copy = folder / name, 1
    while path.exists():
        path, copy = folder / f"{Path(name).stem} ({copy}){Path(name).suffix}", copy + 1
    return path


def _copy(source: Path, target: int) -> None:
    """Copy into an open file, and close that."""
    with open(target, "wb") as taken, source.open("rb") as given:
        while chunk := given.read(_CHUNK):
            taken.write(chunk)
