"""The ProVerif models: their negative controls are up to date, and what the prover says is held to what is written."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from docs.models import __main__ as models

ROOT = Path(__file__).resolve().parent.parent
MODELS = sorted(models.HERE.glob("*.pv"))

SOURCE = """(* what is signed *)
letfun signed(k: bitstring) = (tag, k).
(* control unsigned loses secrecy:
letfun signed(k: bitstring) = tag.
*)
(* claim secrecy is true: nobody reads it. *)
query attacker(m).
(* claim happens is false: something is sent. *)
query event(Sent).
"""


def test_the_controls_that_lie_beside_the_models_are_theirs() -> None:
    expected = models.control_files()
    assert {path: path.read_text() for path in (models.HERE / "controls").glob("*.pv")} == expected


@pytest.mark.parametrize("model", MODELS, ids=lambda path: path.stem)
def test_a_control_differs_from_its_model_in_one_line_and_loses_a_claim_that_the_model_has(model: Path) -> None:
    source = model.read_text()
    strong = models.CONTROL.sub("", source).splitlines()
    found = list(models.controls(source))
    assert len(found) >= 5
    for control in found:
        weak = control.source.splitlines()[-len(strong) :]
        assert sum(one != other for one, other in zip(strong, weak, strict=True)) == 1, control.name
        assert models.claims(source)[control.loses] == "true"


@pytest.mark.parametrize("model", MODELS, ids=lambda path: path.stem)
def test_every_claim_that_is_promised_has_a_control_and_every_query_a_claim(model: Path) -> None:
    source = model.read_text()
    promised = {claim for claim, right in models.claims(source).items() if right == "true"}
    assert {control.loses for control in models.controls(source)} == promised
    assert source.count("\nquery ") == len(models.claims(source))


def test_a_control_has_the_weaker_line_in_place_of_the_line_before_it() -> None:
    (control,) = models.controls(SOURCE)
    assert (control.name, control.loses) == ("unsigned", "secrecy")
    assert "= tag.\n" in control.source
    assert "letfun signed(k: bitstring) = (tag, k).\n" not in control.source.split("*)\n", 1)[1]


@pytest.mark.parametrize(
    ("outcomes", "loses", "wrong"),
    [
        (["true", "false"], "", []),
        (["cannot be proved", "false"], "", ["secrecy should be true, but is cannot be proved"]),
        (["true", "true"], "", ["happens should be false, but is true"]),
        (["true"], "", ["2 claims but 1 results"]),
        (["false", "false"], "secrecy", []),
        (["cannot be proved", "false"], "secrecy", []),
        (["true", "false"], "secrecy", ["secrecy is still true"]),
    ],
)
def test_what_came_out_is_held_to_what_is_written(outcomes: list[str], loses: str, wrong: list[str]) -> None:
    output = "".join(
        f"-- Query\nRESULT not attacker(m[]) {'is ' * (it != 'cannot be proved')}{it}.\n" for it in outcomes
    )
    assert models.results(output) == outcomes
    assert models.unexpected(SOURCE, outcomes, loses) == wrong


def test_a_note_below_a_result_is_no_result_of_its_own() -> None:
    output = "RESULT inj-event(A) ==> inj-event(B) is false.\nRESULT (even event(A) ==> event(B) is true.)\n"
    assert models.results(output) == ["false"]


def run_with_path(path: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PATH": path}
    command = [sys.executable, "-m", "docs.models"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.process
def test_without_proverif_it_says_that_nothing_was_proved(tmp_path: Path) -> None:
    done = run_with_path(str(tmp_path))
    assert done.returncode == 0
    assert done.stdout.startswith("ProVerif is not installed, so nothing was proved.")
    assert done.stdout.endswith("prove: models=0 failed=0\n")


@pytest.mark.process
def test_a_prover_that_proves_everything_is_not_believed(tmp_path: Path) -> None:
    # Three things are wrong with it: it proves what cannot happen, it proves the controls, and it is another version.
    prover = tmp_path / "proverif"
    prover.write_text(
        '#!/bin/sh\nif [ "$1" = -help ]; then echo "Proverif 1.0"; exit; fi\n'
        'while read -r line; do case "$line" in query*) echo "RESULT it is true.";; esac; done < "$1"\n'
    )
    prover.chmod(prover.stat().st_mode | stat.S_IXUSR)
    done = run_with_path(str(tmp_path))
    count = len(MODELS) + len(models.control_files())
    assert done.returncode == 1
    assert "The models are written for 2.05." in done.stdout
    assert done.stdout.endswith(f"prove: models={count} failed={count}\n")
