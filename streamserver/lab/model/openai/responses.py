"""Responses of OpenAI: whole, or as typed events, each with its number in the stream.

Each part of the answer is an item of the output. Reasoning is a summary if the request asks for
one, and else the text itself, as models with open weights show it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from streamserver.lab.faults.filters import MESSAGE
from streamserver.lab.model.answer import Answer, Part, Piece
from streamserver.lab.model.asked import Asked, Json
from streamserver.lab.model.generation import MAX_LOGPROBS
from streamserver.lab.model.interface import Frame, Template, Writer
from streamserver.lab.model.logprobs import describe
from streamserver.wire.json_text import to_json
from streamserver.wire.problem import HTTPError

_ERROR = {"type": "server_error", "code": "server_error", "message": MESSAGE, "param": None}


class _Form(NamedTuple):
    """How the events and the items of one kind of part are named."""

    item: str
    """The type of the item."""
    prefix: str
    """The beginning of its id."""
    events: str
    """The beginning of the types of the events with its text."""
    member: str
    """The member that has the whole text."""
    content: str = ""
    """The type of the item's content; "" for an item that has its text itself."""
    parts: str = "response.content_part"
    """The beginning of the types of the events that begin and end the content."""
    position: str = "content_index"
    """The member that has the number of the content."""


_SUMMARY = _Form(
    *("reasoning", "rs", "response.reasoning_summary_text", "text", "summary_text"),
    *("response.reasoning_summary_part", "summary_index"),
)
_FORMS = {
    "reasoning": _Form("reasoning", "rs", "response.reasoning_text", "text", "reasoning_text"),
    "text": _Form("message", "msg", "response.output_text", "text", "output_text"),
    "refusal": _Form("message", "msg", "response.refusal", "refusal", "refusal"),
    "tool_call": _Form("function_call", "fc", "response.function_call_arguments", "arguments"),
}


@dataclass(slots=True)
class _Item:
    """An item of the output."""

    form: _Form
    part: Part
    id: str
    last_status: str
    logprobs: list[Json] = field(default_factory=list)

    def as_begun(self) -> Json:
        """The item before its first token."""
        return self._object("in_progress", "", [])

    def as_ended(self) -> Json:
        """The item with all of its tokens."""
        return self._object(self.last_status, self.part.text, [self.content()])

    def content(self, *, is_begun: bool = False) -> Json:
        """The content, empty or with all of its tokens."""
        form, text = self.form, "" if is_begun else self.part.text
        more: Json = {}
        if form.content == "output_text":
            more = {"annotations": [], "logprobs": [] if is_begun else self.logprobs}
        return {"type": form.content, form.member: text} | more

    def _object(self, status: str, text: str, content: list[Json]) -> Json:
        form, part = self.form, self.part
        same = {"id": self.id, "type": form.item}
        if form.item == "message":
            return same | {"status": status, "role": "assistant", "content": content}
        if form is _SUMMARY:
            return same | {"summary": content}
        if form.item == "reasoning":
            return same | {"summary": [], "content": content}
        call = {"call_id": f"call_{part.call_id}", "name": part.tool, "arguments": text}
        return same | {"status": status} | call


