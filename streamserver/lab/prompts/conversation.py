"""Conversations: the messages that are sent to a model, turn by turn."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

Message = dict[str, Any]
"""An object with the members ``role`` and ``content``, as in chat completions."""
SYSTEM = ("system", "developer")
"""Roles of instructions."""


def message(role: str, content: str) -> Message:
    """A message of text."""
    return {"role": role, "content": content}


class Conversation(NamedTuple):
    """One or more turns, each an exchange of its own."""

    turns: Sequence[Sequence[Message]]
    """The messages that each turn adds after the answer of the turn before."""
    max_tokens: int = 0
    """The limit of each answer; 0 if it has none of its own."""

    def messages(self, answers: Sequence[str] = ()) -> list[Message]:
        """All messages of the turn that follows the answers."""
        found = [*self.turns[0]]
        for answer, turn in zip(answers, self.turns[1:], strict=False):
            found += [message("assistant", answer), *turn]
        return found


class Source(Protocol):
    """A source of numbered conversations, which is sent to processes."""

    @property
    def turns(self) -> int:
        """Turns of the longest conversation."""

    @property
    def text(self) -> str:
        """Text that was given on the command line, and may hold a secret."""

    def open(self, seed: int) -> Callable[[int], Conversation]:
        """A function from a number to its conversation; OSError for a file that cannot be read."""


def content_text(one: Message) -> str:
    """The content of a message; ValueError if it is not text."""
    content = one.get("content")
    if not isinstance(content, str):
        raise ValueError("this interface sends text, so each content must be a text")
    return content


def as_text(messages: Sequence[Message]) -> str:
    """The messages as one text, for interfaces without roles; ValueError for other content.

    An answer follows its prompt directly, as the model continued it, so a prefix cache hits; a
    blank line precedes every other message.
    """
    text = ""
    for one in messages:
        separator = "\n\n" if text and one["role"] != "assistant" else ""
        text += separator + content_text(one)
    return text
