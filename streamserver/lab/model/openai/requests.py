"""Requests for completions of OpenAI, validated.

The members are those that OpenAI, vLLM and SGLang document. Each is served, or accepted without
effect and named in the response, or refused with an error that names it: a member that was ignored
silently would falsify a measurement.
"""

from collections.abc import Mapping
from typing import Any

from streamserver.kit.params import Parameter, number, one_of, text, whole
from streamserver.lab.model.asked import Asked, Json, Message
from streamserver.lab.model.members import (
    check_members,
    check_values,
    flag,
    list_member,
    object_member,
    optional,
    wrong,
)
from streamserver.lab.model.models import read_model
from streamserver.lab.model.openai.messages import read_messages
from streamserver.lab.model.openai.prompts import read_prompts
from streamserver.lab.model.openai.tools import read_schema, read_tools
from streamserver.lab.model.reading import checked
from streamserver.wire.problem import HTTPError

MAX_TOKENS = 1_000_000
"""More than any model generates, so no client's usual limit is refused."""
MAX_CHOICES = 128
MAX_STOP = 16
MAX_STOP_CHARACTERS = 200

_OFF = (
    *("store", "echo", "use_beam_search", "include_stop_str_in_output", "continue_final_message"),
    *("return_token_ids", "return_tokens_as_token_ids"),
)
"""Members that are switches of what this model does not do."""
_SERVED = (
    *_OFF,
    *("model", "stream", "stream_options", "n", "stop", "max_tokens", "min_tokens"),
    *("ignore_eos", "seed", "logprobs", "tokens_per_second", "best_of"),
)
_SERVED_CHAT = (
    *_SERVED,
    *("messages", "max_completion_tokens", "top_logprobs", "tools", "tool_choice"),
    *("parallel_tool_calls", "response_format", "reasoning_effort", "include_reasoning"),
    "chat_template_kwargs",
)
_SERVED_TEXT = (*_SERVED, "prompt", "suffix")
_WITHOUT_EFFECT = (
    *("temperature", "top_p", "top_k", "min_p", "top_a", "typical_p", "presence_penalty"),
    *("frequency_penalty", "repetition_penalty", "length_penalty", "logit_bias", "user"),
    *("safety_identifier", "prompt_cache_key", "prompt_cache_retention", "metadata"),
    *("service_tier", "verbosity", "modalities", "skip_special_tokens", "request_id"),
    *("spaces_between_special_tokens", "add_special_tokens", "add_generation_prompt"),
    *("priority", "cache_salt", "cache_prompt", "separate_reasoning", "stream_reasoning"),
)
_FLAGS_OF_STREAM = ("include_usage", "continuous_usage_stats")

_stream, _ignore_eos = flag("stream"), flag("ignore_eos")
_logprobs, _include_reasoning = flag("logprobs"), flag("include_reasoning", default=True)
_usage, _continuous = [flag(f"stream_options.{name}") for name in _FLAGS_OF_STREAM]
_n = whole("n", 1, MAX_CHOICES, default=1)
_best_of = whole("best_of", 1, MAX_CHOICES)
_seed = whole("seed", -(2**63), 2**63 - 1)
_min_tokens = whole("min_tokens", 0, MAX_TOKENS, default=0)
_limits = [whole(name, 1, MAX_TOKENS) for name in ("max_tokens", "max_completion_tokens")]
_top_logprobs = whole("top_logprobs", 0, 20)
_text_logprobs = whole("logprobs", 0, 20)
_suffix = text("suffix", 0, 10_000)
EFFORTS = {
    "none": 0,
    "minimal": 8,
    "low": 24,
    "medium": None,
    "high": None,
    "xhigh": None,
    "max": None,
}
"""The limits of the tokens of reasoning."""
_effort = one_of("reasoning_effort", *EFFORTS)
_VALUES: tuple[Parameter[Any], ...] = (
    number("temperature", 0, 2),
    number("top_p", 0, 1),
    number("presence_penalty", -2, 2),
    number("frequency_penalty", -2, 2),
    one_of("service_tier", "auto", "default", "flex", "scale", "priority"),
    one_of("verbosity", "low", "medium", "high"),
)
"""Members without effect, of which the services refuse some values."""


def chat_request(members: Mapping[str, object]) -> Asked:
    """The request for a chat completion in a JSON object; HTTPError 400 that names a wrong
    member."""
    messages, ignored = read_messages(members)
    top = optional(_top_logprobs, members)
    if top is not None and not _logprobs.of(members):
        raise wrong("top_logprobs", "left out unless logprobs is true")
    if members.get("modalities") not in (None, ["text"]):
        raise wrong("modalities", 'left out or ["text"]')
    return _request(
        members,
        _SERVED_CHAT,
        ignored,
        conversation=messages,
        top_logprobs=(top or 0) if _logprobs.of(members) else None,
        schema=read_schema(members),
        **read_tools(members),
        **_read_reasoning(members),
    )


