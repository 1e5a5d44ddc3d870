"""The answers of the model, and their form on the wire: whole, or in the chunks of a stream.

A hash of the conversation selects one of a few texts, so a test knows the answer. It repeats a part
of the prompt and has characters beyond ASCII, since a stream may be cut within a character.

The members and their order are those that OpenAI documents, so clients and relays treat these bytes
as the real ones. This module has no notion of time.
"""

import hashlib
import json
import re
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias

from streamserver.lab.faults.filters import MESSAGE
from streamserver.wire.problem import HTTPError

Json: TypeAlias = dict[str, Any]
FinishReason: TypeAlias = Literal["stop", "length"]

DONE = "[DONE]"
"""The data of the last event, which is not JSON. A stream without it was cut."""
MODELS_CREATED = 1735689600  # 2025-01-01: clients expect a date
MAX_ECHO = 60
"""Characters of the prompt that an answer repeats."""

ANSWERS = (
    "You wrote “{echo}”. I wish I could think about that, but I am a very small model: a hash"
    " chose this answer, and a clock spells it out. What is real is the way it reaches you:"
    " each word in a chunk of its own, sent the moment it was due. Voilà, streaming! 🌊",
    "“{echo}”? A large model would multiply billions of numbers before each of these words. I"
    " just look at the clock, which from where you sit is much the same: the next word is not"
    " there yet, and you are reading anyway. That is the whole trick … and a déjà vu for"
    " anybody who ever watched a teleprinter.",
    "To be honest, I know nothing about “{echo}”. But I know how you come to read this. Every"
    " token is an event: the word “data”, a colon, a line of JSON, and a blank line that"
    " ends it. After the last token, one more event holds only [DONE] → it shows you that the"
    " answer is complete, and was not cut off.",
    "A tale of “{echo}”: once there were two servers. One kept its words until the last was"
    " ready, and its readers watched a wheel turn, ◐ ◓ ◑ ◒, and left. The other sent each"
    " word at once. Both needed just as long, but only one was read to its end. 📖",
    "Three thoughts on “{echo}”:\n\n"
    "① The first word matters most: it shows you that the service works.\n"
    "② Text that you will not read need not be produced: press stop, and this answer ends.\n"
    "③ These lines end in line feeds, and yet each event is one line: JSON writes them as"
    " \\n. Très pratique!",
    "While you think about “{echo}”, mind the bytes: 流れ, Japanese for flow, is two"
    " characters and six bytes, and this otter is one and four: 🦦. A network cuts wherever"
    " it likes, so a reader of a stream keeps half a character until the other half has"
    " arrived. Do you see the otter? Then your client does this.",
)
"""Each contains ``{echo}`` once, and characters of two, three or four bytes."""

FINGERPRINT = "fp_" + hashlib.sha256("".join(ANSWERS).encode()).hexdigest()[:10]
"""While it does not change, the same conversation gets the same answer."""

_token = re.compile(r" ?\w{1,12}| ?[^\w\s]{1,12}|\s{1,12}")


class Message(NamedTuple):
    """A message of a conversation."""

    role: str
    content: str


def answer(conversation: Sequence[Message]) -> str:
    """The answer to a conversation, always the same."""
    digest = hashlib.sha256(json.dumps(conversation).encode()).digest()
    text = ANSWERS[int.from_bytes(digest[:8]) % len(ANSWERS)]
    prompts = [message.content for message in conversation if message.role == "user"]
    return text.format(echo=echo(prompts[-1] if prompts else conversation[-1].content))


def echo(prompt: str) -> str:
    """The beginning of a prompt, printable and on one line.

    Control characters could change the text around it in a terminal, and half a surrogate pair has
    no encoding.
    """
    printable = "".join([c if c.isprintable() else " " for c in prompt[: 4 * MAX_ECHO]])
    words = " ".join(printable.split())
    return words if 0 < len(words) <= MAX_ECHO else words[:MAX_ECHO].rstrip() + "…"


def tokenize(text: str) -> list[str]:
    """The tokens of a text, which join to it; a space begins a token, as in common tokenizers."""
    return _token.findall(text)


# On the wire


