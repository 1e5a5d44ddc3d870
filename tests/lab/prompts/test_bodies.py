"""The bodies of a run, by number."""

import json
import pickle
from typing import Any

import pytest

from streamserver.lab.client.request import RequestSpec
from streamserver.lab.prompts.bodies import ModelBodies, Prompt, merged
from streamserver.lab.prompts.conversation import Conversation, message
from streamserver.lab.prompts.interfaces import CHAT, INTERFACES
from streamserver.lab.prompts.synthetic import Lengths, Synthetic

URL = "http://h/v1/chat/completions"


def body(request: bytes) -> Any:
    """The JSON body of a request, whose length is right."""
    head, _, body = request.partition(b"\r\n\r\n")
    assert b"content-length: %d\r\n" % len(body) in head + b"\r\n"
    return json.loads(body)


@pytest.mark.parametrize(
    ("members", "patch", "found"),
    [
        ({"a": 1}, {}, {"a": 1}),
        ({"a": 1}, {"a": 2, "b": [3]}, {"a": 2, "b": [3]}),
        ({"a": 1}, {"a": None, "b": None}, {}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": None, "d": 3}}, {"a": {"c": 2, "d": 3}}),
        ({"a": 1}, {"a": {"b": None}}, {"a": {}}),
    ],
)
def test_a_patch(members: Any, patch: Any, found: Any) -> None:
    before = json.dumps(members)
    assert merged(members, patch) == found
    assert json.dumps(members) == before


def test_a_prompt_and_a_patch_have_the_variables_of_the_request() -> None:
    bodies = ModelBodies(CHAT, "m", Prompt("number {n}: {uuid} {x}"))
    patch = b'{"stream_options": null, "seed": {n}, "user": "{uuid}"}'
    spec = RequestSpec(URL, "POST", body=patch, chat=True, bodies=bodies, seed=4)
    encode = pickle.loads(pickle.dumps(spec)).encoder()
    found = body(encode(7))
    assert found == {
        "model": "m", "stream": True, "seed": 7, "user": found["user"],
        "messages": [{"role": "user", "content": f"number 7: {found['user']} {{x}}"}],
    }  # fmt: skip
    assert body(encode(8))["user"] != found["user"]
    assert encode.turns(7) == 1


def test_the_texts_of_others_have_no_variables() -> None:
    class Texts(Synthetic):
        __slots__ = ()

        def open(self, seed: int) -> Any:
            return lambda n: Conversation([[message("user", "{n} and {uuid}")]])

    bodies = ModelBodies(CHAT, "m", Texts(Lengths(1, 1)))
    encode = RequestSpec(URL, "POST", bodies=bodies).encoder()
    assert body(encode(1))["messages"][0]["content"] == "{n} and {uuid}"


def test_a_turn_repeats_the_answers_before_it() -> None:
    bodies = ModelBodies(CHAT, "m", Synthetic(Lengths(3, 3), turns=3), max_tokens=5)
    encode = RequestSpec(URL, "POST", bodies=bodies).encoder()
    assert encode.turns(0) == 3
    first, second, third = [
        body(encode(6, answers))["messages"] for answers in ([], ["A"], ["A", "B"])
    ]
    assert [one["role"] for one in third] == ["user", "assistant"] * 2 + ["user"]
    assert first == third[:1]
    assert second == third[:3]
    assert [one["content"] for one in third[1::2]] == ["A", "B"]
    assert body(encode(6))["max_tokens"] == 5


def test_an_own_limit_comes_first_and_an_exact_length_needs_one() -> None:
    bodies = ModelBodies(CHAT, "m", Prompt(""), max_tokens=5, exact=True)
    turns = [[message("user", "Hello")]]
    assert bodies.members(Conversation(turns, 9))["min_tokens"] == 9
    assert bodies.members(Conversation(turns))["max_tokens"] == 5
    with pytest.raises(ValueError, match="has no max_tokens"):
        ModelBodies(CHAT, "m", Prompt(""), exact=True).check(Conversation(turns))


@pytest.mark.parametrize(
    ("name", "content"), [("chat", "\ud800"), ("chat", [float("nan")]), ("tgi", [])]
)
def test_a_conversation_that_cannot_be_sent_is_refused(name: str, content: Any) -> None:
    bodies = ModelBodies(INTERFACES[name], "m", Prompt(""))
    with pytest.raises(ValueError, match=r"surrogates|JSON|text"):
        bodies.check(Conversation([[{"role": "user", "content": content}]]))


def test_the_secrets_of_a_patch_and_of_a_prompt_are_removed() -> None:
    patch = b'{"api_key": "hunter2hunter2"}'
    bodies = ModelBodies(CHAT, "m", Prompt("my password: tr0ub4dor"))
    spec = RequestSpec(URL, "POST", body=patch, bodies=bodies)
    assert "hunter2" not in spec.secrets().remove("wrong: hunter2hunter2")
    assert "tr0ub4dor" not in spec.secrets().remove("wrong: tr0ub4dor")
