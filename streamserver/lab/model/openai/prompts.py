"""Texts of a request that may be tokens instead, alone or in a list."""

from streamserver.lab.model.members import wrong

MAX_PROMPTS = 512
MAX_PROMPT_TOKENS = 131_072
MAX_TOKEN = 2**31 - 1


def read_prompts(name: str, value: object, most: int = MAX_PROMPTS) -> list[str]:
    """The texts in a text, a list of texts, a list of tokens or a list of such lists; up to
    ``most``.

    Tokens become a text that has as many tokens. HTTPError 400 for any other value.
    """
    given = value if isinstance(value, list) and not _are_tokens(value) else [value]
    if not 1 <= len(given) <= most:
        raise wrong(name, f"1 to {most} texts or lists of tokens")
    return [_prompt(name, prompt) for prompt in given]


def _prompt(name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and len(value) <= MAX_PROMPT_TOKENS and _are_tokens(value):
        return " ".join(map(str, value))
    raise wrong(name, "a text, a list of texts, a list of tokens, or a list of such lists")


def _are_tokens(value: list[object]) -> bool:
    return bool(value) and all(type(one) is int and 0 <= one <= MAX_TOKEN for one in value)