@dataclass(frozen=True, slots=True)
class Completion:
    """The answer to one request."""

    model: str
    tokens: Sequence[str]
    finish_reason: FinishReason
    prompt_tokens: int
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    created: int = field(default_factory=lambda: int(time.time()))

    object_name: ClassVar[str]
    """``object`` of the whole completion, and ``chunk_name`` of a chunk."""
    chunk_name: ClassVar[str]
    id_prefix: ClassVar[str]
    first_choices: ClassVar[Sequence[Json]] = ()
    """Those of the chunks before the first token."""

    def whole(self) -> Json:
        """The completion as one object."""
        choice = self._whole_choice("".join(self.tokens))
        return self._object(self.object_name, [choice]) | {"usage": self._usage()}

    def chunks(self, include_usage: bool = False) -> Iterator[Json | str]:
        """The data of each event of a stream.

        With ``include_usage`` one more chunk counts the tokens, and ``usage`` is null in all others
        (``stream_options`` of the API).
        """
        no_usage: Json = {"usage": None} if include_usage else {}
        tokens = map(self._choice, self.tokens)
        for choice in (*self.first_choices, *tokens, self._choice(None, self.finish_reason)):
            yield self._object(self.chunk_name, [choice]) | no_usage
        if include_usage:
            yield self._object(self.chunk_name, []) | {"usage": self._usage()}
        yield DONE

    def errors(self, form: str) -> Iterator[Json | str]:
        """The data of the events with which a stream reports an error, as a service sends them:
        OpenAI ends with the error, vLLM and OpenRouter send ``[DONE]`` after it, and OpenRouter
        adds the error to a last chunk."""
        if form == "openrouter":
            chunk = self._object(self.chunk_name, [self._choice("") | {"finish_reason": "error"}])
            yield chunk | {"error": {"code": 502, "message": MESSAGE}}
        else:
            kind, code = ("InternalServerError", 500) if form == "vllm" else ("server_error", None)
            yield {"error": {"message": MESSAGE, "type": kind, "param": None, "code": code}}
        if form in ("openrouter", "vllm"):
            yield DONE

    def _choice(self, token: str | None, finish_reason: str | None = None) -> Json:
        """The choice of a chunk; without a token, that of the last chunk."""
        raise NotImplementedError

    def _whole_choice(self, text: str) -> Json:
        raise NotImplementedError

    def _object(self, name: str, choices: list[Json]) -> Json:
        return {
            "id": f"{self.id_prefix}-{self.id}",
            "object": name,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": FINGERPRINT,
            "choices": choices,
        }

    def _usage(self) -> Json:
        count = len(self.tokens)
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": count,
            "total_tokens": self.prompt_tokens + count,
        }


def _delta_choice(delta: Json, finish_reason: str | None = None) -> Json:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


class ChatCompletion(Completion):
    """The answer to a conversation."""

    __slots__ = ()
    object_name, chunk_name, id_prefix = "chat.completion", "chat.completion.chunk", "chatcmpl"
    first_choices = (_delta_choice({"role": "assistant", "content": ""}),)

    def _choice(self, token: str | None, finish_reason: str | None = None) -> Json:
        return _delta_choice({} if token is None else {"content": token}, finish_reason)

    def _whole_choice(self, text: str) -> Json:
        message = {"role": "assistant", "content": text, "refusal": None}
        reason = self.finish_reason
        return {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}


class TextCompletion(Completion):
    """The continuation of a prompt: the legacy interface, which many load tools use."""

    __slots__ = ()
    object_name = chunk_name = "text_completion"
    id_prefix = "cmpl"

    def _choice(self, token: str | None, finish_reason: str | None = None) -> Json:
        return {"text": token or "", "index": 0, "logprobs": None, "finish_reason": finish_reason}

    def _whole_choice(self, text: str) -> Json:
        return self._choice(text, self.finish_reason)


def model_object(name: str) -> Json:
    """A model."""
    return {"id": name, "object": "model", "created": MODELS_CREATED, "owned_by": "streamserver"}


def error_object(error: HTTPError) -> Json:
    """The error of a refused request; ``param`` names the member that was wrong, if one was."""
    members = {
        "message": error.detail,
        "type": "invalid_request_error",
        "param": error.members.get("parameter"),
        "code": error.members.get("code"),
    }
    return {"error": members}
