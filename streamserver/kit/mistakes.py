"""What is given in place of a body, a response or a handler, and what was probably meant.

Each error names the type of what was given and the step that is missing. The value itself is
not shown: it may be large, or a secret.
"""

import inspect
from collections.abc import Callable, Iterator
from functools import wraps
from types import FunctionType, MethodType
from typing import Any, TypeVar, cast

H = TypeVar("H", bound=Callable[..., Any])


def wrong_body(allowed: str, given: object) -> TypeError:
    """The error for a body that is none; ``allowed``: what one is, as the start of a sentence."""
    return TypeError(f"{allowed}, not {_named(given)}{_hint(given)}")


def wrong_response(given: object) -> TypeError:
    """The error for what a handler returned in place of a Response."""
    hint = _hint(given)
    if isinstance(given, bytes | str):
        hint = ": wrap it in Response(...)"
    elif given is None:
        hint = ": does every path end with a return statement?"
    elif inspect.isasyncgen(given):
        hint = ": wrap it in Response(...), TextStream(...) or EventStream(...)"
    return TypeError(f"a handler returns a Response, not {_named(given)}{hint}")


def check_handler(handler: object) -> None:
    """Raise TypeError, which says what is wrong, for what cannot be a handler.

    A plain function may be one, if it returns an awaitable: only a call shows that.
    """
    if not callable(handler) or isinstance(handler, type):
        hint = f": call it, {handler.__name__}()" if isinstance(handler, type) else ""
        raise TypeError(f"a handler is an async function or a Router, not {_named(handler)}{hint}")
    if inspect.isasyncgenfunction(handler) or inspect.isgeneratorfunction(handler):
        problem = f"{_name(handler)} is a generator function"
        raise TypeError(f"a handler returns a Response, but {problem}: it yields in its own body")
    try:
        inspect.signature(handler).bind(None)
    except TypeError as error:
        problem = f"{_name(handler)} does not: {error}"
        raise TypeError(f"a handler takes one argument, the request, but {problem}") from error
    except ValueError:  # a callable whose signature is unknown
        pass


def checked_handler(handler: H) -> H:
    """``handler``, as ``check_handler`` allows it.

    A plain function is wrapped, so that an answer that is no awaitable raises an error that names
    the function. A handler that is asynchronous is returned as it is: a request pays nothing.
    """
    check_handler(handler)
    plain = isinstance(handler, FunctionType | MethodType)
    if not plain or inspect.iscoroutinefunction(handler):
        return handler

    @wraps(handler)
    async def awaiting(request: object) -> object:
        answer = handler(request)
        if inspect.isawaitable(answer):
            return await answer
        problem = f"{_name(handler)} returned {_named(answer)}: define it with async def"
        raise TypeError(f"a handler is an async function, but {problem}")

    return cast(H, awaiting)


def _hint(given: object) -> str:
    if inspect.iscoroutine(given):
        given.close()  # else Python warns too that it was never awaited
        return ": it must be awaited"
    if inspect.isfunction(given):
        return f": call it, {given.__name__}()"
    if isinstance(given, Iterator):
        return ": define its function with async def"
    if isinstance(given, dict | list | tuple | int | float):
        return ": Response.json(value) sends a value as JSON"
    return ": an empty body is b''" if given is None else ""


def _named(given: object) -> str:
    if isinstance(given, type):
        return f"the class {given.__name__}"
    return "None" if given is None else type(given).__name__


def _name(handler: object) -> str:
    return str(getattr(handler, "__name__", type(handler).__name__))
