"""Relays that record, and targets that replay."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from streamserver.lab.cassettes.cassette import Entry
from streamserver.lab.cassettes.recorder import RecordingProxy
from streamserver.lab.cassettes.replay import make_replay
from streamserver.proxy.proxy import Proxy
from streamserver.server.observer import Observer
from support.cassettes import RecordingRelay, file_of
from support.inprocess import Serve, Served
from support.rawserver import RawServer

StartRelay: TypeAlias = Callable[..., Awaitable[RecordingRelay]]
StartReplay: TypeAlias = Callable[..., Awaitable[Served]]


@pytest.fixture
def record(upstream: RawServer, serve: Serve, tmp_path: Path) -> StartRelay:
    """Relays to `upstream` that record, with options of `RecordingProxy` by name."""

    async def start(
        *,
        proxy: dict[str, Any] | None = None,
        settings: dict[str, Any] | None = None,
        **options: Any,
    ) -> RecordingRelay:
        directory = tmp_path / "cassettes"
        handler = RecordingProxy(Proxy(upstream.url, **(proxy or {})), directory, **options)
        return RecordingRelay(await serve(handler, **(settings or {})), upstream, directory)

    return start


@pytest.fixture
def play(serve: Serve, tmp_path: Path) -> StartReplay:
    """Targets that replay these cassettes, in this order."""

    async def start(
        *cassettes: list[Entry], speed: float = 1.0, observers: Sequence[Observer] = ()
    ) -> Served:
        directory = tmp_path / "replayed"
        directory.mkdir()
        for number, cassette in enumerate(cassettes):
            (directory / f"{number:06}.jsonl").write_bytes(file_of(cassette))
        return await serve(make_replay(directory, speed), observers=observers)

    return start
