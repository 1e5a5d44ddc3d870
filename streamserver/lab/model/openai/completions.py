"""What chat completions and completions of OpenAI have in common: whole, or in chunks.

The members and their order are those that OpenAI documents, so clients and relays treat these bytes
as the real ones.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

from streamserver.lab.faults.filters import MESSAGE
from streamserver.lab.model.answer import Answer, Choice, Piece
from streamserver.lab.model.asked import Asked, Json
from streamserver.lab.model.interface import Frame, Template, Writer
from streamserver.lab.model.text import FINGERPRINT
from streamserver.wire.json_text import to_json

DONE = "[DONE]"
"""The data of the last event, which is not JSON. A stream without it was cut."""


class CompletionWriter(Writer):
    """Writes choices; the subclasses write the content of a choice."""

    object_name: ClassVar[str]
    """The member ``object`` of the whole completion; ``chunk_name``: that of a chunk."""
    chunk_name: ClassVar[str]
    id_prefix: ClassVar[str]

    def __init__(self, asked: Asked, answer: Answer) -> None:
        super().__init__(asked, answer)
        self._templates: dict[tuple[int, int], Template] = {}
        self._is_plain = asked.top_logprobs is None and not asked.continuous_usage
        self._tokens = self._characters = [0]
        """The numbers for each choice so far, kept for chunks that have more than a token."""

    def whole(self) -> Json:
        """The completion as one object."""
        choices = [self._whole_choice(n, choice) for n, choice in enumerate(self.answer.choices)]
        return self._object(self.object_name, choices) | {"usage": self._usage()}

    def opening(self) -> Iterable[Frame]:
        """No frames; the counts are reset."""
        self._tokens = [0] * len(self.answer.choices)
        self._characters = [0] * len(self.answer.choices)
        return ()

    def token(self, piece: Piece) -> Sequence[Frame]:
        """The chunk of a token."""
        if not self._is_plain:
            choice = self._token_choice(piece, piece.token)
            self._tokens[piece.choice] += 1
            self._characters[piece.choice] += len(piece.token)
            return (self._chunk(choice),)
        where = piece.choice, piece.number
        if (template := self._templates.get(where)) is None:
            choice = self._token_choice(piece, Template.HOLE)
            template = self._templates[where] = Template(self._chunk_object(choice))
        return (Frame(template.fill(piece.token)),)

    def ending(self) -> Iterator[Frame]:
        """The finish reasons, the usage on request, and ``[DONE]``."""
        for n, choice in enumerate(self.answer.choices):
            yield self._chunk(self._last_choice(n, choice))
        if self.asked.include_usage:
            counted = self._object(self.chunk_name, []) | {"usage": self._usage()}
            yield Frame(to_json(counted))
        yield Frame(DONE)

    def errors(self, service: str) -> Iterator[Frame]:
        """OpenAI ends with the error, vLLM and OpenRouter send ``[DONE]`` after it, and OpenRouter
        adds the error to a last chunk."""
        if service == "openrouter":
            choice = self._empty_choice(0) | {"finish_reason": "error"}
            chunk = self._object(self.chunk_name, [choice])
            yield Frame(to_json(chunk | {"error": {"code": 502, "message": MESSAGE}}))
        else:
            is_vllm = service == "vllm"
            kind, code = ("InternalServerError", 500) if is_vllm else ("server_error", None)
            error = {"message": MESSAGE, "type": kind, "param": None, "code": code}
            yield Frame(to_json({"error": error}))
        if service in ("openrouter", "vllm"):
            yield Frame(DONE)

    def _token_choice(self, piece: Piece, token: str) -> Json:
        """The choice of the chunk of a token."""
        raise NotImplementedError

    def _empty_choice(self, index: int) -> Json:
        """A choice of a chunk with an empty text."""
        raise NotImplementedError

    def _last_choice(self, index: int, choice: Choice) -> Json:
        """The choice of the chunk with the finish reason."""
        raise NotImplementedError

    def _whole_choice(self, index: int, choice: Choice) -> Json:
        raise NotImplementedError

    def _chunk(self, choice: Json) -> Frame:
        return Frame(to_json(self._chunk_object(choice)))

    def _chunk_object(self, choice: Json) -> Json:
        chunk = self._object(self.chunk_name, [choice])
        if self.asked.continuous_usage:
            return chunk | {"usage": self._usage(sum(self._tokens))}
        return chunk | {"usage": None} if self.asked.include_usage else chunk

    def _object(self, name: str, choices: list[Json]) -> Json:
        return {
            "id": f"{self.id_prefix}-{self.answer.id}",
            "object": name,
            "created": self.answer.created,
            "model": self.answer.model,
            "system_fingerprint": FINGERPRINT,
            "choices": choices,
        }

    def _usage(self, written: int | None = None) -> Json:
        """The tokens; those of the answer so far, if their number is given."""
        given = self.answer.input_tokens
        made = self.answer.output_tokens if written is None else written
        usage = {
            "prompt_tokens": given,
            "completion_tokens": made,
            "total_tokens": given + made,
            "prompt_tokens_details": {"cached_tokens": self.answer.cached_tokens},
        }
        if written is None:
            details = {"reasoning_tokens": self.answer.reasoning_tokens}
            usage["completion_tokens_details"] = details
        return usage
