"""Ollama's lines of JSON: the answer to a chat, and the completion of a prompt.

Each line has the time at which it is sent, and the last one the durations. They are those of the
schedule, in ns, without the lateness of this process:

- ``load_duration``: from the request to the head (``head_delay``);
- ``prompt_eval_duration``: from the head to the first token;
- ``eval_duration``: from the first token to the last, at least 1, since clients divide by it;
- ``total_duration``: their sum.

A tool call is one line, due with the last token of the call.
"""

import time
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from streamserver.lab.faults.filters import MESSAGE
from streamserver.lab.model.answer import Answer, Kind, Part, Piece
from streamserver.lab.model.asked import Asked, Json
from streamserver.lab.model.interface import Frame, Template, Writer
from streamserver.lab.model.logprobs import describe
from streamserver.wire.json_text import to_json
from streamserver.wire.problem import HTTPError

MEDIA_TYPE = "application/x-ndjson"
_LAST = "last"
"""The type of the last frame. Its durations are known when it is sent."""
_WITH_LOGPROBS = ("text", "refusal")
_DONE_REASONS = {"stop": "stop", "length": "length", "tool_calls": "stop"}


class LineWriter(Writer):
    """What both interfaces have in common. There is one choice."""

    is_timed = True

    def __init__(self, asked: Asked, answer: Answer) -> None:
        super().__init__(asked, answer)
        self._begin = to_json({"model": answer.model, "created_at": ""}).removesuffix('"}')
        self._text = Template(self._members(Template.HOLE) | {"done": False})
        self._thinking = Template(self._members("", Template.HOLE) | {"done": False})
        self._position = 0
        """The number of tokens so far: the log probability of a token depends on its position."""

    def whole(self) -> Json:
        """The answer as one object."""
        text = self._joined("text") + self._joined("refusal")
        calls = [call for n, part in enumerate(self._parts) for call in self._calls(n, part)]
        dated = {"model": self.answer.model, "created_at": timestamp(time.time_ns())}
        content = self._members(text, self._joined("reasoning"), calls)
        return dated | content | self._all_logprobs() | self._end() | self._durations()

    def opening(self) -> Iterable[Frame]:
        """No frames; the position is reset."""
        self._position = 0
        return ()

    def token(self, piece: Piece) -> Iterator[Frame]:
        """The line of a token; of a tool call only its last token has one."""
        kind = piece.part.kind
        if self.asked.top_logprobs is not None and kind in _WITH_LOGPROBS:
            logprobs = describe(piece.token, self._position, self.asked.top_logprobs)
            line = self._members(piece.token) | {"logprobs": [logprobs], "done": False}
            yield Frame(to_json(line))
        elif kind != "tool_call":
            template = self._thinking if kind == "reasoning" else self._text
            yield Frame(template.fill(piece.token))
        elif piece.is_last:
            calls = self._calls(piece.number, piece.part)
            yield Frame(to_json(self._members(calls=calls) | {"done": False}))
        self._position += 1

    def ending(self) -> Iterator[Frame]:
        """The last line, without its durations."""
        yield Frame(to_json(self._members() | self._end()), _LAST)

    def timed(self, frame: Frame) -> Frame:
        """The line with the time at which it is sent; the last one with the durations."""
        data = frame.data[1:]
        if frame.event == _LAST and (durations := self._durations()):
            data = f"{data[:-1]},{to_json(durations)[1:]}"
        return Frame(f'{self._begin}{timestamp(time.time_ns())}",{data}')

    def errors(self, service: str) -> Iterator[Frame]:
        """A line with the error alone, the last one."""
        yield Frame(to_json({"error": MESSAGE}))

    @abstractmethod
    def _members(self, text: str = "", thinking: str = "", calls: Sequence[Json] = ()) -> Json:
        """The members of a line with this content."""

    @property
    def _parts(self) -> Sequence[Part]:
        return self.answer.choices[0].parts

    def _joined(self, kind: Kind) -> str:
        return "".join([part.text for part in self.answer.choices[0].of_kind(kind)])

    def _calls(self, number: int, part: Part) -> list[Json]:
        """The call in a part; none in another part, and none if the limit of the tokens has cut
        its arguments."""
        if part.kind != "tool_call" or part.arguments is None:
            return []
        index = sum([one.kind == "tool_call" for one in self._parts[:number]])
        function = {"index": index, "name": part.tool, "arguments": part.arguments}
        return [{"id": f"call_{part.call_id}", "function": function}]

    def _all_logprobs(self) -> Json:
        """The log probabilities of a whole answer."""
        if (count := self.asked.top_logprobs) is None:
            return {}
        tokens = [(part.kind, token) for part in self._parts for token in part.tokens]
        found = [
            describe(token, position, count)
            for position, (kind, token) in enumerate(tokens)
            if kind in _WITH_LOGPROBS
        ]
        return {"logprobs": found}

    def _end(self) -> Json:
        reason = "load" if self._only_loads else _DONE_REASONS[self.answer.choices[0].finish_reason]
        return {"done": True, "done_reason": reason}

    def _durations(self) -> Json:
        if self._only_loads:
            return {}
        timing = self.timing
        evaluated = max(1, timing.latest - timing.first)
        return {
            "total_duration": timing.head + timing.first + evaluated,
            "load_duration": timing.head,
            "prompt_eval_count": self.answer.input_tokens,
            "prompt_eval_duration": timing.first,
            "eval_count": self.answer.output_tokens,
            "eval_duration": evaluated,
        }

    @property
    def _only_loads(self) -> bool:
        """Whether the request had no prompt, with which clients load a model."""
        return self.asked.max_tokens == 0


class ChatLines(LineWriter):
    """The answer to a chat."""

    def _members(self, text: str = "", thinking: str = "", calls: Sequence[Json] = ()) -> Json:
        thought = {"thinking": thinking} if thinking else {}
        called = {"tool_calls": calls} if calls else {}
        return {"message": {"role": "assistant", "content": text, **thought, **called}}


class CompletionLines(LineWriter):
    """The completion of a prompt."""

    def _members(self, text: str = "", thinking: str = "", calls: Sequence[Json] = ()) -> Json:
        return {"response": text, **({"thinking": thinking} if thinking else {})}


def timestamp(ns: int) -> str:
    """A time since 1970 (RFC 3339)."""
    seconds, rest = divmod(ns, 1_000_000_000)
    return f"{_date_time(seconds)}.{rest:09d}Z"


@lru_cache(maxsize=2)
def _date_time(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def line_error(error: HTTPError) -> Json:
    """The error of a refused request. The detail names the member that was wrong, if one was."""
    return {"error": error.detail}
