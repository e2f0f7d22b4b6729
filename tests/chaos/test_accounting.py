import random

import pytest

from tests.chaos.accounting import Account, compare, total, worse


@pytest.mark.parametrize(
    ("sent", "found", "arrived", "lost", "duplicated", "reordered"),
    [
        pytest.param("", "", 0, 0, 0, 0, id="nothing"),
        pytest.param("abcd", "abcd", 4, 0, 0, 0, id="right"),
        pytest.param("abab", "abab", 4, 0, 0, 0, id="right, with repeated texts"),
        pytest.param("abcd", "acd", 3, 1, 0, 0, id="lost"),
        pytest.param("abcd", "", 0, 4, 0, 0, id="all lost"),
        pytest.param("aab", "ab", 2, 1, 0, 0, id="one of two equal texts lost"),
        pytest.param("abcd", "abbcd", 4, 0, 1, 0, id="duplicated at once"),
        pytest.param("abcd", "abcda", 4, 0, 1, 0, id="duplicated later"),
        pytest.param("ab", "abx", 2, 0, 1, 0, id="a text that nobody sent"),
        pytest.param("abcd", "acbd", 4, 0, 0, 1, id="two swapped"),
        pytest.param("abcd", "bcda", 4, 0, 0, 1, id="the first came last"),
        pytest.param("abcd", "dcba", 4, 0, 0, 3, id="reversed"),
        pytest.param("abab", "baba", 4, 0, 0, 1, id="reordered among equal texts"),
        pytest.param("abcd", "dbb", 2, 2, 1, 1, id="everything at once"),
    ],
)
def test_compare(sent: str, found: str, arrived: int, lost: int, duplicated: int, reordered: int) -> None:
    account = compare(list(sent), list(found))
    assert account == Account(len(sent), arrived, lost, duplicated, reordered)
    assert account.right == (sent == found)


def test_no_difference_hides_among_random_texts() -> None:
    dice = random.Random(2)
    for _ in range(2000):
        sent = [dice.choice("abc") for _ in range(dice.randrange(9))]
        found = [dice.choice("abc") for _ in range(dice.randrange(9))]
        account = compare(sent, found)
        assert account.right == (sent == found)
        assert account.arrived + account.lost == len(sent)
        assert account.arrived + account.duplicated == len(found)


def test_many_texts_are_quick() -> None:
    sent = [f"line {number % 5000}" for number in range(10_000)]
    assert compare(sent, sent).right
    assert compare(sent, [*sent[1:], sent[0]]).reordered == 1


def test_two_views_of_the_same_texts_count_a_loss_once() -> None:
    assert worse(Account(4, 3, 1, 0, 0), Account(4, 3, 1, 2, 0)) == Account(4, 3, 1, 2, 0)


def test_different_texts_add_up() -> None:
    assert total([Account(4, 3, 1, 0, 2), Account(2, 2, 0, 1, 0)]) == Account(6, 5, 1, 1, 2)
