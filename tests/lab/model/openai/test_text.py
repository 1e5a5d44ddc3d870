"""Completions of prompts: lists of them, tokens, and log probabilities."""

import json
from itertools import accumulate
from typing import Any

import pytest

from streamserver.lab.model.asked import Message
from streamserver.lab.model.openai.prompts import read_prompts
from streamserver.lab.model.text import answer_text, tokenize
from streamserver.wire.problem import HTTPError
from support.asking import ask
from support.inprocess import Served
from support.model import MODEL, PROMPT, TOKENS, error_of, usage

TARGET = "/v1/completions"


async def complete(server: Served, **members: Any) -> Any:
    """The whole completion, or the choices of the chunks of a stream."""
    asked = {"model": MODEL, "prompt": PROMPT, "tokens_per_second": 1000, **members}
    answer = await ask(server, TARGET, "POST", body=json.dumps(asked).encode())
    assert answer.status == 200, answer.body
    if not members.get("stream"):
        return json.loads(answer.body)
    lines = answer.body.decode().splitlines()
    chunks = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    return [choice for chunk in chunks for choice in chunk["choices"]]


@pytest.mark.parametrize(
    ("value", "prompts"),
    [
        ("", [""]),
        ("a b", ["a b"]),
        (["a", "b"], ["a", "b"]),
        ([15, 27, 2_147_483_647], ["15 27 2147483647"]),
        ([[15, 27], [8]], ["15 27", "8"]),
        (["a", [8]], ["a", "8"]),
    ],
)
def test_prompts(value: object, prompts: list[str]) -> None:
    assert read_prompts("prompt", value) == prompts


def test_a_token_counts_as_one() -> None:
    (prompt,) = read_prompts("prompt", [0, 128_000, 2**31 - 1])
    assert len(tokenize(prompt)) == 3


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, "a text, a list of texts, a list of tokens, or a list of such lists"),
        (1, "a text, a list of texts"),
        ({}, "a text, a list of texts"),
        ([True], "a text, a list of texts"),
        ([-1], "a text, a list of texts"),
        ([2**31], "a text, a list of texts"),
        ([[]], "a text, a list of texts"),
        ([["a"]], "a text, a list of texts"),
        ([1, "a"], "a text, a list of texts"),
        ([], "1 to 512 texts or lists of tokens"),
        (["a"] * 513, "1 to 512 texts or lists of tokens"),
    ],
)
def test_what_is_no_prompt(value: object, problem: str) -> None:
    with pytest.raises(HTTPError, match=f"prompt must be {problem}"):
        read_prompts("prompt", value)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_list_of_prompts(server: Served, stream: bool) -> None:
    """Each prompt has n choices, in its order."""
    found = await complete(server, prompt=["one", "two"], n=2, stream=stream)
    listed = found if stream else found["choices"]
    texts = [
        "".join([choice["text"] for choice in listed if choice["index"] == index])
        for index in range(4)
    ]
    assert texts[0] == answer_text([Message("user", "one")])
    assert texts[2] == answer_text([Message("user", "two")])
    assert all("“one”" in text for text in texts[:2])
    assert all("“two”" in text for text in texts[2:])


async def test_the_usage_is_that_of_all(server: Served) -> None:
    found = await complete(server, prompt=[[1, 2, 3], [4, 5]], n=2, max_tokens=2)
    assert found["usage"] == usage(5, 8)
    suffixed = await complete(server, suffix="the end", max_tokens=2)
    assert suffixed["usage"] == usage(3, 2)
    assert f"“{PROMPT}”" in (await complete(server, suffix="the end"))["choices"][0]["text"]


@pytest.mark.parametrize("stream", [False, True])
async def test_log_probabilities(server: Served, stream: bool) -> None:
    found = await complete(server, logprobs=2, stream=stream, best_of=1, echo=False)
    listed = found[:-1] if stream else found["choices"]
    logprobs = [choice["logprobs"] for choice in listed]
    tokens = [token for one in logprobs for token in one["tokens"]]
    offsets = [offset for one in logprobs for offset in one["text_offset"]]
    assert tokens == TOKENS
    assert offsets == [0, *accumulate(map(len, TOKENS[:-1]))]
    for one in logprobs:
        ranks = zip(one["tokens"], one["token_logprobs"], one["top_logprobs"], strict=True)
        for token, logprob, top in ranks:
            assert len(top) == 2
            assert top[token] == logprob == max(top.values())


@pytest.mark.parametrize(
    ("members", "param", "problem"),
    [
        ({"echo": True}, "echo", "left out or false, since"),
        ({"best_of": 2}, "best_of", "left out or the same as n"),
        ({"logprobs": 21}, "logprobs", "a whole number from 0 to 20"),
        ({"logprobs": True}, "logprobs", "a whole number from 0 to 20"),
        ({"suffix": 7}, "suffix", "a text of 0 to 10000 characters"),
        ({"messages": []}, "messages", "'messages' is not served by this model"),
        ({"prompt": ["a"] * 512, "n": 2}, "n", "at most 512 choices in all, not 1024"),
    ],
)
async def test_what_is_not_served(
    server: Served, members: dict[str, Any], param: str, problem: str
) -> None:
    body = {"model": MODEL, "prompt": PROMPT, **members}
    answer = error_of(await ask(server, TARGET, "POST", body=json.dumps(body).encode()))
    assert answer == (400, answer[1], param, None)
    assert problem in answer[1]
