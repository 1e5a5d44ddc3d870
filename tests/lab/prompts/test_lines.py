"""Each form of a line of a data set, and each wrong one."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamserver.lab.prompts.bodies import ModelBodies, Prompt
from streamserver.lab.prompts.conversation import Conversation, message
from streamserver.lab.prompts.interfaces import INTERFACES, Interface
from streamserver.lab.prompts.lines import read_line

HELLO, WHY = message("user", "Hello"), message("user", "Why?")
SYSTEM = message("system", "Be brief.")
CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}
PARTS = {"role": "user", "content": [{"type": "text", "text": "Hello"}]}


def said(speaker: str, text: str) -> dict[str, str]:
    """An entry of ShareGPT's form."""
    return {"from": speaker, "value": text}


@pytest.mark.parametrize(
    ("members", "turns", "limit"),
    [
        ({"prompt": "Hello"}, [[HELLO]], 0),
        ({"prompt": ["Hello", "Why?"], "max_tokens": 5}, [[HELLO], [WHY]], 5),
        ({"prompt": "Hello", "output_tokens": 6, "max_tokens": None}, [[HELLO]], 6),
        ({"prompt": "Hello", "output_len": 7}, [[HELLO]], 7),
        ({"prompt": ["Hello", "Why?"], "system": "Be brief."}, [[SYSTEM, HELLO], [WHY]], 0),
        ({"messages": [SYSTEM, HELLO, CALL, WHY]}, [[SYSTEM, HELLO, CALL, WHY]], 0),
        ({"messages": [PARTS], "system": "Be brief."}, [[SYSTEM, PARTS]], 0),
        (
            {"conversations": [said("human", "Hello"), said("gpt", "x"), said("user", "Why?")]},
            [[HELLO], [WHY]],
            0,
        ),
        (
            {"conversations": [said("system", "Be brief."), said("human", "Hello")]},
            [[SYSTEM, HELLO]],
            0,
        ),
        ({"prompt": "Hello", "id": 1, "tags": ["x"], "metadata": {"a": 1}}, [[HELLO]], 0),
    ],
)
def test_the_forms(members: dict[str, Any], turns: list[Any], limit: int) -> None:
    assert read_line(json.dumps(members).encode()) == Conversation(turns, limit)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"{", "is not JSON"),
        (b'{"prompt":"\xff"}', "is not JSON"),
        (b'{"a":' * 100_000, "is not JSON"),
        (b"1", "must be a JSON object with one of"),
        (b" [", r"it begins a list, which `jq -c '.\[\]'` splits into lines"),
        (b"{}", "it has none of these: it must be"),
        (b'{"prompt":"a","messages":[]}', "it has prompt and messages"),
        (b'{"prompt":"a","max_token":5}', "unknown member 'max_token': known are .*max_tokens"),
        (b'{"prompt":""}', "none of them empty"),
        (b'{"prompt":[]}', "prompt must be a text, or a list of texts"),
        (b'{"prompt":["a",1]}', "prompt must be a text, or a list of texts"),
        (b'{"prompt":"a","max_tokens":0}', "max_tokens must be a whole number from 1"),
        (b'{"prompt":"a","output_len":true}', "output_len must be a whole number"),
        (b'{"prompt":"a","output_tokens":1.5}', "output_tokens must be a whole number"),
        (b'{"prompt":"a","max_tokens":1,"output_len":1}', "max_tokens and output_len exclude"),
        (b'{"prompt":"a","system":1}', "system must be a text"),
        (b'{"messages":[]}', "messages must be a list of at least one message"),
        (b'{"messages":["a"]}', r"messages\[0\] must be an object"),
        (b'{"messages":[{"role":1,"content":"a"}]}', r"messages\[0\] must be an object"),
        (b'{"messages":[{"role":"user","content":1}]}', r"messages\[0\].content must be a text"),
        (b'{"messages":[{"role":"user"}]}', r"messages\[0\].content must be a text"),
        (b'{"messages":[{"role":"user","content":null}]}', r"messages\[0\].content must be a"),
        (b'{"conversations":{}}', "conversations must be a list"),
        (b'{"conversations":[]}', "conversations must have a text from human"),
        (b'{"conversations":[{"from":"human"}]}', r"conversations\[0\] must be an object"),
        (b'{"conversations":[{"from":["x"],"value":"a"}]}', r"conversations\[0\] must be an"),
        (b'{"conversations":[{"from":"gpt","value":"a"}]}', "must have a text from human"),
    ],
)
def test_a_wrong_line_is_explained(line: bytes, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        read_line(line)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(("role", "content", "from", "value", "x")), inner)
    ),
    max_leaves=8,
)
NAMES = st.sampled_from(("prompt", "messages", "conversations", "system", "max_tokens", "id"))


@settings(max_examples=30)
@given(st.dictionaries(NAMES, JSON, min_size=1), st.sampled_from([*INTERFACES.values()]))
def test_any_object_is_a_conversation_that_can_be_sent_or_refused(
    members: dict[str, Any], interface: Interface
) -> None:
    try:
        conversation = read_line(json.dumps(members).encode())
        ModelBodies(interface, "m", Prompt("")).check(conversation)
    except ValueError:
        return
    assert conversation.turns
    assert all(conversation.turns)
