"""The tree of exceptions is the one that the page draws, and each can be caught as what it is."""

import inspect
import pickle
import re

import pytest

from onebar import errors
from onebar.errors import (
    CommitError,
    InputError,
    MessageFailedError,
    OnebarError,
    RegistrationError,
    StoreDamagedError,
    StoreError,
    StoreTooNewError,
    WaitTimeoutError,
)

CLASSES = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]


def test_whoever_catches_onebar_error_catches_all() -> None:
    assert CLASSES
    assert all(issubclass(kind, OnebarError) for kind in CLASSES)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = set(re.findall(r"\b\w+Error\b(?= | \(|\n|$)", errors.__doc__ or "")) - {"ValueError", "TimeoutError"}
    assert drawn == {kind.__name__ for kind in CLASSES}


@pytest.mark.parametrize("kind", [StoreTooNewError, StoreDamagedError, CommitError])
def test_whoever_catches_store_error_catches_its_kinds(kind: type[StoreError]) -> None:
    assert issubclass(kind, StoreError)


def test_builtin_habits_work() -> None:
    assert issubclass(InputError, ValueError)
    assert issubclass(WaitTimeoutError, TimeoutError)


def test_a_program_reads_the_reason_and_a_person_the_sentence() -> None:
    refused = RegistrationError("wrong_code", "2 tries are left")
    assert refused.reason == "wrong_code"
    assert str(refused) == "registration refused (wrong_code): 2 tries are left"
    failed = MessageFailedError("rejected", "too_large")
    assert (failed.state, failed.reason) == ("rejected", "too_large")
    assert str(failed) == "the message is rejected: too_large"


@pytest.mark.parametrize("error", [RegistrationError("a", "b"), MessageFailedError("rejected", "c"), StoreError("d")])
def test_an_error_survives_the_way_from_a_worker_process(error: OnebarError) -> None:
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert vars(back) == vars(error)
