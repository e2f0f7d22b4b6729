"""What a message says of its file: kinds of later versions are plain files, and nothing of it shows."""

import msgspec
import pytest

from onebar.core.files import File, Kind, kind_of
from tests.sdk.core.courier import a_file


def test_kinds_of_later_versions_are_files() -> None:
    shown = [kind_of(a_file(kind=kind)) for kind in ("photo", "voice", "hologram")]
    assert shown == [Kind.PHOTO, Kind.VOICE, Kind.FILE]


def test_nothing_of_it_shows() -> None:
    assert repr(a_file()) == "<File of 100000 bytes>"


@pytest.mark.parametrize("change", [{"blob": b"short"}, {"width": -1}, {"preview": bytes(1025)}, {"kind": ""}])
def test_what_does_not_fit_is_no_file(change: dict[str, object]) -> None:
    packed = msgspec.msgpack.encode(msgspec.structs.replace(a_file(), **change))
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(packed, type=File)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(a_file()), type=File) == a_file()
