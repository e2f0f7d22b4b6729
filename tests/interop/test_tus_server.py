"""The reference server of tus takes our uploads, where npm has fetched it."""

from pathlib import Path

import pytest

from tests.interop.with_libsignal import MissingError
from tests.interop.with_tus_server import upload_with_cuts


async def test_a_file_goes_up_through_cuts(tmp_path: Path) -> None:
    try:
        cuts, same = await upload_with_cuts(tmp_path, 3)
    except MissingError as error:
        pytest.skip(str(error))
    assert cuts > 1
    assert same
