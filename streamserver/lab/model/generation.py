"""From a request to the answer of the model. Pure: the same request gets the same answer.

The kind of an answer, in this order: a refusal on command, calls of tools, JSON, or a text.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, chain, cycle, islice
from random import Random

from streamserver.lab.model.answer import Answer, Choice, FinishReason, Part
from streamserver.lab.model.asked import IMAGE_TOKENS, Asked, Tool
from streamserver.lab.model.schema import instance
from streamserver.lab.model.text import REASONING, REFUSAL, answer_text, digest, tokenize
from streamserver.wire.json_text import to_json
from streamserver.wire.problem import HTTPError

MAX_TOKENS = 32_768
"""Of one choice, however long it is asked to be."""
MAX_ALL_TOKENS = 131_072
"""Of all choices."""
MAX_CHOICES = 512
MAX_TEXT = 512 * 1024
"""Characters of all conversations, which are counted in 50 ms."""
MAX_CALLS = 2
"""Tools that one answer calls, of those that it may call."""
_BLANK = ("\n",)
"""Tokens that may follow JSON without changing it."""


def generate(
    asked: Asked, tokens: int = 0, reasoning_tokens: int = 0, *, refuse: bool = False
) -> Answer:
    """The answer within its limits.

    ``tokens`` are those of the text, which repeats as often as needed; 0 for the text once. JSON is
    never shortened by it, only followed by blank lines. ``reasoning_tokens`` are those of the
    reasoning before it; 0 for what the request asks. ``refuse``: the answer is a refusal.

    HTTPError 400 for an answer that is too long, or for a schema that is not served.
    """
    _check_length(asked, tokens + reasoning_tokens)
    input_tokens = count_input(asked)
    choices = [
        _choice(one, number, tokens, reasoning_tokens, refuse)
        for one in (asked, *[replace(asked, conversation=other) for other in asked.further])
        for number in range(asked.choices)
    ]
    return Answer(asked.model, choices, input_tokens)


def count_input(asked: Asked) -> int:
    """The tokens of all conversations and of the tools; HTTPError 400 for more text than is counted
    at once."""
    messages = [*asked.conversation, *chain.from_iterable(asked.further)]
    texts = [message.content for message in messages]
    for tool in asked.tools:
        texts += [tool.name, tool.description, to_json(tool.parameters)]
    if (length := sum(map(len, texts))) > MAX_TEXT:
        raise HTTPError(400, f"a request has at most {MAX_TEXT} characters of text, not {length}")
    tokens = sum([len(tokenize(text)) for text in texts])
    return tokens + IMAGE_TOKENS * sum([message.images for message in messages])


def _check_length(asked: Asked, commanded: int) -> None:
    for name, count in (("min_tokens", asked.min_tokens), ("max_tokens", _exact(asked))):
        if count > MAX_TOKENS:
            detail = f"{name}: an answer that must be this long has at most {MAX_TOKENS} tokens"
            raise HTTPError(400, detail, parameter=name)
    choices = asked.choices * (1 + len(asked.further))
    if choices > MAX_CHOICES:
        detail = f"n: there are at most {MAX_CHOICES} choices in all, not {choices}"
        raise HTTPError(400, detail, parameter="n")
    longest = choices * max(commanded, asked.min_tokens, _exact(asked))
    if longest > MAX_ALL_TOKENS:
        detail = f"n: all choices have at most {MAX_ALL_TOKENS} tokens, not {longest}"
        raise HTTPError(400, detail, parameter="n")


def _exact(asked: Asked) -> int:
    """The tokens that ``ignore_eos`` demands."""
    return (asked.max_tokens or MAX_TOKENS) if asked.ignore_eos else 0


def _choice(asked: Asked, number: int, tokens: int, reasoning_tokens: int, refuse: bool) -> Choice:
    # The first choice without a seed is the answer that the conversation alone selects.
    variant = "" if asked.seed is None and not number else f"{asked.seed} {number}"
    reasoning = _reasoning(asked, reasoning_tokens)
    *before, last = _content(asked, variant, refuse)
    least = max(asked.min_tokens, _exact(asked)) - len(reasoning) - _count(before)
    is_json = last.kind == "tool_call" or (last.kind == "text" and asked.schema is not None)
    if is_json:
        filled = _filled(last.tokens, _BLANK, max(len(last.tokens), least, tokens))
    else:
        filled = _filled(last.tokens, last.tokens, max(tokens or len(last.tokens), least))
    thought = [Part("reasoning", reasoning)] if reasoning else []
    parts = [*thought, *before, _with_tokens(last, filled)]
    stop_sequence = None
    if last.kind == "text" and asked.stop:
        kept, stop_sequence = _stopped(filled, asked.stop, asked.min_tokens - len(reasoning))
        parts[-1] = _with_tokens(last, kept)
    return _limited(asked, parts, stop_sequence)


def _reasoning(asked: Asked, commanded: int) -> list[str]:
    if commanded:
        return _filled((), tokenize(REASONING), commanded)
    return tokenize(REASONING)[: asked.reasoning_tokens] if asked.reasoning else []


def _content(asked: Asked, variant: str, refuse: bool) -> list[Part]:
    if refuse:
        return [Part("refusal", tokenize(REFUSAL))]
    if tools := _called(asked):
        return [_call(asked, tool, f"{variant} {n}") for n, tool in enumerate(tools)]
    if asked.schema:
        made = instance(asked.schema, _random(asked, variant), asked.schema_name)
        return [Part("text", tokenize(to_json(made)))]
    said = answer_text(asked.conversation, variant)
    text = said if asked.schema is None else to_json({"answer": said})
    return [Part("text", tokenize(text))]


def _called(asked: Asked) -> Sequence[Tool]:
    """The tools that the answer calls.

    After the result of a tool the answer is a text, unless a call is required, so that the loop of
    an agent ends.
    """
    if asked.tool_choice == "function":
        return [tool for tool in asked.tools if tool.name == asked.tool_name][:1]
    is_asked = asked.tool_choice == "required" or asked.conversation[-1].role == "user"
    if asked.tool_choice == "none" or not is_asked:
        return ()
    return asked.tools[: MAX_CALLS if asked.parallel_tool_calls else 1]


def _call(asked: Asked, tool: Tool, variant: str) -> Part:
    random = _random(asked, f"{variant} {tool.name}")
    call_id = f"{random.getrandbits(96):024x}"
    name = f"the parameters of {tool.name}"
    arguments = instance(tool.parameters, random, name, {"type": "object"})
    return Part("tool_call", tokenize(to_json(arguments)), tool.name, call_id)


def _random(asked: Asked, variant: str) -> Random:
    return Random(digest(asked.conversation, variant))


def _with_tokens(part: Part, tokens: Sequence[str]) -> Part:
    return Part(part.kind, tokens, part.tool, part.call_id)


def _count(parts: Iterable[Part]) -> int:
    return sum([len(part.tokens) for part in parts])


def _filled(tokens: Sequence[str], filler: Sequence[str], count: int) -> list[str]:
    """The first ``count`` of the tokens followed by the repeated filler."""
    return [*tokens[:count], *islice(cycle(filler), max(0, count - len(tokens)))]


def _stopped(tokens: list[str], stop: Sequence[str], least: int) -> tuple[list[str], str | None]:
    """The tokens before the first stop sequence behind the first ``least`` tokens, and the
    sequence."""
    text = "".join(tokens)
    start = sum([len(token) for token in tokens[: max(0, least)]])
    found = [(at, one) for one in stop if one and (at := text.find(one, start)) >= 0]
    if not found:
        return tokens, None
    at, sequence = min(found)
    return [*_until(tokens, at)], sequence


def _until(tokens: Iterable[str], length: int) -> Iterator[str]:
    """The tokens of the first ``length`` characters; the last may be cut."""
    for token in tokens:
        if not length:
            return
        yield token[:length]
        length -= len(token[:length])


def _limited(asked: Asked, parts: Sequence[Part], stop_sequence: str | None) -> Choice:
    limit = MAX_TOKENS if asked.max_tokens is None else asked.max_tokens
    starts = accumulate([len(part.tokens) for part in parts], initial=0)
    kept = [
        _with_tokens(part, part.tokens[: limit - start])
        for part, start in zip(parts, starts, strict=False)
        if start < limit
    ]
    is_cut = _count(kept) < _count(parts)
    if is_cut or (asked.ignore_eos and stop_sequence is None):
        return Choice(kept, "length")
    calls = any(part.kind == "tool_call" for part in kept)
    reason: FinishReason = "tool_calls" if calls else "stop"
    return Choice(kept, reason, stop_sequence)
