"""Chat completions of OpenAI, with the members that vLLM and DeepSeek add for reasoning."""

from collections.abc import Iterator, Sequence

from streamserver.lab.model.answer import Choice, Part, Piece
from streamserver.lab.model.asked import Asked, Json
from streamserver.lab.model.interface import Frame
from streamserver.lab.model.logprobs import describe
from streamserver.lab.model.openai.completions import CompletionWriter

_MEMBERS = {"text": "content", "refusal": "refusal", "reasoning": "reasoning_content"}
"""The member of a message that has the text of a part, by its kind."""


class ChatWriter(CompletionWriter):
    """Writes the answer to a conversation."""

    object_name, chunk_name, id_prefix = "chat.completion", "chat.completion.chunk", "chatcmpl"

    def opening(self) -> Iterator[Frame]:
        """The role of each choice."""
        yield from super().opening()
        for n, choice in enumerate(self.answer.choices):
            content = "" if choice.of_kind("text") else None
            yield self._chunk(_choice(n, {"role": "assistant", "content": content}))

    def token(self, piece: Piece) -> Sequence[Frame]:
        """The chunk of a token. One with the name of its tool precedes the first of a call."""
        if not piece.is_first or piece.part.kind != "tool_call":
            return super().token(piece)
        call = {"index": self._call_index(piece)} | _call(piece.part, "")
        named = self._chunk(_choice(piece.choice, {"tool_calls": [call]}))
        return (named, *super().token(piece))

    def _token_choice(self, piece: Piece, token: str) -> Json:
        kind = piece.part.kind
        if kind != "tool_call":
            logprobs = None
            if self.asked.top_logprobs is not None and kind != "reasoning":
                position = self._tokens[piece.choice]
                logprobs = _logprobs(self.asked, kind, [(position, token)])
            return _choice(piece.choice, {_MEMBERS[kind]: token}, logprobs)
        call = {"index": self._call_index(piece), "function": {"arguments": token}}
        return _choice(piece.choice, {"tool_calls": [call]})

    def _empty_choice(self, index: int) -> Json:
        return _choice(index, {"content": ""})

    def _last_choice(self, index: int, choice: Choice) -> Json:
        return _choice(index, {}, finish_reason=choice.finish_reason)

    def _whole_choice(self, index: int, choice: Choice) -> Json:
        message: Json = {"role": "assistant", "content": None, "refusal": None}
        logprobs, position = None, 0
        for part in choice.parts:
            if part.kind == "tool_call":
                message.setdefault("tool_calls", []).append(_call(part, part.text))
            else:
                message[_MEMBERS[part.kind]] = part.text
                if self.asked.top_logprobs is not None and part.kind != "reasoning":
                    listed = [*enumerate(part.tokens, position)]
                    logprobs = _logprobs(self.asked, part.kind, listed)
            position += len(part.tokens)
        reason = choice.finish_reason
        return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": reason}

    def _call_index(self, piece: Piece) -> int:
        """The number of a call among the calls of its choice, which are its last parts."""
        choice = self.answer.choices[piece.choice]
        return piece.number - (len(choice.parts) - len(choice.of_kind("tool_call")))


def _choice(
    index: int, delta: Json, logprobs: Json | None = None, finish_reason: str | None = None
) -> Json:
    return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}


def _call(part: Part, arguments: str) -> Json:
    function = {"name": part.tool, "arguments": arguments}
    return {"id": f"call_{part.call_id}", "type": "function", "function": function}


def _logprobs(asked: Asked, kind: str, tokens: list[tuple[int, str]]) -> Json:
    """The log probabilities of tokens of a text or of a refusal, by their positions."""
    listed = [describe(token, position, asked.top_logprobs or 0) for position, token in tokens]
    return {"content": None, "refusal": None, _MEMBERS[kind]: listed}
