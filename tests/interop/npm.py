"""Fetching a pinned package of npm into a folder of its own."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.interop.with_libsignal import NPM_TIMEOUT_S, MissingError

ROOT: Final = Path(__file__).resolve().parents[2]
"""The project."""


def folder_of(name: str) -> Path:
    """Return where a package is installed."""
    return ROOT / "build" / "interop" / name


def find_node(folder: Path, package: str) -> str:
    """Return Node.js, if it and the package are here.

    Raises:
        MissingError: They are not.
    """
    node = shutil.which("node")
    if node is None:
        raise MissingError("Node.js is not installed")
    if not (folder / "node_modules" / package).is_dir():
        raise MissingError(f"{package} is not installed into {folder.relative_to(ROOT)}")
    return node


def install(source: Path, folder: Path) -> None:
    """Copy the files of `source` into the folder, and fetch what its lock file says.

    Raises:
        MissingError: No npm, or it could not fetch it.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise MissingError("npm is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    lock = (source / "package-lock.json").read_bytes()
    installed = (folder / "node_modules").is_dir() and (folder / "package-lock.json").read_bytes() == lock
    for path in source.iterdir():
        shutil.copy(path, folder / path.name)
    if installed:
        return
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=NPM_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise MissingError(f"npm did not fetch it within {NPM_TIMEOUT_S} s") from None
    if done.returncode != 0:
        raise MissingError(f"npm could not fetch it: {done.stderr.strip().splitlines()[-1:]}")
