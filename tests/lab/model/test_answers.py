"""The text of an answer and its tokens: deterministic, and with more than ASCII."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamserver.lab.model.asked import Message
from streamserver.lab.model.text import ANSWERS, MAX_ECHO, answer_text, echo, tokenize


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", []),
        ("one two", ["one", " two"]),
        ("To be, or: not!", ["To", " be", ",", " or", ":", " not", "!"]),
        ("流れ, 🦦.", ["流れ", ",", " 🦦."]),
        ("a  b\n\nc", ["a", "  ", "b", "\n\n", "c"]),
        ("Donaudampfschifffahrt", ["Donaudampfsc", "hifffahrt"]),
    ],
)
def test_tokens(text: str, pieces: list[str]) -> None:
    assert tokenize(text) == pieces


@given(st.text())
def test_tokens_join_to_the_text(text: str) -> None:
    pieces = tokenize(text)
    assert "".join(pieces) == text
    assert all(1 <= len(piece) <= 13 for piece in pieces)


@pytest.mark.parametrize(
    ("prompt", "echoed"),
    [
        ("Why?", "Why?"),
        ("  two\r\n\tlines ", "two lines"),
        ("x" * MAX_ECHO, "x" * MAX_ECHO),
        ("x" * (MAX_ECHO + 1), "x" * MAX_ECHO + "…"),
        ("x" * (MAX_ECHO - 1) + " y" * 10_000, "x" * (MAX_ECHO - 1) + "…"),
        ("{0}{echo}%s\\", "{0}{echo}%s\\"),
        ("\x1b[31mred\x07\0", "[31mred"),
        ("\N{RIGHT-TO-LEFT OVERRIDE}evil\u2028", "evil"),
        ("half \ud83e a pair", "half a pair"),
        ("東京 é 🦦", "東京 é 🦦"),
        ("", "…"),
        (" \n", "…"),
    ],
)
def test_the_echo_of_a_prompt(prompt: str, echoed: str) -> None:
    assert echo(prompt) == echoed
    assert f"“{echoed}”" in answer_text([Message("user", prompt)])


def test_the_prompt_is_the_last_message_of_the_user() -> None:
    conversation = [
        Message("system", "Be brief."),
        Message("user", "First."),
        Message("assistant", "Yes."),
        Message("user", "Second."),
        Message("tool", "42"),
    ]
    assert "“Second.”" in answer_text(conversation)
    assert "“Be brief.”" in answer_text(conversation[:1])


def test_every_answer_occurs_and_is_always_the_same() -> None:
    prompts = [f"question {n}" for n in range(100)]
    given = [answer_text([Message("user", prompt)]) for prompt in prompts]
    assert [answer_text([Message("user", prompt)]) for prompt in prompts] == given
    begun = {said.partition("“")[0] + said.partition("”")[2] for said in given}
    assert len(begun) == len(ANSWERS)


@pytest.mark.parametrize(
    ("conversation", "number"),
    [
        ([Message("user", "Hello!")], 0),
        ([Message("system", ""), Message("user", "Hello!")], 2),
    ],
)
def test_the_answer_is_the_same_in_every_process(conversation: list[Message], number: int) -> None:
    assert answer_text(conversation) == ANSWERS[number].format(echo="Hello!")


@pytest.mark.parametrize("text", ANSWERS)
def test_an_answer_has_more_than_ascii(text: str) -> None:
    assert text.count("{echo}") == 1
    assert max(len(character.encode()) for character in text) >= 3
    assert 40 <= len(tokenize(text)) <= 120
