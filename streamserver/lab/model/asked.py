"""What may be asked of the model.

All that shapes a plain answer is read strictly. What steers the thinking of a real model
(``temperature``, ``seed``, ``stop``, ``tools`` and the like) is taken and changes nothing: a
client that sends it wants to be answered, and this model does not think.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from streamserver.kit.params import Parameter, number, text, whole
from streamserver.lab.model.answers import Message
from streamserver.wire.problem import HTTPError

MOST_MESSAGES = 500
MOST_TOKENS = 1_000_000
"""More than any model writes, so that a client's usual limit is none too large here."""

ROLES = ("developer", "system", "user", "assistant", "tool", "function")
PACES = {
    name: number("tokens_per_second", 1, 1000, default=tokens_per_second)
    for name, tokens_per_second in (("streamserver-demo", 30), ("streamserver-demo-fast", 300))
}
"""The models; they differ in nothing but their pace, which a request may change: our addition."""


def _flag(name: str) -> Parameter[bool]:
    def check(value: object) -> bool | None:
        return value if isinstance(value, bool) else None

    return Parameter(name, "true or false", str, check, False)


def _some_messages(value: object) -> list[object] | None:
    return value if isinstance(value, list) and 1 <= len(value) <= MOST_MESSAGES else None


MODEL = text("model", 1, 200)
MESSAGES = Parameter("messages", f"a list of 1 to {MOST_MESSAGES} messages", str, _some_messages)
N = replace(whole("n", 1, 1, default=1), allowed="1, since this model has one answer to give")
MAX_TOKENS = whole("max_tokens", 1, MOST_TOKENS, default=MOST_TOKENS)
MAX_COMPLETION_TOKENS = whole("max_completion_tokens", 1, MOST_TOKENS, default=MOST_TOKENS)
STREAM = _flag("stream")
INCLUDE_USAGE = _flag("include_usage")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for a completion."""

    model: str
    conversation: list[Message]
    max_tokens: int
    tokens_per_second: float
    stream: bool
    include_usage: bool


def chat(members: Mapping[str, object]) -> Asked:
    """The request for a chat completion that a JSON object is; HTTPError 400 that says what is
    wrong with it, 404 for a model that there is not."""
    said = [_message(f"messages[{n}]", one) for n, one in enumerate(MESSAGES.of(members))]
    return _asked(members, said)


def text_completion(members: Mapping[str, object]) -> Asked:
    """The same of the older interface, which has a ``prompt`` instead of messages."""
    prompt = members.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str):
        raise _wrong("prompt", "a text, or a list of one")
    return _asked(members, [Message("user", prompt)])


def _asked(members: Mapping[str, object], conversation: list[Message]) -> Asked:
    model = known(MODEL.of(members))
    N.of(members)
    stream = STREAM.of(members)
    return Asked(
        model,
        conversation,
        # The newer name of the two and the older one: whoever sends both means both.
        min(MAX_TOKENS.of(members), MAX_COMPLETION_TOKENS.of(members)),
        PACES[model].of(members),
        stream,
        _include_usage(members.get("stream_options"), stream),
    )


def known(model: str) -> str:
    """``model``; HTTPError 404 if there is none of this name."""
    if model not in PACES:
        there_are = " and ".join(PACES)
        raise HTTPError(
            404,
            f"the model {model!a} does not exist: there are {there_are}",
            parameter="model",
            code="model_not_found",
        )
    return model


def _include_usage(options: object, stream: bool) -> bool:
    if options is None:
        return False
    if not isinstance(options, dict):
        raise _wrong("stream_options", 'an object: {"include_usage": true}')
    if not stream:
        raise _wrong("stream_options", "left out unless stream is true")
    return INCLUDE_USAGE.of(options)


def _message(where: str, value: object) -> Message:
    if not isinstance(value, dict):
        raise _wrong(where, 'an object: {"role": "user", "content": "..."}')
    role, content = value.get("role"), value.get("content")
    if role not in ROLES:
        raise _wrong(f"{where}.role", "one of " + ", ".join(ROLES))
    # An assistant that called tools, or refused, said nothing besides.
    if content is None and role == "assistant":
        content = ""
    return Message(role, _content(f"{where}.content", content))


def _content(where: str, content: object) -> str:
    """The text of a message, which may come in parts."""
    if isinstance(content, list):
        return "".join([_part(f"{where}[{n}]", part) for n, part in enumerate(content)])
    if not isinstance(content, str):
        raise _wrong(where, "a text or a list of parts")
    return content


def _part(where: str, part: object) -> str:
    found = part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None
    if not isinstance(found, str):
        raise _wrong(where, 'a text, as this model reads no other: {"type": "text", "text": "..."}')
    return found


def _wrong(name: str, allowed: str) -> HTTPError:
    return HTTPError(400, f"{name} must be {allowed}", parameter=name)
