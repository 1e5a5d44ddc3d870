"""From a request to the answer of the model. Pure: the same request gets the same answer.

The kind of an answer, in this order: a refusal on command, calls of tools, JSON, or a text.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain, cycle, islice
from random import Random

from streamserver.lab.model.answer import Answer, Choice, FinishReason, Part
from streamserver.lab.model.asked import IMAGE_TOKENS, Asked, Message, Tool
from streamserver.lab.model.schema import Form
from streamserver.lab.model.schema.document import Schema
from streamserver.lab.model.text import REASONING, REFUSAL, answer_text, digest, tokenize, varied
from streamserver.wire.json_text import to_json
from streamserver.wire.problem import HTTPError

MAX_TOKENS = 32_768
"""The most tokens of one choice, also if the request demands more."""
MAX_ALL_TOKENS = 131_072
"""The most tokens of all choices."""
MAX_CHOICES = 512
MAX_TEXT = 512 * 1024
"""Characters of all conversations, which are counted in 50 ms."""
MAX_LOGPROBS = 10_000
"""The most log probabilities of an answer in one object, which is written without a pause."""
MAX_CALLS = 2
"""The most tools that one answer calls."""
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
    generator = _Generator(asked, tokens, reasoning_tokens, refuse)
    choices = generator.choices(asked.conversation)
    for conversation in asked.further:
        choices += generator.choices(conversation)
    answer = Answer(asked.model, choices, input_tokens)
    _check_logprobs(asked, answer)
    return answer


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


def _check_logprobs(asked: Asked, answer: Answer) -> None:
    if asked.top_logprobs is None or asked.stream:
        return
    if (count := answer.output_tokens * (1 + asked.top_logprobs)) > MAX_LOGPROBS:
        limit = f"without stream, an answer has at most {MAX_LOGPROBS} log probabilities"
        raise HTTPError(400, f"logprobs: {limit}, not {count}", parameter="logprobs")


def _exact(asked: Asked) -> int:
    """The tokens that ``ignore_eos`` demands."""
    return (asked.max_tokens or MAX_TOKENS) if asked.ignore_eos else 0


class _Generator:
    """Makes the choices of one request."""

    def __init__(self, asked: Asked, tokens: int, reasoning_tokens: int, refuse: bool) -> None:
        self._asked = asked
        self._tokens = tokens
        self._refuse = refuse
        self._reasoning = _reasoning(asked, reasoning_tokens)
        self._forms: dict[int, Form] = {}
        """The forms by the ids of their schemas."""

    def choices(self, conversation: Sequence[Message]) -> list[Choice]:
        """The answers to a conversation."""
        hashed, seed = digest(conversation), self._asked.seed
        # The first choice without a seed is the answer that the conversation alone selects.
        variants = ["" if seed is None else f"{seed} 0"]
        variants += [f"{seed} {number}" for number in range(1, self._asked.choices)]
        return [self._choice(conversation, varied(hashed, one)) for one in variants]

    def _choice(self, conversation: Sequence[Message], hashed: bytes) -> Choice:
        asked, thought = self._asked, len(self._reasoning)
        *before, last = self._content(conversation, hashed)
        least = max(asked.min_tokens, _exact(asked)) - thought - _count(before)
        filled = self._filled(last, least)
        stop_sequence = None
        if last.kind == "text" and asked.stop:
            filled, stop_sequence = _stopped(filled, asked.stop, asked.min_tokens - thought)
        reasoning = [Part("reasoning", self._reasoning)] if thought else []
        return _limited(asked, [*reasoning, *before, _with_tokens(last, filled)], stop_sequence)

    def _filled(self, part: Part, least: int) -> list[str]:
        """The tokens of a part, as many as commanded, and at least ``least``."""
        count = len(part.tokens)
        if part.kind == "tool_call" or (part.kind == "text" and self._asked.schema is not None):
            return _repeated(part.tokens, _BLANK, max(count, least, self._tokens))
        return _repeated(part.tokens, part.tokens, max(self._tokens or count, least))

    def _content(self, conversation: Sequence[Message], hashed: bytes) -> list[Part]:
        asked = self._asked
        if self._refuse:
            return [Part("refusal", tokenize(REFUSAL))]
        if tools := _called(asked, conversation):
            return [
                self._call(tool, Random(varied(hashed, f"{n} {tool.name}")))
                for n, tool in enumerate(tools)
            ]
        if asked.schema:
            form = self._form(asked.schema, asked.schema_name)
            return [Part("text", tokenize(form.instance(Random(hashed))))]
        said = answer_text(conversation, hashed)
        text = said if asked.schema is None else to_json({"answer": said})
        return [Part("text", tokenize(text))]

    def _call(self, tool: Tool, random: Random) -> Part:
        call_id = f"{random.getrandbits(96):024x}"
        name = f"the parameters of {tool.name}"
        form = self._form(tool.parameters, name, {"type": "object"}, member="tools")
        arguments = form.instance(random)
        return Part("tool_call", tokenize(arguments), tool.name, call_id)

    def _form(self, schema: Schema, name: str, *further: Schema, member: str = "") -> Form:
        if id(schema) not in self._forms:
            self._forms[id(schema)] = Form(schema, name, *further, member=member)
        return self._forms[id(schema)]


def _reasoning(asked: Asked, commanded: int) -> list[str]:
    if commanded:
        return _repeated((), tokenize(REASONING), commanded)
    return tokenize(REASONING)[: asked.reasoning_tokens] if asked.reasoning else []


def _called(asked: Asked, conversation: Sequence[Message]) -> Sequence[Tool]:
    """The tools that the answer calls.

    After the result of a tool the answer is a text, unless a call is required, so that the loop of
    an agent ends.
    """
    if asked.tool_choice == "function":
        return [tool for tool in asked.tools if tool.name == asked.tool_name][:1]
    is_asked = asked.tool_choice == "required" or conversation[-1].role == "user"
    if asked.tool_choice == "none" or not is_asked:
        return ()
    return asked.tools[: MAX_CALLS if asked.parallel_tool_calls else 1]


def _with_tokens(part: Part, tokens: Sequence[str]) -> Part:
    return Part(part.kind, tokens, part.tool, part.call_id)


def _count(parts: Iterable[Part]) -> int:
    return sum([len(part.tokens) for part in parts])


def _repeated(tokens: Sequence[str], filler: Sequence[str], count: int) -> list[str]:
    """The first ``count`` of the tokens followed by the repeated filler."""
    return [*tokens[:count], *islice(cycle(filler), max(0, count - len(tokens)))]


def _stopped(tokens: list[str], stop: Sequence[str], least: int) -> tuple[list[str], str | None]:
    """The tokens before the first stop sequence after the first ``least`` tokens, and the
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
