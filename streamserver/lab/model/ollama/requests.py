"""Requests for Ollama's chats and completions, validated."""

import base64
from collections.abc import Mapping
from typing import Any

from streamserver.kit.params import text, whole
from streamserver.lab.model.asked import Asked, Json, Message
from streamserver.lab.model.members import flag, wrong
from streamserver.lab.model.models import read_model
from streamserver.lab.model.openai.tools import read_tools
from streamserver.lab.model.reading import MAX_OBJECTS, Form, Reading, checked, items, string, word
from streamserver.wire.json_text import to_json

MAX_CALLS = 128
MAX_STOP = 100
MAX_IMAGES = 100
ROLES = ("system", "user", "assistant", "tool")
THINKING = {"low": 24, "medium": None, "high": None, "max": None}
"""The limits of the tokens of thinking."""
_SERVED = (
    *("model", "stream", "format", "options", "think", "logprobs", "top_logprobs"),
    "tokens_per_second",
)
_WITHOUT_EFFECT = ("keep_alive", "truncate", "shift")
_SERVED_CHAT = (*_SERVED, "messages", "tools")
_SERVED_COMPLETION = (*_SERVED, "prompt", "system", "images")
_COMPLETION_WITHOUT_EFFECT = (*_WITHOUT_EFFECT, "context", "raw", "template")
_MESSAGE = ("role", "content", "images", "tool_calls", "tool_name", "tool_call_id", "thinking")
_OPTIONS = Form(
    ("num_predict", "seed", "stop"),
    (
        *("temperature", "top_k", "top_p", "min_p", "tfs_z", "typical_p", "num_keep"),
        *("repeat_last_n", "repeat_penalty", "presence_penalty", "frequency_penalty"),
        *("mirostat", "mirostat_tau", "mirostat_eta", "penalize_newline", "num_ctx"),
        *("num_batch", "num_gpu", "main_gpu", "num_thread", "numa", "low_vram", "f16_kv"),
        *("logits_all", "vocab_only", "use_mmap", "use_mlock", "embedding_only"),
    ),
)
# More than any model generates, so no client's usual limit is refused.
_num_predict = whole("options.num_predict", -2, 1_000_000, default=-1)
_seed = whole("options.seed", -(2**63), 2**63 - 1)
_stream = flag("stream", default=True)
_logprobs = flag("logprobs")
_top_logprobs = whole("top_logprobs", 0, 20, default=0)


def ollama_chat_request(members: Mapping[str, object]) -> Asked:
    """The request for an answer to a chat in a JSON object; HTTPError 400 that names a wrong
    member. Without messages it only loads the model."""
    reading = Reading()
    given = reading.members("", members, _SERVED_CHAT, _WITHOUT_EFFECT)
    conversation = [
        _read_message(reading, path, value)
        for path, value in items("messages", given.get("messages"), MAX_OBJECTS, "messages")
    ]
    return _read(reading, given, conversation, **read_tools({"tools": given.get("tools")}))


def completion_request(members: Mapping[str, object]) -> Asked:
    """The request for the completion of a prompt in a JSON object; HTTPError 400 that names a
    wrong member. Without a prompt it only loads the model."""
    reading = Reading()
    given = reading.members("", members, _SERVED_COMPLETION, _COMPLETION_WITHOUT_EFFECT)
    prompt, system = [string(name, given.get(name, "")) for name in ("prompt", "system")]
    images = _read_images("images", given.get("images"))
    if not prompt:
        return _read(reading, given, [])
    instructions = [Message("system", system)] if system else []
    return _read(reading, given, [*instructions, Message("user", prompt, images)])


def _read(
    reading: Reading, given: Mapping[str, Any], conversation: list[Message], **asked: Any
) -> Asked:
    """The members that both interfaces have."""
    model, pace = read_model(given)
    options = reading.members("options", given.get("options", {}), *_OPTIONS)
    # 0 and less: without a limit, or until the context is full.
    limit = max(0, checked(_num_predict, options.get("num_predict"))) or None
    if not conversation:
        limit, conversation = 0, [Message("user", "")]
    if "top_logprobs" in given and not _logprobs.of(given):
        raise wrong("top_logprobs", "left out unless logprobs is true")
    is_thinking, thinking_tokens = _read_thinking(given.get("think"))
    return Asked(
        model,
        conversation,
        stream=_stream.of(given),
        tokens_per_second=pace,
        max_tokens=limit,
        stop=_read_stop(options.get("stop")),
        seed=checked(_seed, options["seed"]) if "seed" in options else None,
        top_logprobs=_top_logprobs.of(given) if _logprobs.of(given) else None,
        schema=_read_format(given.get("format")),
        schema_name="format",
        reasoning=is_thinking,
        reasoning_tokens=thinking_tokens,
        without_effect=reading.without_effect,
        **asked,
    )


def _read_message(reading: Reading, path: str, value: object) -> Message:
    message = reading.members(path, value, _MESSAGE)
    role = word(f"{path}.role", message.get("role"), ROLES)
    for name in ("tool_name", "tool_call_id", "thinking"):
        string(f"{path}.{name}", message.get(name, ""))
    content = string(f"{path}.content", message.get("content", ""))
    calls = items(f"{path}.tool_calls", message.get("tool_calls"), MAX_CALLS, "calls")
    called = "".join([_read_call(reading, at, call) for at, call in calls])
    return Message(role, content + called, _read_images(f"{path}.images", message.get("images")))


def _read_call(reading: Reading, path: str, value: object) -> str:
    """The tokens of a call of the assistant: the name of the tool, and its arguments."""
    call = reading.members(path, value, ("id", "type", "function"))
    at = f"{path}.function"
    function = reading.members(at, call.get("function"), ("index", "name", "arguments"))
    if not isinstance(arguments := function.get("arguments", {}), dict):
        raise wrong(f"{at}.arguments", "an object")
    return string(f"{at}.name", function.get("name")) + to_json(arguments)


def _read_images(path: str, value: object) -> int:
    images = items(path, value, MAX_IMAGES, "images")
    for at, image in images:
        try:
            base64.b64decode(string(at, image), validate=True)
        except ValueError:
            raise wrong(at, "an image in base64") from None
    return len(images)


def _read_stop(value: object) -> list[str]:
    sequences = [value] if isinstance(value, str) else value
    found = items("options.stop", sequences, MAX_STOP, "texts")
    return [checked(text(path, 1, 1000), sequence) for path, sequence in found]


def _read_thinking(value: object) -> tuple[bool, int | None]:
    """Whether there is thinking, and its limit in tokens."""
    if value is None or isinstance(value, bool):
        return value is True, None
    if not isinstance(value, str) or value not in THINKING:
        raise wrong("think", f"true, false or one of {', '.join(THINKING)}")
    return True, THINKING[value]


def _read_format(value: object) -> Json | None:
    """The schema that is demanded of the text; None for free text."""
    if value in (None, ""):
        return None
    if value != "json" and not isinstance(value, dict):
        raise wrong("format", "json, or a JSON Schema")
    return value if isinstance(value, dict) else {}
