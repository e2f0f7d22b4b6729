"""What is saved goes into the phone's downloads, whole or not at all."""

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from onebar_app.phone import downloads
from onebar_app.phone.downloads import free_path, keep


class MediaStore:
    """Android's, with its resolver: files by their names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kinds: dict[str, str] = {}
        self.full = False

    def insert(self, table: str, values: dict[str, str]) -> Path | None:
        assert table == "downloads"
        if self.full:
            return None
        self.kinds[values["_display_name"]] = values["mime_type"]
        return free_path(self.folder, values["_display_name"])

    def openFileDescriptor(self, uri: Path, mode: str) -> Any:  # noqa: N802 - Android's name
        assert mode == "w"
        fd = os.open(uri, os.O_WRONLY | os.O_CREAT)
        return SimpleNamespace(getFd=lambda: fd, close=lambda: os.close(fd))

    def delete(self, uri: Path, where: None, values: None) -> None:
        uri.unlink()


class Values(dict[str, str]):
    """Android's ContentValues."""

    def put(self, key: str, value: str) -> None:
        self[key] = value


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MediaStore:
    (tmp_path / "Download").mkdir()
    found = MediaStore(tmp_path / "Download")
    install(monkeypatch, found, 34)
    return found


def install(monkeypatch: pytest.MonkeyPatch, store: MediaStore, level: int) -> None:
    classes: dict[str, Callable[[], object] | SimpleNamespace] = {
        "android.os.Build$VERSION": SimpleNamespace(SDK_INT=level),
        "android.content.ContentValues": Values,
        "android.provider.MediaStore$Downloads": SimpleNamespace(EXTERNAL_CONTENT_URI="downloads"),
    }
    shared = SimpleNamespace(getAbsolutePath=lambda: str(store.folder))
    phone = SimpleNamespace(getContentResolver=lambda: store, getExternalFilesDir=lambda _: shared)
    monkeypatch.setattr(downloads, "java", classes.__getitem__)
    monkeypatch.setattr(downloads, "activity", lambda: phone)


def photo(tmp_path: Path) -> Path:
    path = tmp_path / "plain.jpg"
    path.write_bytes(b"x" * 3_000_000)
    return path


async def test_a_file_is_kept_beside_one_of_its_name(store: MediaStore, tmp_path: Path) -> None:
    for _ in range(2):
        await keep(photo(tmp_path), "house.jpg", "image/jpeg")
    await keep(photo(tmp_path), "plan", "")
    assert {path.name: path.stat().st_size for path in store.folder.iterdir()} == {
        "house.jpg": 3_000_000,
        "house (1).jpg": 3_000_000,
        "plan": 3_000_000,
    }
    assert store.kinds == {"house.jpg": "image/jpeg", "plan": "application/octet-stream"}


async def test_what_fails_leaves_nothing(store: MediaStore, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await keep(tmp_path / "gone.jpg", "gone.jpg", "image/jpeg")
    assert list(store.folder.iterdir()) == []
    store.full = True
    with pytest.raises(OSError, match="take no file"):
        await keep(photo(tmp_path), "house.jpg", "image/jpeg")


async def test_an_old_phone_has_the_app_s_own_folder(
    store: MediaStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, store, 28)
    await keep(photo(tmp_path), "house.jpg", "image/jpeg")
    await keep(photo(tmp_path), "house.jpg", "image/jpeg")
    assert sorted(path.name for path in store.folder.iterdir()) == ["house (1).jpg", "house.jpg"]
    assert store.kinds == {}
    with pytest.raises(FileNotFoundError):
        await keep(tmp_path / "gone.jpg", "gone.jpg", "image/jpeg")
    assert len(list(store.folder.iterdir())) == 2
    monkeypatch.setattr(downloads, "activity", lambda: SimpleNamespace(getExternalFilesDir=lambda _: None))
    with pytest.raises(OSError, match="not there"):
        await keep(photo(tmp_path), "house.jpg", "image/jpeg")
