"""Our uploads go to @tus/server, the reference server of tus; npm fetches it when this runs as a program.

`python -m tests.interop.with_tus_server` installs it and uploads a file through cuts.
"""

import asyncio
import hashlib
import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from onebar.core.files import File
from onebar.core.turn import Abort, TransferAnswer, Upload
from onebar.drivers.address import parse_address
from onebar.drivers.transfers import TransferDriver
from onebar.store.files import SealedFiles
from tests.interop.npm import find_node, folder_of, install
from tests.interop.with_libsignal import MissingError

SOURCE: Final = Path(__file__).parent / "tus_server"
"""Where the pinned packages and the program are."""

FOLDER: Final = folder_of("tus_server")
"""Where npm installs."""

PIECE_BYTES: Final = 200_000
"""What is sent in one request."""

FILE_BYTES: Final = 1_500_000
"""Length of the file."""

ANSWER_S: Final = 30.0
"""Longest wait for an answer on this machine."""

PROGRAM: Final = FOLDER / "serve.mjs"
"""The program, beside its packages."""


async def upload_with_cuts(folder: Path, cut_every: int) -> tuple[int, bool]:
    """Upload a file, giving up each so many-th request on its way; return the cuts, and whether it arrived whole.

    Raises:
        MissingError: The server is not here.
    """
    program = find_node(FOLDER, "@tus/server")
    stored = folder / "stored"
    stored.mkdir()
    server = await asyncio.create_subprocess_exec(
        program, str(PROGRAM), str(stored), stdout=asyncio.subprocess.PIPE, cwd=FOLDER
    )
    try:
        assert server.stdout
        port = int(await server.stdout.readline())
        return await _upload(folder, stored, f"http://127.0.0.1:{port}", cut_every)
    finally:
        server.kill()
        await server.communicate()


async def _upload(folder: Path, stored: Path, url: str, cut_every: int) -> tuple[int, bool]:
    answers: asyncio.Queue[TransferAnswer] = asyncio.Queue()
    shelf = SealedFiles(folder / "files", bool)
    file = File(os.urandom(16), shelf.seal([os.urandom(FILE_BYTES)]), "file")
    total, cuts, number = file.secret.cipher_bytes, 0, 0
    driver = TransferDriver(parse_address(url), shelf, answers.put_nowait)
    step, offset = "create", 0
    try:
        while offset < total:
            number += 1
            size = 0 if step == "ask" else min(PIECE_BYTES, total - offset)
            cut = step == "append" and number % cut_every == 0
            pace = PIECE_BYTES if cut else 0  # a second, which does not pass
            head = (number, file.blob.hex(), "Test 1.11", step, file.digest)
            driver.carry_out(Upload(*head, offset, size, total, 1, pace))
            if cut:
                await _some_arrived(stored / file.blob.hex(), offset)
                driver.carry_out(Abort(number))
                cuts, step = cuts + 1, "ask"
                continue
            async with asyncio.timeout(ANSWER_S):
                answer = await answers.get()
            assert not answer.problem, answer
            step, offset = "append", answer.offset
    finally:
        await driver.close()
    whole = (stored / file.blob.hex()).read_bytes()
    return cuts, hashlib.sha256(whole).digest() == file.secret.cipher_sha256


async def _some_arrived(path: Path, offset: int) -> None:
    """Wait until the server has written something of a request."""
    async with asyncio.timeout(ANSWER_S):
        while path.stat().st_size <= offset:  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.01)


async def main() -> int:
    """Install, upload through cuts, compare; return the exit code."""
    try:
        install(SOURCE, FOLDER)
    except MissingError as error:
        print(f"Not run: {error}")
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        cuts, same = await upload_with_cuts(Path(scratch), 3)
    print(f"@tus/server: cuts={cuts} bytes={FILE_BYTES} sha256_equal={same}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
