"""tus-js-client, the reference client of tus, uploads to our server; npm fetches it when this runs as a program.

`python -m tests.interop.with_tus_js` installs it and uploads a file through cuts. The tests use it where it is already.
"""

import asyncio
import hashlib
import json
import shutil
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Final

import httpx

from onebar_mockserver.blobs import BlobLimits
from tests.interop.npm import find_node, folder_of, install
from tests.interop.with_libsignal import MissingError
from tests.mockserver.attachment_server import ALICE, BOB, application, opened_blobs, serving

SOURCE: Final = Path(__file__).parent / "tus_js"
"""Where the pinned package and the program are."""

FOLDER: Final = folder_of("tus_js")
"""Where npm installs."""

CHUNK_BYTES: Final = 300_000
"""What the client sends in one request."""


async def upload_with_cuts(url: str, path: Path, cuts: list[int]) -> str:
    """Upload a file, aborting where the client says that so much was sent, and resuming; return its address.

    Raises:
        MissingError: The client is not here.
    """
    program = find_node(FOLDER, "tus-js-client")
    shutil.copy(SOURCE / "upload.mjs", FOLDER / "upload.mjs")
    wanted = {"endpoint": url, "file": str(path), "headers": ALICE, "chunkSize": CHUNK_BYTES, "cuts": cuts}
    process = await asyncio.create_subprocess_exec(
        program,
        str(FOLDER / "upload.mjs"),
        json.dumps(wanted),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await process.communicate()
    assert process.returncode == 0, complained.decode()
    return said.decode().strip()


async def main() -> int:
    """Install, upload through three cuts, compare; return the exit code."""
    try:
        install(SOURCE, FOLDER)
    except MissingError as error:
        print(f"Not run: {error}")
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        data = Random(5).randbytes(3_000_000)
        path = Path(scratch) / "file"
        path.write_bytes(data)
        async with opened_blobs(Path(scratch) / "blobs") as blobs, serving(application(blobs, BlobLimits())) as url:
            address = await upload_with_cuts(url, path, [500_000, 1_000_000, 2_100_000])
            async with httpx.AsyncClient(trust_env=False) as client:
                got = (await client.get(address, headers=BOB)).content
    same = hashlib.sha256(got).digest() == hashlib.sha256(data).digest()
    print(f"tus-js-client: cuts=3 bytes={len(got)} sha256_equal={same}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
