"""What a handler keeps open beyond its requests is closed with its server."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from streamserver.kit.cors import cors
from streamserver.kit.router import Router
from streamserver.kit.service import Handler, close
from support.handlers import echo


class Calls(list[str]):
    """The names of what was closed, in that order."""

    def closing(self, name: str, error: Exception | None = None) -> Callable[[], Awaitable[object]]:
        """What closes by that name, and raises, after others had their turn."""

        async def run() -> None:
            await asyncio.sleep(0)
            self.append(name)
            if error is not None:
                raise error

        return run

    def router(self, *names: str) -> Router:
        """One that keeps these open."""
        app = Router()
        app.on_stop += map(self.closing, names)
        return app


async def test_the_last_that_was_opened_is_closed_first() -> None:
    calls = Calls()
    await calls.router("one", "two", "three").aclose()
    assert calls == ["three", "two", "one"]


async def test_all_is_closed_once() -> None:
    calls = Calls()
    app = calls.router("one")
    await app.aclose()
    await app.aclose()
    assert calls == ["one"]
    app.on_stop.append(calls.closing("another"))  # where it is served again
    await app.aclose()
    assert calls == ["one", "another"]


async def test_what_fails_to_close_keeps_nothing_else_open() -> None:
    calls = Calls()
    app, below = calls.router("one"), calls.router("below")
    app.on_stop.append(calls.closing("two", OSError("it is stuck")))
    app.on_stop.append(calls.closing("three"))
    app.mount("/below", below)
    with pytest.raises(OSError, match="it is stuck"):
        await app.aclose()
    assert calls == ["three", "two", "one", "below"]
    await app.aclose()
    assert len(calls) == 4


async def test_what_is_mounted_is_closed_after_what_may_use_it() -> None:
    calls = Calls()
    app, below, deeper = calls.router("app"), calls.router("below"), calls.router("deeper")
    app.mount("/below", below)
    below.mount("/deeper", deeper)
    app.mount("/plain", echo)
    await app.aclose()
    assert calls == ["app", "below", "deeper"]


def around(app: Router) -> Handler:
    """The app, as pages of other origins may read it."""
    return cors(app, origins=["https://a.example"])


@pytest.mark.parametrize("wrap", [lambda app: app, around])
async def test_a_handler_is_closed_whatever_is_around_it(wrap: Callable[[Router], Handler]) -> None:
    calls = Calls()
    await close(wrap(calls.router("one")))
    assert calls == ["one"]


async def test_a_handler_that_keeps_nothing_needs_no_closing() -> None:
    await close(echo)
    await close(cors(echo, origins=["https://a.example"]))
    await Router().aclose()
