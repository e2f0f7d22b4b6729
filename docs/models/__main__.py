"""Runs the ProVerif models of this folder and holds each claim to what is written above it: `python -m docs.models`.

Where ProVerif is not installed it says so and leaves the exit code at 0; a claim that comes out otherwise than written
makes it 1. `--write` makes the negative controls in controls/ anew.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent

PROVERIF_VERSION: Final = "2.05"
"""The version that the models are written for; another one is used all the same, and named."""

NOT_INSTALLED: Final = f"""ProVerif is not installed, so nothing was proved. Neither Debian nor PyPI has it:
run `opam install proverif.{PROVERIF_VERSION}`, or build it from its source, and put it on the PATH.
prove: models=0 failed=0
"""
"""What is said where nothing can be run."""

MODEL_TIMEOUT_S: Final = 900
"""Seconds for one model: about ten times what a comparable published model takes, so that a proof search which does not
end is told from a slow machine."""

CONTROL: Final = re.compile(r"^\(\* control (\w+) loses (\w+):\n(.*?)\n\*\)\n", re.MULTILINE | re.DOTALL)
CLAIM: Final = re.compile(r"^\(\* claim (\w+) is (true|false): ", re.MULTILINE)
RESULT: Final = re.compile(r"^RESULT (?!\().*?(?: is (true|false)| (cannot be proved))\.$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Control:
    """A model with one line weakened, which must lose one claim."""

    name: str
    loses: str
    """The claim that the weakened model must not prove."""
    source: str


def controls(source: str) -> Iterator[Control]:
    """Yield a model's negative controls: each has one line replaced by what its comment holds."""
    for found in CONTROL.finditer(source):
        name, loses, weaker = found.groups()
        before = CONTROL.sub("", source[: found.start()])
        kept, _, replaced = before.rstrip("\n").rpartition("\n")
        title = f"(* A negative control, made by docs/models: it must lose the claim {loses}. Weakened is the line"
        after = CONTROL.sub("", source[found.end() :])
        yield Control(name, loses, f"{title}\n{replaced.strip()} *)\n\n{kept}\n{weaker}\n{after}")


def claims(source: str) -> dict[str, str]:
    """Return what a model says will come out, by the name of the claim, in the order of the queries."""
    return dict(CLAIM.findall(source))


def results(output: str) -> list[str]:
    """Return what ProVerif found for each query, in their order: true, false, or cannot be proved."""
    return [found or unproved for found, unproved in RESULT.findall(output)]


def unexpected(source: str, found: list[str], loses: str = "") -> list[str]:
    """Return the claims that came out otherwise than written; a control must not prove the one that it loses."""
    expected = claims(source)
    if len(found) != len(expected):
        return [f"{len(expected)} claims but {len(found)} results"]
    if loses:
        outcome = dict(zip(expected, found, strict=True))[loses]
        return [f"{loses} is still true"] if outcome == "true" else []
    return [
        f"{claim} should be {right}, but is {outcome}"
        for (claim, right), outcome in zip(expected.items(), found, strict=True)
        if outcome != right
    ]


def run(proverif: str, name: str, source: str, loses: str = "") -> list[str]:
    """Run one model, print a line about it, and return what is wrong with it."""
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder, f"{name}.pv")
        model.write_text(source)
        try:
            done = subprocess.run(  # what is run is what the person who called us has on the path
                [proverif, str(model)], capture_output=True, text=True, timeout=MODEL_TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired:
            return [f"{name}: no result within {MODEL_TIMEOUT_S} s"]
    found = results(done.stdout)
    wrong = unexpected(source, found, loses)
    if wrong and not found:
        wrong = [(done.stdout + done.stderr).strip()[-500:]]
    told = f"does not prove {loses}, as it must not" if loses else f"{len(found)} claims as written"
    sys.stdout.write(f"  {name:40} {'WRONG: ' + '; '.join(wrong) if wrong else told}\n")
    return wrong


def write() -> None:
    """Make the files in controls/ anew from the models."""
    for old in (HERE / "controls").glob("*.pv"):
        old.unlink()
    for path, text in control_files().items():
        path.write_text(text)


def control_files() -> dict[Path, str]:
    """Return what controls/ must hold."""
    return {
        HERE / "controls" / f"{model.stem}_{control.name}.pv": control.source
        for model in sorted(HERE.glob("*.pv"))
        for control in controls(model.read_text())
    }


def main() -> int:
    """Run every model and every control; the last line is the count."""
    if "--write" in sys.argv:
        write()
        return 0
    proverif = shutil.which("proverif")
    if proverif is None:
        sys.stdout.write(NOT_INSTALLED)
        return 0
    version = subprocess.run([proverif, "-help"], capture_output=True, text=True, check=False).stdout.split("\n")[0]
    sys.stdout.write(f"{version}\n")
    if PROVERIF_VERSION not in version:
        sys.stdout.write(f"The models are written for {PROVERIF_VERSION}.\n")
    models = failed = 0
    for model in sorted(HERE.glob("*.pv")):
        source = model.read_text()
        runs = [("", source, ""), *((f"_{it.name}", it.source, it.loses) for it in controls(source))]
        for suffix, text, loses in runs:
            models += 1
            failed += bool(run(proverif, model.stem + suffix, text, loses))
    sys.stdout.write(f"prove: models={models} failed={failed}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
