"""`make fuzz`: hostile bytes against the decoders, the flight, the router and the client's engine.

    EXAMPLES=number   how many examples (100,000)
    SEED=number       the examples of an earlier run again

Half of the examples go to the server and half to a client; one in twenty is drawn by Hypothesis, which makes
a failure small. Exit codes: 0 no failure, 1 a failure, 130 Ctrl-C.
"""

import logging
import multiprocessing
import os
import random
import secrets
import sys
import time
import traceback
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from tests.hostile.enemy_of_client import Captive
from tests.hostile.enemy_of_server import Siege
from tests.hostile.properties import run_hypothesis

EXAMPLES: Final = 100_000
"""Examples unless told otherwise."""

CHUNK: Final = 1_000
"""Examples on one router or device before it is made anew."""

CHECK_EVERY: Final = 100
"""Examples between two looks at the honest peers and the history."""

HYPOTHESIS_SHARE: Final = 20
"""One example in so many is Hypothesis's, which needs ten times as long for each."""

REPORT: Final = Path(__file__).resolve().parents[2] / "build" / "reports" / "fuzz.json"
"""Where the figures are kept."""


class Found(NamedTuple):
    """What a chunk of examples came to; `failure` tells how the first one failed, if one did."""

    side: str
    examples: int
    reached: int
    failure: str


def attack_server(seed: int, examples: int) -> Found:
    """Attack a router with so many examples."""
    siege = Siege(seed)
    failure = ""
    try:
        for number in range(examples):
            siege.attack()
            if number % CHECK_EVERY == CHECK_EVERY - 1:
                siege.check_honest_pair()
        siege.check_honest_pair()
    except Exception:  # noqa: BLE001 - whatever it is, it is what is looked for
        failure = f"server, seed {seed}, example {siege.examples}\n{traceback.format_exc()}"
    return Found("server", siege.examples, siege.reached, failure)


def attack_client(seed: int, examples: int) -> Found:
    """Attack a device with so many examples; then an honest server must find it in order."""
    log = logging.getLogger("onebar")
    propagate, log.propagate = log.propagate, False
    captive = Captive(seed)
    log.addHandler(captive.defects)
    failure = ""
    try:
        for number in range(examples):
            captive.attack()
            if number % CHECK_EVERY == 0:
                captive.check_history()
        captive.check_rescue()
    except Exception:  # noqa: BLE001 - whatever it is, it is what is looked for
        failure = f"client, seed {seed}, example {captive.examples}\n{traceback.format_exc()}"
    finally:
        log.removeHandler(captive.defects)
        log.propagate = propagate
        captive.device.store.close()
    return Found("client", captive.examples, captive.reached, failure)


def attack_decoders(seed: int, examples: int) -> Found:
    """Let Hypothesis draw the mutations."""
    del seed  # Hypothesis is run without a memory, and from a seed of its own
    log = logging.getLogger("onebar")
    silent = logging.NullHandler()
    log.addHandler(silent)  # else what the engine warns of would go to the terminal
    try:
        tried, reached = run_hypothesis(examples)
    except Exception:  # noqa: BLE001 - whatever it is, it is what is looked for
        return Found("hypothesis", examples, 0, traceback.format_exc())
    finally:
        log.removeHandler(silent)
    return Found("hypothesis", tried, reached, "")


def fuzz(examples: int, seed: int) -> list[Found]:
    """Run all chunks on all cores."""
    dice = random.Random(seed)
    by_hypothesis = examples // HYPOTHESIS_SHARE
    chunks = -(-(examples - by_hypothesis) // CHUNK)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=min(4, os.cpu_count() or 1), mp_context=context) as pool:
        jobs = [pool.submit(attack_decoders, seed, by_hypothesis)]
        for number in range(chunks):
            size = min(CHUNK, examples - by_hypothesis - number * CHUNK)
            target = attack_server if number % 2 == 0 else attack_client
            jobs.append(pool.submit(target, dice.randrange(2**31), size))
        found = []
        for job in as_completed(jobs):
            found.append(job.result())
            if found[-1].failure:
                pool.shutdown(cancel_futures=True)
                break
    return found


def main() -> int:
    """Run, print the figures and return the exit code."""
    examples = int(os.environ.get("EXAMPLES") or EXAMPLES)
    seed = int(os.environ.get("SEED") or secrets.randbelow(1_000_000))
    print(f"{examples} examples, seed {seed} (SEED={seed} make fuzz repeats them)", flush=True)
    started_s = time.monotonic()
    found = fuzz(examples, seed)
    took_s = time.monotonic() - started_s
    known: dict[str, float] = {
        "seed": seed,
        "took_s": round(took_s, 1),
        "examples": sum(part.examples for part in found),
    }
    for side in ("server", "client", "hypothesis"):
        mine = [part for part in found if part.side == side]
        count = sum(part.examples for part in mine)
        known[f"{side}_examples"] = count
        known[f"{side}_reached_pct"] = round(100 * sum(part.reached for part in mine) / max(1, count), 1)
        print(f"  {side:<10} {count:>7} examples, {known[f'{side}_reached_pct']:g}% reached it")
    failures = [part.failure for part in found if part.failure]
    known["failures"] = len(failures)
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_bytes(msgspec.json.format(msgspec.json.encode(known)) + b"\n")
    print("".join(f"failure: {failure}\n" for failure in failures), end="")
    print(
        f"fuzz: examples={known['examples']} reached={known['server_reached_pct']}% failures={len(failures)}",
        flush=True,
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
