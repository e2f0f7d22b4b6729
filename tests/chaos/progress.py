"""Shows how a round goes: bars on a terminal, a plain line now and then elsewhere."""

import asyncio
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.chaos.harness import Harness

REDRAW_S: Final = 0.2
"""Pause between two looks, on a terminal."""

LINE_S: Final = 5.0
"""Pause between two plain lines."""


async def show_progress(harness: Harness, texts: int, console: Console) -> None:
    """Show the round until cancelled."""
    if not console.is_terminal:
        while True:
            await asyncio.sleep(LINE_S)
            console.print(summary(harness, texts), highlight=False)
    columns = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.fields[note]}"), console=console) as progress:
        sent = progress.add_task("sent", total=texts, note="")
        delivered = progress.add_task("delivered", total=texts, note="")
        while True:
            kills = f"{len(harness.kills)} kills, {len(harness.cuts)} cuts"
            progress.update(sent, completed=len(harness.ledger.entries), note=kills)
            progress.update(delivered, completed=harness.ledger.delivered, note=harness.last)
            await asyncio.sleep(REDRAW_S)


def summary(harness: Harness, texts: int) -> str:
    """Say in one line how far the round is."""
    return (
        f"{harness.now_s():5.1f} s: {len(harness.ledger.entries)} of {texts} sent, "
        f"{harness.ledger.delivered} delivered, {len(harness.kills)} kills, {len(harness.cuts)} cuts; "
        f"{harness.last}"
    )
