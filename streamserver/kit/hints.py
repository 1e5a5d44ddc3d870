"""Errors for a wrong handler, response, body or word, with what was probably meant.

An error names the type of the wrong value. The value itself is not shown: it may be large or
secret.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from types import FunctionType, MethodType
from typing import Any, TypeVar, cast

H = TypeVar("H", bound=Callable[..., Any])

_LONGEST = 40
"""Characters of a word that are compared: the time grows with their square."""


def did_you_mean(word: str, words: Iterable[str], prefix: str = "") -> str:
    """`` (did you mean 'count'?)`` to append to a message; empty if no word is near.

    Case is ignored. ``prefix`` is put before the word that is found.
    """
    from difflib import get_close_matches  # imported only for an error

    folded = {known.lower(): known for known in words}
    found = get_close_matches(word[:_LONGEST].lower(), folded, n=1)
    return f" (did you mean {prefix + folded[found[0]]!r}?)" if found else ""


def body_error(allowed: str, body: object) -> TypeError:
    """The error for a wrong body; ``allowed`` is the first half of its message."""
    return TypeError(f"{allowed}, not {_type_of(body)}{_hint(body)}")


def response_error(response: object) -> TypeError:
    """The error for what a handler returned instead of a Response."""
    hint = _hint(response)
    if isinstance(response, bytes | str):
        hint = ": wrap it in Response(...)"
    elif response is None:
        hint = ": does every path end with a return statement?"
    elif inspect.isasyncgen(response):
        hint = ": wrap it in Response(...), TextStream(...) or EventStream(...)"
    return TypeError(f"a handler returns a Response, not {_type_of(response)}{hint}")


def checked_handler(handler: H) -> H:
    """``handler`` as it is served; TypeError if it cannot be a handler.

    A plain function may return an awaitable, which only a call shows. It is wrapped, so that the
    error for any other result names it. An asynchronous handler is returned unchanged.
    """
    check_handler(handler)
    plain = isinstance(handler, FunctionType | MethodType)
    if not plain or inspect.iscoroutinefunction(handler):
        return handler

    @wraps(handler)
    async def awaiting(request: object) -> object:
        response = handler(request)
        if inspect.isawaitable(response):
            return await response
        problem = f"{_name(handler)} returned {_type_of(response)}: define it with async def"
        raise TypeError(f"a handler is an async function, but {problem}")

    return cast(H, awaiting)


def check_handler(handler: object) -> None:
    """TypeError for an object that cannot be called with a request and return a response."""
    if not callable(handler) or isinstance(handler, type):
        hint = f": call it, {handler.__name__}()" if isinstance(handler, type) else ""
        given = f"{_type_of(handler)}{hint}"
        raise TypeError(f"a handler is an async function or a Router, not {given}")
    if inspect.isasyncgenfunction(handler) or inspect.isgeneratorfunction(handler):
        problem = f"{_name(handler)} is a generator function"
        raise TypeError(f"a handler returns a Response, but {problem}: it yields in its own body")
    try:
        inspect.signature(handler).bind(None)
    except TypeError as error:
        problem = f"{_name(handler)} does not: {error}"
        raise TypeError(f"a handler takes one argument, the request, but {problem}") from error
    except ValueError:  # a callable without a signature
        pass


def _hint(value: object) -> str:
    if inspect.iscoroutine(value):
        value.close()  # else Python also warns that it was never awaited
        return ": it must be awaited"
    if inspect.isfunction(value):
        return f": call it, {value.__name__}()"
    if isinstance(value, Iterator):
        return ": define its function with async def"
    if isinstance(value, dict | list | tuple | int | float):
        return ": Response.json(value) sends a value as JSON"
    return ": an empty body is b''" if value is None else ""


def _type_of(value: object) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return "None" if value is None else type(value).__name__


def _name(handler: object) -> str:
    return str(getattr(handler, "__name__", type(handler).__name__))
