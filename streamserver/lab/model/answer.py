"""What the model answers, before an interface writes it: choices of parts, and parts of tokens."""

import json
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Literal, NamedTuple, TypeAlias

Kind: TypeAlias = Literal["reasoning", "text", "refusal", "tool_call"]
FinishReason: TypeAlias = Literal["stop", "length", "tool_calls"]


@dataclass(frozen=True, slots=True)
class Part:
    """Consecutive tokens of one kind: a text, or one tool call."""

    kind: Kind
    tokens: Sequence[str]
    """The tokens of a tool call are those of its arguments, which are JSON."""
    tool: str = ""
    """The name of the tool that is called."""
    call_id: str = ""
    """The name of the call, without the prefix that an interface gives it."""

    @property
    def text(self) -> str:
        """The tokens, joined."""
        return "".join(self.tokens)

    @property
    def arguments(self) -> Any:
        """The arguments of a tool call; None if the limit of the tokens has cut them."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the answers to a conversation."""

    parts: Sequence[Part]
    finish_reason: FinishReason
    stop_sequence: str | None = None
    """The text of ``Asked.stop`` that ended it."""

    def of_kind(self, kind: Kind) -> list[Part]:
        """Its parts of one kind."""
        return [part for part in self.parts if part.kind == kind]

    def count(self, kind: Kind | None = None) -> int:
        """The tokens of one kind, or of all."""
        return sum([len(part.tokens) for part in self.parts if kind in (None, part.kind)])


class Piece(NamedTuple):
    """One token, and where it stands."""

    token: str
    choice: int
    number: int
    """The number of the part in its choice."""
    part: Part
    is_first: bool
    """Whether the token is the first of the part."""
    is_last: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one request."""

    model: str
    choices: Sequence[Choice]
    input_tokens: int
    cached_tokens: int = 0
    """Input tokens that the model had processed for an earlier request."""
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    created: int = field(default_factory=lambda: int(time.time()))
    """Seconds since 1970."""

    @property
    def output_tokens(self) -> int:
        """The tokens of all choices, reasoning included."""
        return sum([choice.count() for choice in self.choices])

    @property
    def reasoning_tokens(self) -> int:
        """The tokens of reasoning of all choices."""
        return sum([choice.count("reasoning") for choice in self.choices])

    @property
    def steps(self) -> int:
        """Tokens of the longest choice."""
        return max([choice.count() for choice in self.choices])

    def pieces(self) -> Iterator[tuple[int, Piece]]:
        """The tokens with their steps: in each step, one of every choice that is not at its end."""
        running = [_pieces(n, choice) for n, choice in enumerate(self.choices)]
        for step, pieces in enumerate(zip_longest(*running)):
            for piece in pieces:
                if piece is not None:
                    yield step, piece


def _pieces(number: int, choice: Choice) -> Iterator[Piece]:
    for index, part in enumerate(choice.parts):
        last = len(part.tokens) - 1
        for n, token in enumerate(part.tokens):
            yield Piece(token, number, index, part, n == 0, n == last)
