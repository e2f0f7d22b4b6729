from collections import Counter

import pytest

from onebar_loadtest.weather import MIXES, parse_mix, parse_weather


@pytest.mark.parametrize("first", [0, 417])
def test_any_run_of_phones_has_the_shares(first: int) -> None:
    mix = parse_weather("commute")
    names = Counter(mix.of(no).name for no in range(first, first + 100))
    assert all(abs(names[name] - share) <= 3 for name, share in {"lte": 30, "3g": 40, "edge": 20, "tunnel": 10}.items())


def test_one_name_is_for_all_and_every_mix_can_be_read() -> None:
    assert {parse_weather("edge").of(no).name for no in range(10)} == {"edge"}
    assert all(parse_weather(name).parts for name in MIXES)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("30% lte, 60% edge", "add up to 90%"),
        ("lte, edge", "is no part of a mix"),
        ("monsoon", "there is no network profile 'monsoon'.*commute"),
    ],
)
def test_a_wrong_mix_says_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_weather(text)


def test_names_of_anything_can_be_mixed() -> None:
    assert {parse_mix("50% a, 50% b").of(no) for no in range(4)} == {"a", "b"}
