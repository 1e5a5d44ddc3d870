"""What a request asks of the model, in the terms of no interface."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]

IMAGE_TOKENS = 85
"""Input tokens that an image counts."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a conversation; only its text has an influence on the answer."""

    role: str
    content: str
    images: int = 0


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call."""

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """The JSON Schema of its arguments; {} for any object."""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for an answer."""

    model: str
    conversation: Sequence[Message]
    further: Sequence[Sequence[Message]] = ()
    """Further conversations, each with ``choices`` answers after those of the first."""
    stream: bool = False
    tokens_per_second: float = 30
    max_tokens: int | None = None
    """Output tokens; None without a limit."""
    min_tokens: int = 0
    """Output tokens before the answer may end: it repeats until then."""
    ignore_eos: bool = False
    """Whether the answer repeats until ``max_tokens``."""
    stop: Sequence[str] = ()
    """Texts before the first of which the answer ends."""
    choices: int = 1
    """Independent answers to the same conversation."""
    seed: int | None = None
    top_logprobs: int | None = None
    """Alternatives that are listed for each token; None without log probabilities."""
    tools: Sequence[Tool] = ()
    tool_choice: str = "auto"
    """``auto``, ``none``, ``required``; or ``function`` for the one of ``tool_name``."""
    tool_name: str = ""
    parallel_tool_calls: bool = True
    schema: Mapping[str, Any] | None = None
    """The JSON Schema of the text; {} for any object; None for free text."""
    schema_name: str = "response_format"
    """The member that has the schema, for errors."""
    reasoning: bool = False
    """Whether the answer shows how it was found, where the parameters of the target do not say."""
    reasoning_tokens: int | None = None
    """The limit of the tokens of reasoning; None without one."""
    is_reasoning_hidden: bool = False
    """Whether reasoning takes its time and counts, and its text is not sent."""
    include_usage: bool = True
    """Whether a stream counts the tokens."""
    continuous_usage: bool = False
    """Whether each of its frames counts those so far."""
    repeated: Mapping[str, Any] = field(default_factory=dict)
    """Members of the request that its interface repeats in the answer."""
    without_effect: Sequence[str] = ()
    """Members of the request that are accepted, and have no effect on this model."""
