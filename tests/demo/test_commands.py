"""Commands: executed by the worker that has their subject."""

import pytest

from streamserver.demo.commands import Commands
from streamserver.feed.feed import Feed
from streamserver.feed.memory import Memory
from streamserver.wire.sse import Event
from support.waiting import wait_until


async def worker(backend: Memory, subject: str) -> tuple[Commands, list[str]]:
    """A worker that has this subject, and the names that it was called with."""
    receiver, called = Commands(backend), []

    def execute(name: str) -> bool:
        called.append(name)
        return name == subject

    receiver.define("cut", execute)
    await receiver.started()
    return receiver, called


async def test_a_command_reaches_the_worker_that_can_execute_it() -> None:
    backend = Memory()
    one, called = await worker(backend, "here")
    other, called_there = await worker(backend, "there")
    await one.run("cut", "here")
    assert (called, called_there) == (["here"], [])
    await one.run("cut", "there")
    await wait_until(lambda: called_there)
    await other.send("cut", "here")
    await wait_until(lambda: len(called) == 3)
    assert (called, called_there) == (["here", "there", "here"], ["there"])  # none of its own
    await one.close()
    await other.close()


async def test_a_worker_that_was_closed_can_start_again() -> None:
    backend = Memory()
    one, called = await worker(backend, "here")
    other, _ = await worker(backend, "there")
    await one.close()
    await one.started()
    await other.send("cut", "here")
    await wait_until(lambda: called)
    await one.close()
    await other.close()


async def test_commands_are_received_after_one_that_failed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    backend = Memory()
    one, called = await worker(backend, "here")
    other, _ = await worker(backend, "there")
    await Feed("demo:commands", backend).publish(Event({}, event="cut"))
    await wait_until(lambda: "a command of another worker failed" in caplog.text)
    await other.send("cut", "here")
    await wait_until(lambda: called)
    await one.close()
    await other.close()
