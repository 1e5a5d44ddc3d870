"""Client processes: each has its own streams, descriptors and source addresses."""

import gc
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, Self

from benchmarks import machine
from benchmarks.client import WrongAnswer
from benchmarks.crowding.reports import Progress, Report
from benchmarks.crowding.streams import Streams

ANSWER = 30.0
"""Seconds within which a busy process answers."""


@dataclass(frozen=True, slots=True)
class Client:
    """A process, and the pipe over which it is asked."""

    pid: int
    pipe: Connection

    def answer(self) -> Any:
        """Return its next answer. Raises `WrongAnswer` if a stream received something wrong."""
        if not self.pipe.poll(ANSWER):
            raise WrongAnswer(f"a client process did not answer within {ANSWER} s")
        try:
            answer = self.pipe.recv()
        except (EOFError, ConnectionError):
            raise WrongAnswer("a client process has ended") from None
        if isinstance(answer, WrongAnswer):
            raise answer
        return answer


class Clients:
    """So many processes with streams of the feed at `port`. Use it in a `with` block."""

    def __init__(self, port: int, processes: int, descriptors: int) -> None:
        self._arguments = port, descriptors
        self._processes = processes
        self._closing = ExitStack()
        self.all: list[Client] = []

    def __enter__(self) -> Self:
        # Spawned, not forked, so that they inherit no descriptor.
        context = get_context("spawn")
        for net in range(self._processes):
            ours, theirs = context.Pipe()
            process = context.Process(target=_run, args=(theirs, net, *self._arguments))
            process.start()
            theirs.close()
            self._closing.callback(process.join)
            self._closing.callback(ours.close)  # which ends the process
            self.all.append(Client(process.pid or 0, ours))
        self.reports()  # when they have started
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def open(self, streams: int, first_id: str) -> None:
        """Begin to open so many streams in all, which resume after the event `first_id`."""
        each, more = divmod(streams, len(self.all))
        for serial, client in enumerate(self.all):
            client.pipe.send(("open", each + (serial < more), first_id))
        for client in self.all:
            client.answer()

    def drop(self, some: Sequence[Client], seconds: float) -> None:
        """Drop all streams of some processes at once; each is opened again within `seconds`."""
        _ask(some, "drop", seconds)

    def progress(self) -> Progress:
        """Return the progress of all streams."""
        answers: list[Progress] = _ask(self.all, "progress")
        return Progress(sum([a.live for a in answers]), min([a.lowest for a in answers]))

    def reports(self) -> list[Report]:
        """Return what has happened in each process since the last call."""
        return _ask(self.all, "report")


def _ask(clients: Sequence[Client], *question: object) -> list[Any]:
    for client in clients:
        client.pipe.send(question)
    return [client.answer() for client in clients]


def _run(pipe: Connection, net: int, port: int, descriptors: int) -> None:
    machine.allow_descriptors(descriptors)
    gc.disable()
    with Streams(port, net) as streams, suppress(EOFError, ConnectionError):
        streams.watch(pipe.fileno())
        try:
            while True:
                if streams.step():
                    name, *arguments = pipe.recv()
                    pipe.send(getattr(streams, name)(*arguments))
        except WrongAnswer as fault:
            pipe.send(fault)
