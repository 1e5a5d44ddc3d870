"""Messages of Anthropic: whole, or in the typed events of a stream.

The answer is a list of content blocks, one for each part of it: thinking, text or the use of a
tool. A stream begins, continues and ends each block in events of their own, and counts the tokens
in its first and in its last but one event.
"""

import base64
import hashlib
import uuid
from collections.abc import Iterator

from streamserver.lab.faults.filters import MESSAGE
from streamserver.lab.model.answer import Part, Piece
from streamserver.lab.model.asked import Json
from streamserver.lab.model.interface import Frame, Template, Writer
from streamserver.wire.json_text import to_json
from streamserver.wire.problem import HTTPError

REQUEST_ID = "request-id"
"""The field of a response with the id of its request."""
_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
_DELTAS = {
    "text": ("text_delta", "text"),
    "refusal": ("text_delta", "text"),
    "reasoning": ("thinking_delta", "thinking"),
    "tool_call": ("input_json_delta", "partial_json"),
}
"""The type of the delta with a token, and the member that holds it, by the kind of the part."""
_ERROR_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class MessageWriter(Writer):
    """The answer to a conversation. It has one choice."""

    def whole(self) -> Json:
        """The message as one object."""
        parts = self.answer.choices[0].parts
        blocks = [self._block(part, is_whole=True) for part in parts if part.tokens]
        return self._message(blocks) | self._stop() | {"usage": self._usage()}

    def opening(self) -> Iterator[Frame]:
        """The message without content, and a ping, as the service sends them."""
        usage = self._usage() | {"output_tokens": 0}
        message = self._message([]) | dict.fromkeys(self._stop()) | {"usage": usage}
        yield _frame({"type": "message_start", "message": message})
        yield _frame({"type": "ping"})

    def token(self, piece: Piece) -> Iterator[Frame]:
        """The delta of a token; the first begins its content block, and the last ends it."""
        part, index = piece.part, piece.number
        if piece.is_first:
            block = self._block(part)
            yield _frame({"type": "content_block_start", "index": index, "content_block": block})
            kind, member = _DELTAS[part.kind]
            self._delta = Template(_delta(index, {"type": kind, member: Template.HOLE}))
        if not self._is_hidden(part):
            yield Frame(self._delta.fill(piece.token), "content_block_delta")
        if piece.is_last:
            if part.kind == "reasoning":
                signature = {"type": "signature_delta", "signature": _signature(part.text)}
                yield _frame(_delta(index, signature))
            yield _frame({"type": "content_block_stop", "index": index})

    def ending(self) -> Iterator[Frame]:
        """Why the message ends, and the tokens."""
        yield _frame({"type": "message_delta", "delta": self._stop(), "usage": self._usage()})
        yield _frame({"type": "message_stop"})

    def errors(self, service: str) -> Iterator[Frame]:
        """An event of the type ``error``, the last one."""
        yield _frame(_error(529, MESSAGE))

    def _is_hidden(self, part: Part) -> bool:
        return part.kind == "reasoning" and self.asked.is_reasoning_hidden

    def _block(self, part: Part, *, is_whole: bool = False) -> Json:
        """A content block; without its content if it is not whole, as a stream begins it."""
        text = part.text if is_whole else ""
        if part.kind == "reasoning":
            signature = _signature(text) if is_whole else ""
            shown = "" if self._is_hidden(part) else text
            return {"type": "thinking", "thinking": shown, "signature": signature}
        if part.kind == "tool_call":
            # The limit of the tokens may have cut the input.
            given = (part.arguments or {}) if is_whole else {}
            call_id = f"toolu_{part.call_id}"
            return {"type": "tool_use", "id": call_id, "name": part.tool, "input": given}
        return {"type": "text", "text": text}

    def _message(self, content: list[Json]) -> Json:
        return {
            "id": f"msg_{self.answer.id}",
            "type": "message",
            "role": "assistant",
            "model": self.answer.model,
            "content": content,
        }

    def _stop(self) -> Json:
        choice = self.answer.choices[0]
        reason, details = _STOP_REASONS[choice.finish_reason], None
        if choice.stop_sequence is not None:
            reason = "stop_sequence"
        elif choice.of_kind("refusal"):
            reason, details = "refusal", {"type": "refusal", "category": None, "explanation": None}
        return {
            "stop_reason": reason,
            "stop_sequence": choice.stop_sequence,
            "stop_details": details,
        }

    def _usage(self) -> Json:
        """The tokens; those that the service has read from a cache are no ``input_tokens``."""
        answer = self.answer
        return {
            "input_tokens": answer.input_tokens - answer.cached_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": answer.cached_tokens,
            "output_tokens": answer.output_tokens,
            "output_tokens_details": {"thinking_tokens": answer.reasoning_tokens},
        }


def _frame(data: Json) -> Frame:
    return Frame(to_json(data), data["type"])


def _delta(index: int, delta: Json) -> Json:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def _signature(thinking: str) -> str:
    """A text of the kind with which the service proves that its thinking was not changed."""
    return base64.b64encode(hashlib.sha512(thinking.encode()).digest()).decode()


def message_error(error: HTTPError) -> Json:
    """The error of a refused request. The detail names the member that was wrong, if one was."""
    body = _error(error.status, error.detail)
    if code := error.members.get("code"):
        body["error"]["details"] = {"error_code": code}
    return body | {"request_id": f"req_{uuid.uuid4().hex}"}


def _error(status: int, message: str) -> Json:
    default = "invalid_request_error" if status < 500 else "api_error"
    kind = _ERROR_TYPES.get(status, default)
    return {"type": "error", "error": {"type": kind, "message": message}}
