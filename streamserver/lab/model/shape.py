"""What an answer looks like on the wire, whole or in the events of a stream.

Members and their order are those of OpenAI's service: what a client or a relay does with
these bytes, it would do with the real ones. Nothing here knows of time.
"""

import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, ClassVar, Literal, TypeAlias

from streamserver.lab.faults.errors import MESSAGE
from streamserver.lab.model.answers import FINGERPRINT
from streamserver.wire.problem import HTTPError

Json: TypeAlias = dict[str, Any]
FinishReason: TypeAlias = Literal["stop", "length"]

DONE = "[DONE]"
"""The data of the last event, and no JSON: whoever has not seen it was cut off."""

MODELS_CREATED = 1735689600  # 2025-01-01: clients expect a date, and nothing depends on it


def _new_id() -> str:
    return uuid.uuid4().hex


def _now() -> int:
    return int(time.time())


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer: its tokens, why they end, and what each of its objects repeats."""

    model: str
    tokens: Sequence[str]
    finish_reason: FinishReason
    """"stop": the model had no more to say; "length": it was allowed no more."""
    prompt_tokens: int
    id: str = field(default_factory=_new_id)
    created: int = field(default_factory=_now)
    """Seconds since 1970."""

    kind: ClassVar[str]
    """What the interface calls the whole answer, and, with ``piece``, a part of a stream."""
    piece: ClassVar[str]
    prefix: ClassVar[str]
    """Of its id."""
    opens: ClassVar[int] = 0
    """Events before the first token."""

    def whole(self) -> Json:
        """The answer as one object."""
        choices = [self._whole_choice("".join(self.tokens))]
        return self._object(self.kind, choices) | {"usage": self._usage()}

    def events(self, include_usage: bool = False) -> Iterator[Json | str]:
        """The data of each event of a stream: what opens it, the tokens one by one, the end.

        With ``include_usage`` one more chunk counts the tokens, and all others say that they
        do not (``stream_options`` of the interface).
        """
        no_usage: Json = {"usage": None} if include_usage else {}
        tokens = map(self._token, self.tokens)
        for choice in chain(self._opening(), tokens, [self._last()]):
            yield self._object(self.piece, [choice]) | no_usage
        if include_usage:
            yield self._object(self.piece, []) | {"usage": self._usage()}
        yield DONE

    def errors(self, form: str) -> Iterator[Json | str]:
        """The data of the events with which a stream reports that it failed, as a service sends
        them: OpenAI's ends with the error, vLLM and OpenRouter send ``[DONE]`` after it, and
        OpenRouter makes the error a member of a last chunk."""
        if form == "openrouter":
            chunk = self._object(self.piece, [self._token("") | {"finish_reason": "error"}])
            yield chunk | {"error": {"code": 502, "message": MESSAGE}}
            yield DONE
        elif form == "vllm":
            error = {"message": MESSAGE, "type": "InternalServerError", "param": None, "code": 500}
            yield {"error": error}
            yield DONE
        else:
            error = {"message": MESSAGE, "type": "server_error", "param": None, "code": None}
            yield {"error": error}

    def _opening(self) -> Sequence[Json]:
        """The choices of events before the first token."""
        return ()

    def _token(self, token: str) -> Json:
        raise NotImplementedError

    def _last(self) -> Json:
        raise NotImplementedError

    def _whole_choice(self, text: str) -> Json:
        raise NotImplementedError

    def _object(self, kind: str, choices: list[Json]) -> Json:
        return {
            "id": f"{self.prefix}-{self.id}",
            "object": kind,
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


class ChatCompletion(Completion):
    """The answer to a conversation."""

    __slots__ = ()
    kind, piece, prefix = "chat.completion", "chat.completion.chunk", "chatcmpl"
    opens = 1

    def _opening(self) -> Sequence[Json]:
        return [_delta({"role": "assistant", "content": ""})]

    def _token(self, token: str) -> Json:
        return _delta({"content": token})

    def _last(self) -> Json:
        return _delta({}, self.finish_reason)

    def _whole_choice(self, text: str) -> Json:
        message = {"role": "assistant", "content": text, "refusal": None}
        return {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": self.finish_reason,
        }


class TextCompletion(Completion):
    """What follows a text: the older interface, which many tools for load still speak."""

    __slots__ = ()
    kind = piece = "text_completion"
    prefix = "cmpl"

    def _token(self, token: str) -> Json:
        return _text(token)

    def _last(self) -> Json:
        return _text("", self.finish_reason)

    def _whole_choice(self, text: str) -> Json:
        return _text(text, self.finish_reason)


def _delta(delta: Json, finish_reason: FinishReason | None = None) -> Json:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


def _text(text: str, finish_reason: FinishReason | None = None) -> Json:
    return {"text": text, "index": 0, "logprobs": None, "finish_reason": finish_reason}


def model(name: str) -> Json:
    """A model that there is."""
    return {"id": name, "object": "model", "created": MODELS_CREATED, "owned_by": "streamserver"}


def model_list(names: Sequence[str]) -> Json:
    """All of them."""
    return {"object": "list", "data": [model(name) for name in names]}


def refusal(error: HTTPError) -> Json:
    """A refused request; ``param`` names the member that was wrong, if it was one."""
    told = {
        "message": error.detail,
        "type": "invalid_request_error",
        "param": error.members.get("parameter"),
        "code": error.members.get("code"),
    }
    return {"error": told}