class ResponsesWriter(Writer):
    """Writes one response."""

    def __init__(self, asked: Asked, answer: Answer) -> None:
        super().__init__(asked, answer)
        self._number = 0
        choice = answer.choices[0]
        _check_logprobs(asked, answer)
        self._is_whole = choice.finish_reason != "length"
        self._items = [self._item(n, part) for n, part in enumerate(choice.parts)]
        self._delta = Template({"": Template.HOLE})
        self._delta_type = ""
        self._logprobs: Iterator[Json] = iter(())

    def whole(self) -> Json:
        """The response as one object."""
        reason = {} if self._is_whole else {"reason": "max_output_tokens"}
        output = [item.as_ended() for item in self._items]
        return self._response(
            "completed" if self._is_whole else "incomplete",
            incomplete_details=reason or None,
            output=output,
            usage=self._usage(),
        )

    def opening(self) -> Iterator[Frame]:
        """The response without output, twice: as it is created, and as its processing begins."""
        self._number = 0
        for name in ("response.created", "response.in_progress"):
            yield self._event(name, response=self._response("in_progress"))

    def token(self, piece: Piece) -> Iterator[Frame]:
        """The event of a token; those that begin its item and content, and end them."""
        if piece.is_first:
            yield from self._begin(piece.number)
        if (logprobs := next(self._logprobs, None)) is not None:
            delta = self._where(piece.number) | {"delta": piece.token, "logprobs": [logprobs]}
            yield self._event(self._delta_type, **delta)
        else:
            data = f'{self._delta.fill(piece.token)[:-1]},"sequence_number":{self._number}}}'
            self._number += 1
            yield Frame(data, self._delta_type)
        if piece.is_last:
            yield from self._end(piece.number)

    def ending(self) -> Iterator[Frame]:
        """The response with its output and usage."""
        response = self.whole()
        yield self._event(f"response.{response['status']}", response=response)

    def errors(self, service: str) -> Iterator[Frame]:
        """OpenAI sends the error, then the response that failed; OpenRouter the latter alone."""
        if service != "openrouter":
            yield self._event("error", error=_ERROR)
        error = {"code": _ERROR["code"], "message": MESSAGE}
        yield self._event("response.failed", response=self._response("failed", error=error))

    def _begin(self, index: int) -> Iterator[Frame]:
        item = self._items[index]
        where = self._where(index)
        yield self._event("response.output_item.added", output_index=index, item=item.as_begun())
        if item.form.content:
            yield self._event(f"{item.form.parts}.added", **where, part=item.content(is_begun=True))
        self._delta_type = f"{item.form.events}.delta"
        logprobs: Json = {"logprobs": []} if item.form.content == "output_text" else {}
        delta = {"type": self._delta_type, **where, "delta": Template.HOLE, **logprobs}
        self._delta = Template(delta)
        self._logprobs = iter(item.logprobs)

    def _end(self, index: int) -> Iterator[Frame]:
        item = self._items[index]
        where = self._where(index)
        ended: Json = {item.form.member: item.part.text}
        if item.form.content == "output_text":
            ended["logprobs"] = item.logprobs
        yield self._event(f"{item.form.events}.done", **where, **ended)
        if item.form.content:
            yield self._event(f"{item.form.parts}.done", **where, part=item.content())
        yield self._event("response.output_item.done", output_index=index, item=item.as_ended())

    def _event(self, name: str, **members: Any) -> Frame:
        event = {"type": name, **members, "sequence_number": self._number}
        self._number += 1
        return Frame(to_json(event), name)

    def _where(self, index: int) -> Json:
        item = self._items[index]
        content = {item.form.position: 0} if item.form.content else {}
        return {"item_id": item.id, "output_index": index, **content}

    def _item(self, index: int, part: Part) -> _Item:
        form = _FORMS[part.kind]
        if part.kind == "reasoning" and self.asked.repeated["reasoning"]["summary"]:
            form = _SUMMARY
        is_cut = not self._is_whole and part is self.answer.choices[0].parts[-1]
        status = "incomplete" if is_cut else "completed"
        logprobs = []
        if (count := self.asked.top_logprobs) is not None and part.kind == "text":
            logprobs = [describe(token, n, count) for n, token in enumerate(part.tokens)]
        return _Item(form, part, f"{form.prefix}_{self.answer.id}{index}", status, logprobs)

    def _response(self, status: str, **members: Any) -> Json:
        empty: Json = {"error": None, "incomplete_details": None, "output": [], "usage": None}
        return {
            "id": f"resp_{self.answer.id}",
            "object": "response",
            "created_at": self.answer.created,
            "status": status,
            "model": self.answer.model,
            **self.asked.repeated,
            **empty,
            **members,
        }

    def _usage(self) -> Json:
        answer = self.answer
        cached = {"cached_tokens": answer.cached_tokens, "cache_write_tokens": 0}
        return {
            "input_tokens": answer.input_tokens,
            "input_tokens_details": cached,
            "output_tokens": answer.output_tokens,
            "output_tokens_details": {"reasoning_tokens": answer.reasoning_tokens},
            "total_tokens": answer.input_tokens + answer.output_tokens,
        }


def _check_logprobs(asked: Asked, answer: Answer) -> None:
    """HTTPError 400 for more log probabilities than an event may have: the last events of a stream
    repeat all."""
    count = answer.output_tokens * (1 + (asked.top_logprobs or 0))
    if asked.top_logprobs is not None and count > MAX_LOGPROBS:
        detail = f"top_logprobs: an answer has at most {MAX_LOGPROBS} log probabilities"
        raise HTTPError(400, f"{detail}, not {count}", parameter="top_logprobs")
