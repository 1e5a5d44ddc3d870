"""From a request to an answer: its parts, its length and why it ends."""

import json
from typing import Any

import pytest

from streamserver.lab.model.answer import Answer, Choice
from streamserver.lab.model.asked import Asked, Message, Tool
from streamserver.lab.model.generation import MAX_ALL_TOKENS, MAX_TOKENS, generate
from streamserver.lab.model.text import REASONING, REFUSAL, tokenize
from streamserver.wire.problem import HTTPError
from support.model import PROMPT, TEXT, TOKENS

USER = Message("user", PROMPT)
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = tuple(Tool(name, CITY) for name in ("weather", "time", "news"))
RESULT = [USER, Message("assistant", ""), Message("tool", "rain")]


def asked(**members: Any) -> Asked:
    return Asked(**{"model": "m", "conversation": [USER], **members})


def only(answer: Answer) -> Choice:
    (choice,) = answer.choices
    return choice


def text_of(choice: Choice) -> str:
    return "".join([part.text for part in choice.of_kind("text")])


# Lengths


@pytest.mark.parametrize(
    ("members", "commands", "count", "reason"),
    [
        ({}, {}, len(TOKENS), "stop"),
        ({"max_tokens": len(TOKENS)}, {}, len(TOKENS), "stop"),
        ({"max_tokens": 3}, {}, 3, "length"),
        ({"min_tokens": 3}, {}, len(TOKENS), "stop"),
        ({"min_tokens": 500}, {}, 500, "stop"),
        ({"min_tokens": 500, "max_tokens": 600}, {}, 500, "stop"),
        ({"ignore_eos": True, "max_tokens": 7}, {}, 7, "length"),
        ({"ignore_eos": True, "max_tokens": 700}, {}, 700, "length"),
        ({"ignore_eos": True}, {}, MAX_TOKENS, "length"),
        ({}, {"tokens": 3}, 3, "stop"),
        ({}, {"tokens": 300}, 300, "stop"),
        ({"max_tokens": 200}, {"tokens": 300}, 200, "length"),
        ({}, {"tokens": 5, "reasoning_tokens": 200}, 205, "stop"),
        ({"min_tokens": 500}, {"reasoning_tokens": 200}, 500, "stop"),
        ({"ignore_eos": True, "max_tokens": 300, "reasoning": True}, {}, 300, "length"),
        ({"ignore_eos": True, "max_tokens": 300, "tools": TOOLS}, {}, 300, "length"),
        ({"ignore_eos": True, "max_tokens": 300, "schema": CITY}, {}, 300, "length"),
        ({"min_tokens": 300, "schema": CITY}, {}, 300, "stop"),
        ({"schema": CITY}, {"tokens": 300}, 300, "stop"),
        ({}, {"tokens": 300, "refuse": True}, 300, "stop"),
    ],
)
def test_exact_lengths(
    members: dict[str, Any], commands: dict[str, Any], count: int, reason: str
) -> None:
    answer = generate(asked(**members), **commands)
    assert (answer.output_tokens, only(answer).finish_reason) == (count, reason)


def test_what_follows_json_is_blank() -> None:
    choice = only(generate(asked(schema=CITY, min_tokens=50, tools=TOOLS, tool_choice="none")))
    assert list(json.loads(text_of(choice))) == ["city"]


