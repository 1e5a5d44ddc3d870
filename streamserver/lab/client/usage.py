"""The tokens that a service reports in its stream: its usage, in the forms of the interfaces.

==================  ==============================================================================
interface           where the counts are
==================  ==============================================================================
chat completions,   ``usage`` of the last chunk, or of each chunk (vLLM's continuous usage); of its
completions         first choice (Moonshot); ``x_groq``; ``timings`` (llama.cpp) without a usage
Responses           ``usage`` of the response in ``response.completed``
messages            ``usage`` of the message in ``message_start``, and of ``message_delta``
Ollama              ``prompt_eval_count``, ``eval_count`` of the last line
Gemini              ``usageMetadata``; ``candidatesTokenCount`` excludes the thoughts
TGI                 ``details`` of the last event
llama.cpp           ``tokens_evaluated``, ``tokens_predicted``, ``timings.cache_n``
==================  ==============================================================================

All are cumulative, so the largest number counts: a later usage may lack what was cached. Members
that are no counts are ignored.
"""

from typing import Any, NamedTuple

from streamserver.lab.client.record import Record
from streamserver.lab.client.values import as_count, as_object, as_objects


class Usage(NamedTuple):
    """Numbers of tokens, in the meaning of ``Record``; None for one that was not reported."""

    input: int | None = None
    cached: int | None = None
    output: int | None = None
    reasoning: int | None = None

    def fill(self, record: Record) -> None:
        """Raise the numbers of a record to those that were reported."""
        record.input_tokens = max(record.input_tokens, self.input or 0)
        record.cached_tokens = max(record.cached_tokens, self.cached or 0)
        record.reasoning_tokens = max(record.reasoning_tokens, self.reasoning or 0)
        if self.output is not None:
            record.output_tokens = max(record.output_tokens, self.output)
            record.tokens_from = "usage"


def mentions_usage(data: str) -> bool:
    """Whether an event may have a usage: most have none, and are not searched for the counts."""
    return '"usage' in data or '_count"' in data or '"details"' in data or "predicted" in data


def read_usage(event: dict[str, Any]) -> Usage | None:
    """The usage in an event of a model's answer; None without one."""
    found = _of_members(_usage_member(event)) or _of_gemini(as_object(event.get("usageMetadata")))
    found = found or _of_native(event) or _of_timings(as_object(event.get("timings")))
    if found and event.get("type") == "message_start":
        return found._replace(output=None)  # Those of the first event only.
    return found


def _usage_member(event: dict[str, Any]) -> dict[str, Any]:
    if usage := as_object(event.get("usage")):
        return usage
    holders = [as_object(event.get(name)) for name in ("response", "message", "x_groq")]
    holders += as_objects(event.get("choices"))[:1]
    return next(filter(None, [as_object(one.get("usage")) for one in holders]), {})


def _of_members(usage: dict[str, Any]) -> Usage | None:
    """The counts in a ``usage`` of OpenAI's or Anthropic's interfaces."""
    read = _first(usage, "prompt_tokens", "input_tokens")
    output = _first(usage, "completion_tokens", "output_tokens")
    if read is None and output is None:
        return None
    details = as_object(usage.get("prompt_tokens_details") or usage.get("input_tokens_details"))
    cached = _first(details, "cached_tokens")
    if (from_cache := _first(usage, "cache_read_input_tokens")) is not None and read is not None:
        # Anthropic's input tokens are those after the last cache breakpoint.
        cached = from_cache
        read += from_cache + (_first(usage, "cache_creation_input_tokens") or 0)
    details = as_object(
        usage.get("completion_tokens_details") or usage.get("output_tokens_details")
    )
    reasoning = _first(details, "reasoning_tokens")
    if output is not None and reasoning:
        # Some services (xAI, Gemini's compatible interface) count reasoning in the total only.
        total = _first(usage, "total_tokens")
        if reasoning > output or total == (read or 0) + output + reasoning:
            output += reasoning
    return Usage(read, cached, output, reasoning)


def _of_gemini(usage: dict[str, Any]) -> Usage | None:
    if not usage:
        return None
    reasoning = _first(usage, "thoughtsTokenCount")
    output = _first(usage, "candidatesTokenCount")
    return Usage(
        _first(usage, "promptTokenCount"),
        _first(usage, "cachedContentTokenCount"),
        None if output is None and reasoning is None else (output or 0) + (reasoning or 0),
        reasoning,
    )


def _of_native(event: dict[str, Any]) -> Usage | None:
    """The counts in a line of Ollama's, or in an event of TGI's or llama.cpp's own interface."""
    details = as_object(event.get("details"))
    read = _first(event, "prompt_eval_count", "tokens_evaluated")
    read = _first(details, "input_length") if read is None else read
    output = _first(event, "eval_count", "tokens_predicted")
    output = _first(details, "generated_tokens") if output is None else output
    if read is None and output is None:
        return None
    return Usage(read, _first(as_object(event.get("timings")), "cache_n"), output)


def _of_timings(timings: dict[str, Any]) -> Usage | None:
    """The counts in ``timings`` of llama.cpp: ``prompt_n`` excludes the cached tokens."""
    output, read = _first(timings, "predicted_n"), _first(timings, "prompt_n")
    if output is None:
        return None
    cached = _first(timings, "cache_n")
    return Usage(None if read is None else read + (cached or 0), cached, output)


def _first(members: dict[str, Any], *names: str) -> int | None:
    """The first of the members that is a count."""
    if members:
        for name in names:
            if (count := as_count(members.get(name))) is not None:
                return count
    return None
