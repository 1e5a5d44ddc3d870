"""Relays that record, and targets that play."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from streamserver.lab.cassettes.form import Part
from streamserver.lab.cassettes.recorder import Recorder, Recording
from streamserver.lab.cassettes.replay import make_replay
from streamserver.proxy.proxy import Proxy
from streamserver.server.observer import Observer
from support.cassettes import Deck, text
from support.inprocess import Serve, Served
from support.rawserver import RawServer

StartDeck: TypeAlias = Callable[..., Awaitable[Deck]]
Play: TypeAlias = Callable[..., Awaitable[Served]]


@pytest.fixture
def record(upstream: RawServer, serve: Serve, tmp_path: Path) -> StartDeck:
    """Relays to `upstream` that record, with options of `Recorder` by name."""

    async def start(
        *,
        proxy: dict[str, Any] | None = None,
        settings: dict[str, Any] | None = None,
        **options: Any,
    ) -> Deck:
        directory = tmp_path / "tapes"
        recorder = Recorder(directory, **options)
        recording = Recording(Proxy(upstream.url, **(proxy or {})), recorder)
        return Deck(await serve(recording, **(settings or {})), upstream, directory)

    return start


@pytest.fixture
def play(serve: Serve, tmp_path: Path) -> Play:
    """Targets that play these cassettes, in this order."""

    async def start(
        *cassettes: list[Part], speed: float = 1.0, observers: Sequence[Observer] = ()
    ) -> Served:
        directory = tmp_path / "played"
        directory.mkdir()
        for number, cassette in enumerate(cassettes):
            (directory / f"{number:06}.jsonl").write_bytes(text(cassette))
        return await serve(make_replay(directory, speed), observers=observers)

    return start
