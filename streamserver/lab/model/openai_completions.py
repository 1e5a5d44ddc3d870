"""Chat completions and completions of OpenAI: whole, or in the chunks of a stream.

The members and their order are those that OpenAI documents, so clients and relays treat these bytes
as the real ones.
"""

from collections.abc import Iterator
from typing import ClassVar

from streamserver.lab.faults.filters import MESSAGE
from streamserver.lab.model.answer import Choice, Piece
from streamserver.lab.model.asked import Json
from streamserver.lab.model.interface import Frame, Writer
from streamserver.lab.model.text import FINGERPRINT
from streamserver.wire.json_text import to_json

DONE = "[DONE]"
"""The data of the last event, which is not JSON. A stream without it was cut."""


class CompletionWriter(Writer):
    """What both interfaces have in common."""

    object_name: ClassVar[str]
    """``object`` of the whole completion, and ``chunk_name`` of a chunk."""
    chunk_name: ClassVar[str]
    id_prefix: ClassVar[str]

    def whole(self) -> Json:
        """The completion as one object."""
        choices = [self._whole_choice(n, choice) for n, choice in enumerate(self.answer.choices)]
        return self._object(self.object_name, choices) | {"usage": self._usage()}

    def token(self, piece: Piece) -> Iterator[Frame]:
        """The chunk of a token."""
        yield self._chunk(self._choice(piece.choice, piece.token))

    def ending(self) -> Iterator[Frame]:
        """The finish reasons, the usage on request, and ``[DONE]``."""
        for n, choice in enumerate(self.answer.choices):
            yield self._chunk(self._choice(n, None, choice.finish_reason))
        if self.asked.include_usage:
            counted = self._object(self.chunk_name, []) | {"usage": self._usage()}
            yield Frame(to_json(counted))
        yield Frame(DONE)

    def errors(self, service: str) -> Iterator[Frame]:
        """OpenAI ends with the error, vLLM and OpenRouter send ``[DONE]`` after it, and OpenRouter
        adds the error to a last chunk."""
        if service == "openrouter":
            choice = self._choice(0, "") | {"finish_reason": "error"}
            chunk = self._object(self.chunk_name, [choice])
            yield Frame(to_json(chunk | {"error": {"code": 502, "message": MESSAGE}}))
        else:
            is_vllm = service == "vllm"
            kind, code = ("InternalServerError", 500) if is_vllm else ("server_error", None)
            error = {"message": MESSAGE, "type": kind, "param": None, "code": code}
            yield Frame(to_json({"error": error}))
        if service in ("openrouter", "vllm"):
            yield Frame(DONE)

    def _chunk(self, choice: Json) -> Frame:
        no_usage: Json = {"usage": None} if self.asked.include_usage else {}
        return Frame(to_json(self._object(self.chunk_name, [choice]) | no_usage))

    def _choice(self, index: int, token: str | None, finish_reason: str | None = None) -> Json:
        """The choice of a chunk; without a token, that of the last chunk."""
        raise NotImplementedError

    def _whole_choice(self, index: int, choice: Choice) -> Json:
        raise NotImplementedError

    def _object(self, name: str, choices: list[Json]) -> Json:
        return {
            "id": f"{self.id_prefix}-{self.answer.id}",
            "object": name,
            "created": self.answer.created,
            "model": self.answer.model,
            "system_fingerprint": FINGERPRINT,
            "choices": choices,
        }

    def _usage(self) -> Json:
        given, made = self.answer.input_tokens, self.answer.output_tokens
        return {
            "prompt_tokens": given,
            "completion_tokens": made,
            "total_tokens": given + made,
        }


class ChatWriter(CompletionWriter):
    """The answer to a conversation."""

    object_name, chunk_name, id_prefix = "chat.completion", "chat.completion.chunk", "chatcmpl"

    def opening(self) -> Iterator[Frame]:
        """The role of each choice."""
        for n in range(len(self.answer.choices)):
            yield self._chunk(_delta_choice(n, {"role": "assistant", "content": ""}))

    def _choice(self, index: int, token: str | None, finish_reason: str | None = None) -> Json:
        return _delta_choice(index, {} if token is None else {"content": token}, finish_reason)

    def _whole_choice(self, index: int, choice: Choice) -> Json:
        text = "".join([part.text for part in choice.of_kind("text")])
        message = {"role": "assistant", "content": text, "refusal": None}
        reason = choice.finish_reason
        return {"index": index, "message": message, "logprobs": None, "finish_reason": reason}


class TextWriter(CompletionWriter):
    """The continuation of a prompt: the legacy interface, which many load tools use."""

    object_name = chunk_name = "text_completion"
    id_prefix = "cmpl"

    def _choice(self, index: int, token: str | None, finish_reason: str | None = None) -> Json:
        return {
            "text": token or "",
            "index": index,
            "logprobs": None,
            "finish_reason": finish_reason,
        }

    def _whole_choice(self, index: int, choice: Choice) -> Json:
        text = "".join([part.text for part in choice.of_kind("text")])
        return self._choice(index, text, choice.finish_reason)


def _delta_choice(index: int, delta: Json, finish_reason: str | None = None) -> Json:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
