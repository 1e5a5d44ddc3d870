"""A line of a data set, read as a conversation. Each error names the wrong member.

{"prompt": "Hello", "max_tokens": 100}           one exchange
{"prompt": ["Hello", "Why?"]}                    a conversation: each text is a turn
{"messages": [{"role": ..., "content": ...}]}    one exchange, sent as it is
{"conversations": [{"from": "human", "value": "Hello"}, {"from": "gpt", ...}]}
                                                 ShareGPT's form: the human texts are turns
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from streamserver.lab.prompts.conversation import Conversation, Message, message

MOST_TOKENS = 1_000_000
FORMS = (
    'a JSON object with one of "prompt" (a text, or a list of texts: the turns of a conversation),'
    ' "messages" (as in chat completions) or "conversations" (as in ShareGPT)'
)
LIMITS = ("max_tokens", "output_tokens", "output_len")
METADATA = (
    *("id", "name", "source", "category", "language", "tags", "metadata"),
    *("conversation_id", "question_id", "prompt_id", "session_id"),
)
"""Members that change no request."""
_USERS = ("human", "user")
_FROM = (*_USERS, "gpt", "assistant", "chatgpt", "bing", "bard", "system", "tool")


def read_line(line: bytes) -> Conversation:
    """The conversation of a line; ValueError that says what is wrong and what is allowed."""
    if line.lstrip().startswith(b"["):
        raise ValueError(f"it begins a list, which `jq -c '.[]'` splits into lines of {FORMS}")
    try:
        members = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is not JSON ({error}): it must be {FORMS}") from None
    if not isinstance(members, dict):
        raise ValueError(f"it must be {FORMS}")
    _refuse_unknown(members)
    found = [name for name in _TURNS if name in members]
    if len(found) != 1:
        raise ValueError(f"it has {' and '.join(found) or 'none of these'}: it must be {FORMS}")
    turns = _TURNS[found[0]](members[found[0]])
    if (system := members.get("system")) is not None:
        if not isinstance(system, str):
            raise ValueError("system must be a text")
        turns = [[message("system", system), *turns[0]], *turns[1:]]
    return Conversation(turns, _limit(members))


def _refuse_unknown(members: dict[str, Any]) -> None:
    known = (*_TURNS, *LIMITS, "system", *METADATA)
    for name in members:
        if name not in known:
            raise ValueError(f"unknown member {name[:100]!r}: known are {', '.join(known)}")


def _limit(members: dict[str, Any]) -> int:
    found = [name for name in LIMITS if members.get(name) is not None]
    if len(found) > 1:
        raise ValueError(f"{found[0]} and {found[1]} exclude each other")
    for name in found:
        value = members[name]
        if type(value) is not int or not 1 <= value <= MOST_TOKENS:
            raise ValueError(f"{name} must be a whole number from 1 to {MOST_TOKENS}")
        return value
    return 0


def _of_prompt(value: object) -> Sequence[Sequence[Message]]:
    texts = value if isinstance(value, list) else [value]
    turns = [[message("user", one)] for one in texts if isinstance(one, str) and one]
    if not turns or len(turns) < len(texts):
        raise ValueError("prompt must be a text, or a list of texts, none of them empty")
    return turns


def _of_messages(value: object) -> Sequence[Sequence[Message]]:
    if not isinstance(value, list) or not value:
        raise ValueError("messages must be a list of at least one message")
    for n, one in enumerate(value):
        if not isinstance(one, dict) or not isinstance(one.get("role"), str):
            raise ValueError(f'messages[{n}] must be an object: {{"role": ..., "content": ...}}')
        content = one.get("content")
        # An answer of tool calls has no content.
        if not isinstance(content, str | list) and (content, one["role"]) != (None, "assistant"):
            raise ValueError(f"messages[{n}].content must be a text or a list of parts")
    return [value]


def _of_conversations(value: object) -> Sequence[Sequence[Message]]:
    if not isinstance(value, list):
        raise ValueError('conversations must be a list of {"from": ..., "value": ...}')
    system, turns = list[Message](), list[list[Message]]()
    for n, one in enumerate(value):
        speaker = one.get("from") if isinstance(one, dict) else None
        text = one.get("value") if isinstance(one, dict) else None
        if speaker not in _FROM or not isinstance(text, str):
            form = f'{{"from": ..., "value": ...}}, from being one of {", ".join(_FROM)}'
            raise ValueError(f"conversations[{n}] must be an object: {form}")
        if speaker == "system":
            system.append(message("system", text))
        elif speaker in _USERS and text:
            turns.append([*system, message("user", text)])
            system = []
    if not turns:
        raise ValueError("conversations must have a text from human")
    return turns


_TURNS: dict[str, Callable[[object], Sequence[Sequence[Message]]]] = {
    "prompt": _of_prompt,
    "messages": _of_messages,
    "conversations": _of_conversations,
}
