"""One sender of one file, as a process that is killed and started again: `onebar`, `httpx` or `tuspy`."""

import asyncio
import sys
import time
from pathlib import Path
from typing import Final

import httpx
from tusclient import client as tus
from tusclient.exceptions import TusCommunicationError, TusUploadFailed

from onebar import Client

WHO: Final = {"Authorization": "Test 1.11"}
"""The peers' account, on a server that believes everybody."""

TUSPY_BYTES: Final = 64 * 1024
"""tuspy's chunks: it counts whole ones only, so long ones cost more when they are cut."""

PAUSE_S: Final = 1.0
"""What a program waits after an error before it tries again."""

SILENCE_S: Final = 60.0
"""Longest silence that the peers bear, longer than the blackouts."""


async def by_onebar(database: str, url: str, phone: str, path: str) -> None:
    """Send it as a message, once however often this is called."""
    async with Client.open(database, server=url) as client:
        sent = await client.chat(phone).send_file(path, key="the file")
        print("begun", flush=True)
        await sent.sent()


def by_httpx(url: str, path: str) -> None:
    """Send it in one request, from the start until it works."""
    data = Path(path).read_bytes()
    headers = {**WHO, "Tus-Resumable": "1.0.0", "Upload-Length": str(len(data)),
               "Content-Type": "application/offset+octet-stream"}  # fmt: skip
    print("begun", flush=True)
    while True:
        try:
            with httpx.Client(trust_env=False, timeout=SILENCE_S) as client:
                if client.post(url, headers=headers, content=data).status_code == 201:
                    return
        except httpx.HTTPError:
            time.sleep(PAUSE_S)


def by_tuspy(url: str, path: str) -> None:
    """Send it in chunks, from where it stopped; the upload's address is beside the file."""
    known = Path(f"{path}.url")
    print("begun", flush=True)
    while True:
        try:
            with Path(path).open("rb") as file:
                address = known.read_text() if known.exists() else None
                client = tus.TusClient(url, headers=dict(WHO))
                upload = client.uploader(file_stream=file, url=address, chunk_size=TUSPY_BYTES)
                if address is None:
                    upload.set_url(upload.create_url())
                    known.write_text(str(upload.url))
                upload.upload()
        except (TusCommunicationError, TusUploadFailed, OSError):
            time.sleep(PAUSE_S)
        else:
            return


def main(kind: str, *arguments: str) -> None:
    """Send, and say when it is done."""
    if kind == "onebar":
        asyncio.run(by_onebar(*arguments))
    else:
        {"httpx": by_httpx, "tuspy": by_tuspy}[kind](*arguments)
    print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