def text_request(members: Mapping[str, object]) -> Asked:
    """The request for a completion of prompts in a JSON object; HTTPError 400 that names a wrong
    member."""
    first, *further = [
        [Message("user", prompt)] for prompt in read_prompts("prompt", members.get("prompt"))
    ]
    if suffix := optional(_suffix, members):
        first = [*first, Message("suffix", suffix)]
        further = [[*prompt, Message("suffix", suffix)] for prompt in further]
    top = optional(_text_logprobs, members)
    return _request(
        members, _SERVED_TEXT, [], conversation=first, further=further, top_logprobs=top
    )


def _request(
    members: Mapping[str, object], served: tuple[str, ...], ignored: list[str], **asked: Any
) -> Asked:
    """The members that both interfaces have."""
    model, pace = read_model(members)
    ignored = [*check_members(members, served, _WITHOUT_EFFECT), *ignored]
    check_values(members, _VALUES)
    for name in _OFF:
        if members.get(name):
            raise wrong(name, "left out or false, since this model does not serve it")
    best_of = optional(_best_of, members)
    if best_of is not None and best_of != _n.of(members):
        raise wrong("best_of", "left out or the same as n, since all choices are returned")
    stream, min_tokens = _stream.of(members), _min_tokens.of(members)
    limits = [found for limit in _limits if (found := optional(limit, members)) is not None]
    if limits and min_tokens > min(limits):
        raise wrong("min_tokens", "at most max_tokens")
    options, without_effect = _read_stream_options(members, stream)
    return Asked(
        model=model,
        stream=stream,
        tokens_per_second=pace,
        max_tokens=min(limits) if limits else None,
        min_tokens=min_tokens,
        ignore_eos=_ignore_eos.of(members),
        stop=_read_stop(members.get("stop")),
        choices=_n.of(members),
        seed=optional(_seed, members),
        include_usage=checked(_usage, options.get("include_usage")),
        continuous_usage=checked(_continuous, options.get("continuous_usage_stats")),
        without_effect=[*ignored, *without_effect],
        **asked,
    )


def _read_stream_options(
    members: Mapping[str, object], stream: bool
) -> tuple[Mapping[str, object], list[str]]:
    """``stream_options``, and those of them that have no effect."""
    name = "stream_options"
    if members.get(name) is None:
        return {}, []
    options = object_member(name, members[name], '{"include_usage": true}')
    if not stream:
        raise wrong(name, "left out unless stream is true")
    ignored = check_members(options, _FLAGS_OF_STREAM, ("include_obfuscation",), f"{name}.")
    return options, ignored


def _read_stop(value: object) -> list[str]:
    sequences = [value] if isinstance(value, str) else value
    given = list_member("stop", sequences, MAX_STOP, "texts")
    for sequence in given:
        if not isinstance(sequence, str) or not 1 <= len(sequence) <= MAX_STOP_CHARACTERS:
            raise wrong("stop", f"a text of 1 to {MAX_STOP_CHARACTERS} characters, or a list of it")
    return [str(sequence) for sequence in given]


def _read_reasoning(members: Mapping[str, object]) -> Json:
    """Whether the answer has reasoning.

    ``reasoning_effort`` limits its tokens. The members of ``chat_template_kwargs`` are those with
    which the chat templates of open models switch it on.
    """
    effort = optional(_effort, members)
    is_asked = effort not in (None, "none")
    if members.get("chat_template_kwargs") is not None:
        name = "chat_template_kwargs"
        switches = object_member(name, members[name], '{"enable_thinking": true}')
        check_members(switches, ("enable_thinking", "thinking"), (), f"{name}.")
        given = [flag(one).of(switches) for one in switches]
        is_asked = (is_asked or any(given)) and all(given)
    limit = None if effort is None else EFFORTS[effort]
    is_shown = _include_reasoning.of(members)
    return {"reasoning": is_asked and is_shown, "reasoning_tokens": limit}


def error_object(error: HTTPError) -> Json:
    """The error of a refused request; ``param`` names the member that was wrong, if one was."""
    members = {
        "message": error.detail,
        "type": "server_error" if error.status >= 500 else "invalid_request_error",
        "param": error.members.get("parameter"),
        "code": error.members.get("code"),
    }
    return {"error": members}