@pytest.mark.parametrize(
    ("members", "commands", "name"),
    [
        ({"min_tokens": MAX_TOKENS + 1}, {}, "min_tokens"),
        ({"ignore_eos": True, "max_tokens": MAX_TOKENS + 1}, {}, "max_tokens"),
        ({"ignore_eos": True, "choices": 5}, {}, "n"),
        ({"choices": 128}, {"tokens": MAX_ALL_TOKENS // 128 + 1}, "n"),
        ({"top_logprobs": 20, "choices": 50}, {}, "logprobs"),
    ],
)
def test_an_answer_that_is_too_long(
    members: dict[str, Any], commands: dict[str, Any], name: str
) -> None:
    with pytest.raises(HTTPError) as refused:
        generate(asked(**members), **commands)
    assert (refused.value.status, refused.value.members["parameter"]) == (400, name)


@pytest.mark.parametrize(
    ("stop", "least", "sequence"),
    [
        ([], 0, None),
        (["no such text"], 0, None),
        ([TOKENS[2]], 0, TOKENS[2]),
        ([TOKENS[5], TOKENS[2]], 0, TOKENS[2]),
        ([TEXT[1:3]], 0, TEXT[1:3]),
        ([TEXT[:1]], 0, TEXT[:1]),
        ([" "], 6, " "),
    ],
)
def test_stop_sequences(stop: list[str], least: int, sequence: str | None) -> None:
    """The answer ends before the first of them, and not within the least tokens."""
    choice = only(generate(asked(stop=stop, min_tokens=least)))
    start = len("".join(TOKENS[:least]))
    expected = TEXT if sequence is None else TEXT[: TEXT.index(sequence, start)]
    assert (text_of(choice), choice.stop_sequence) == (expected, sequence)
    assert choice.finish_reason == "stop"
    assert choice.count() >= least


def test_a_stop_sequence_behind_the_limit_has_no_effect() -> None:
    choice = only(generate(asked(stop=[TOKENS[9]], max_tokens=3)))
    assert (choice.finish_reason, choice.stop_sequence) == ("length", None)


# Kinds


def test_reasoning_precedes_the_text() -> None:
    answer = generate(asked(reasoning=True, reasoning_tokens=9))
    first, second = only(answer).parts
    assert (first.kind, first.text) == ("reasoning", "".join(tokenize(REASONING)[:9]))
    assert (second.kind, second.text) == ("text", TEXT)
    assert (answer.reasoning_tokens, answer.output_tokens) == (9, 9 + len(TOKENS))


def test_the_limit_counts_reasoning() -> None:
    choice = only(generate(asked(reasoning=True, max_tokens=4)))
    assert [(part.kind, len(part.tokens)) for part in choice.parts] == [("reasoning", 4)]
    assert choice.finish_reason == "length"


def test_a_refusal() -> None:
    choice = only(generate(asked(tools=TOOLS), refuse=True))
    assert [(part.kind, part.text) for part in choice.parts] == [("refusal", REFUSAL)]
    assert choice.finish_reason == "stop"


@pytest.mark.parametrize(
    ("members", "names"),
    [
        ({}, ["weather", "time"]),
        ({"parallel_tool_calls": False}, ["weather"]),
        ({"tool_choice": "none"}, []),
        ({"conversation": RESULT}, []),
        ({"conversation": RESULT, "tool_choice": "required"}, ["weather", "time"]),
        ({"conversation": RESULT, "tool_choice": "function", "tool_name": "news"}, ["news"]),
    ],
)
def test_calls_of_tools(members: dict[str, Any], names: list[str]) -> None:
    choice = only(generate(asked(tools=TOOLS, **members)))
    calls = choice.of_kind("tool_call")
    assert [call.tool for call in calls] == names
    assert all(list(json.loads(call.text)) == ["city"] for call in calls)
    assert len({call.call_id for call in calls}) == len(names)
    assert choice.finish_reason == ("tool_calls" if names else "stop")


def test_a_call_that_is_cut() -> None:
    choice = only(generate(asked(tools=TOOLS, max_tokens=2)))
    assert [part.tool for part in choice.parts] == ["weather"]
    assert choice.finish_reason == "length"


# Variants


def test_choices_and_seeds_vary_and_repeat() -> None:
    def texts(**members: Any) -> list[str]:
        return [text_of(choice) for choice in generate(asked(**members)).choices]

    several = texts(choices=20)
    assert several[0] == TEXT
    assert len(set(several)) > 3
    assert texts(choices=20) == several
    seeded = [texts(seed=seed)[0] for seed in range(20)]
    assert len(set(seeded)) > 3
    assert [texts(seed=seed)[0] for seed in range(20)] == seeded


def test_images_count_as_input() -> None:
    plain, image = (generate(asked(conversation=[Message("user", "a", n)])) for n in (0, 2))
    assert image.input_tokens == plain.input_tokens + 170
