"""Synthetic prompts: their lengths, their differences and what they share."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamserver.lab.model.text import tokenize
from streamserver.lab.prompts.synthetic import (
    WORDS,
    Lengths,
    Synthetic,
    parse_lengths,
    spell,
)


def prompts(source: Synthetic, count: int, seed: int = 0) -> list[str]:
    """The first prompts of a source."""
    conversation = source.open(seed)
    return [conversation(n).turns[0][0]["content"] for n in range(count)]


def test_there_is_a_word_for_each_byte() -> None:
    assert len(WORDS) == len(set(WORDS)) == 256
    assert all(re.fullmatch("[a-z]{2,8}", word) for word in WORDS)
    assert spell(b"\0\xff") == f"{WORDS[0]} {WORDS[255]}"


@pytest.mark.parametrize("count", [1, 3, 4, 5, 100, 4000])
def test_the_target_counts_a_token_for_each_word(count: int) -> None:
    for prompt in prompts(Synthetic(Lengths(count, count)), 3):
        assert len(prompt.split()) == len(tokenize(prompt)) == count


def test_lengths_are_uniformly_distributed() -> None:
    found = [len(one.split()) for one in prompts(Synthetic(Lengths(10, 19)), 2000)]
    assert {*found} == {*range(10, 20)}
    assert 14 < sum(found) / len(found) < 15


@given(st.integers(0, 2**53), st.integers(1, 9))
def test_prompts_are_repeatable_and_different(seed: int, count: int) -> None:
    source = Synthetic(Lengths(count, count))
    found = prompts(source, 60, seed)
    assert found == prompts(source, 60, seed)
    assert len({*found}) == 60
    assert source.open(seed)(2**32 - 1) != source.open(seed)(2**31)


def test_another_seed_has_other_prompts() -> None:
    source = Synthetic(Lengths(50, 50))
    assert prompts(source, 1, 1) != prompts(source, 1, 2)


@pytest.mark.parametrize("shared", [0, 30, 50, 100])
def test_the_shared_prefix_is_that_share_of_each_prompt(shared: int) -> None:
    found = [one.split() for one in prompts(Synthetic(Lengths(20, 200), shared), 50)]
    for one, other in pairwise(found):
        least = min(len(one), len(other))
        common = next((n for n in range(least) if one[n] != other[n]), least)
        # The numbers of two neighbours differ in the first word after the shared ones.
        assert abs(common - least * shared / 100) <= 1


def test_later_turns_share_nothing() -> None:
    conversation = Synthetic(Lengths(40, 40), 50, turns=2).open(0)
    (first, second), (other, another) = [
        [turn[0]["content"].split() for turn in conversation(n).turns] for n in (0, 1)
    ]
    assert first[:20] == other[:20]
    assert len({*map(tuple, (first, second, other, another))}) == 4
    assert second[:4] != another[:4]


@pytest.mark.parametrize(
    ("text", "lengths"), [("1", Lengths(1, 1)), ("100..1000000", Lengths(100, 1_000_000))]
)
def test_lengths_are_parsed(text: str, lengths: Lengths) -> None:
    assert parse_lengths(text) == lengths
    assert str(lengths) == text


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "9..3", "1000001", "1..", "1..2..3", "x"])
def test_wrong_lengths_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not N or N\.\.M, with numbers from 1 to 1000000"):
        parse_lengths(text)
