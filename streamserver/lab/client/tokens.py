"""What is a token: text that a person would see appear.

An event with the role alone, an empty piece of text and the ``[DONE]`` at the end are none.
"""

import json


def has_token(data: str) -> bool:
    """Whether the data of an event holds a token, in the interfaces that services share: chat
    completions and completions."""
    if not data.startswith("{"):
        return False
    try:
        event = json.loads(data)
        choices = event["choices"]
        return any(map(_text, choices))
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def _text(choice: dict[str, dict[str, object]]) -> object:
    delta = choice.get("delta")
    return delta.get("content") if delta else choice.get("text")
