"""The bodies of a run's requests to a model: conversations in the form of an interface."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from streamserver.lab.client.request import substitution
from streamserver.lab.prompts.conversation import Conversation, Source, message
from streamserver.lab.prompts.interfaces import Ask, Interface
from streamserver.wire.json_text import to_json


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt for all, with the variables of a request."""

    text: str
    turns = 1

    def open(self, seed: int) -> Callable[[int], Conversation]:
        """A function from a number to the conversation."""
        text = self.text.encode("utf-8", "surrogateescape")

        def conversation(n: int) -> Conversation:
            prompt = substitution(seed, n)(text).decode("utf-8", "surrogateescape")
            return Conversation([[message("user", prompt)]])

        return conversation


@dataclass(frozen=True, slots=True)
class ModelBodies:
    """The bodies of a run."""

    interface: Interface
    model: str
    source: Source
    max_tokens: int = 0
    """The limit of conversations that have none of their own; 0: no limit is sent."""
    exact: bool = False
    """Whether each answer has exactly as many tokens as its limit."""

    @property
    def turns(self) -> int:
        """Turns of the longest conversation."""
        return self.source.turns

    @property
    def text(self) -> str:
        """Text of the command line."""
        return self.source.text

    def open(self, seed: int) -> "OpenBodies":
        """The bodies of a seed; OSError for a data set that cannot be read."""
        return OpenBodies(self, self.source.open(seed))

    def members(self, conversation: Conversation, answers: Sequence[str] = ()) -> dict[str, Any]:
        """The body of the turn after the answers; ValueError if the interface has no form of it."""
        limit = conversation.max_tokens or self.max_tokens
        if self.exact and not limit:
            raise ValueError("it has no max_tokens, which an exact length needs")
        messages = conversation.messages(answers)
        return self.interface.body(Ask(self.model, messages, limit, self.exact))

    def check(self, conversation: Conversation) -> None:
        """ValueError for a conversation that cannot be sent."""
        to_json(self.members(conversation, [""] * len(conversation.turns))).encode()


class OpenBodies:
    """The bodies of a run, by number."""

    __slots__ = ("_bodies", "_conversation")

    def __init__(self, bodies: ModelBodies, conversation: Callable[[int], Conversation]) -> None:
        self._bodies = bodies
        self._conversation = conversation

    def turns(self, n: int) -> int:
        """The turns of a conversation."""
        return 1 if self._bodies.turns == 1 else len(self._conversation(n).turns)

    def body(self, n: int, answers: Sequence[str], patch: bytes) -> bytes:
        """The body of the turn after the answers of conversation ``n``, with a patch, a JSON object
        or nothing, applied to it."""
        members = self._bodies.members(self._conversation(n), answers)
        return to_json(merged(members, json.loads(patch)) if patch else members).encode()


def merged(members: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """An object with a patch applied (JSON Merge Patch, RFC 7396): null removes a member, and
    objects are merged."""
    found = dict(members)
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        elif isinstance(value, dict):
            before = found.get(name)
            found[name] = merged(before if isinstance(before, dict) else {}, value)
        else:
            found[name] = value
    return found
