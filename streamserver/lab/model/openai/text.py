"""Completions of OpenAI: the legacy interface, which many load tools use."""

from collections.abc import Iterable

from streamserver.lab.model.answer import Choice, Piece
from streamserver.lab.model.asked import Json
from streamserver.lab.model.logprobs import ranked
from streamserver.lab.model.openai.completions import CompletionWriter


class TextWriter(CompletionWriter):
    """Writes the continuation of a prompt. Every token is text here."""

    object_name = chunk_name = "text_completion"
    id_prefix = "cmpl"

    def _token_choice(self, piece: Piece, token: str) -> Json:
        logprobs = None
        if (count := self.asked.top_logprobs) is not None:
            position, offset = self._tokens[piece.choice], self._characters[piece.choice]
            logprobs = _logprobs([token], count, position, offset)
        return _choice(piece.choice, token, logprobs)

    def _empty_choice(self, index: int) -> Json:
        return _choice(index, "")

    def _last_choice(self, index: int, choice: Choice) -> Json:
        return _choice(index, "", finish_reason=choice.finish_reason)

    def _whole_choice(self, index: int, choice: Choice) -> Json:
        tokens = [token for part in choice.parts for token in part.tokens]
        count = self.asked.top_logprobs
        logprobs = None if count is None else _logprobs(tokens, count)
        return _choice(index, "".join(tokens), logprobs, choice.finish_reason)


def _choice(
    index: int, text: str, logprobs: Json | None = None, finish_reason: str | None = None
) -> Json:
    return {"text": text, "index": index, "logprobs": logprobs, "finish_reason": finish_reason}


def _logprobs(tokens: Iterable[str], count: int, position: int = 0, offset: int = 0) -> Json:
    """The log probabilities of consecutive tokens, of which the first has this position and this
    offset in the text."""
    found: Json = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
    for n, token in enumerate(tokens, position):
        top = ranked(token, n, max(0, count - 1))
        found["tokens"].append(token)
        found["token_logprobs"].append(top[0].logprob)
        found["top_logprobs"].append(dict(top))
        found["text_offset"].append(offset)
        offset += len(token)
    return found
