"""The demo's notifications and jobs, as a client asks for them."""

import json
from typing import Any

import pytest

from streamserver.server.phase import Outcome
from support.asking import Answered, ask
from support.following import Follower, following
from support.inprocess import Served

NOTIFICATIONS = "/api/notifications"
CUT = "/api/notifications/cut"
JOBS = "/api/jobs"
LONG: dict[str, Any] = {"steps": 30, "interval": 60}
"""A job whose second step is beyond the end of any test."""


def named(client: str) -> str:
    """The target of a client of the notifications that names itself."""
    return f"{NOTIFICATIONS}?client={client}"


def outcomes(server: Served, target: str) -> list[Outcome | None]:
    """How the exchanges with a target ended."""
    return [exchange.outcome for exchange in server.ended if exchange.target == target]


async def post(server: Served, target: str, body: object) -> Answered:
    """The answer to bytes, or to a JSON value."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await ask(server, target, "POST", body=sent)


async def notify(server: Served, text: str, **members: object) -> str:
    """Publish a notification; its id."""
    answer = await post(server, NOTIFICATIONS, {"text": text, **members})
    assert answer.status == 201, answer
    return str(json.loads(answer.body)["id"])


async def cut(server: Served, client: str) -> None:
    """Have the connection of a client cut."""
    answer = await post(server, CUT, {"client": client})
    assert (answer.status, answer.body) == (202, b"")


async def heartbeats(follower: Follower, more: int) -> None:
    """Read until so many more have come."""
    most = len(follower.chunks) + more
    await follower.read_until(lambda self: len(self.chunks) >= most, timeout=20)


async def read_cut(follower: Follower) -> None:
    """Read to the end of the connection, which has to be no end of the stream."""
    with pytest.raises((EOFError, ConnectionResetError)):
        await follower.read_end()
    assert not follower.ended


async def begin(server: Served, **members: object) -> str:
    """Begin a job of these members; the target that it is at."""
    answer = await post(server, JOBS, members)
    assert answer.status == 202, answer
    state = json.loads(answer.body)
    assert state["state"] == "running"
    assert answer.headers["location"] == f"{JOBS}/{state['id']}"
    return answer.headers["location"]


async def state(server: Served, job: str) -> dict[str, Any]:
    """What a job is said to be."""
    answer = await ask(server, job)
    assert answer.status == 200, answer
    state: dict[str, Any] = json.loads(answer.body)
    return state


async def until_ended(server: Served, job: str) -> dict[str, Any]:
    """The last state of a job, when it has ended."""
    async with following(server, target=f"{job}/events") as follower:
        await follower.read_end()
    return await state(server, job)


async def cancel(server: Served, job: str) -> int:
    """The status of a request to cancel it."""
    return (await ask(server, job, "DELETE")).status


def texts(follower: Follower) -> list[str]:
    """Of the notifications that have come."""
    return [json.loads(data)["text"] for data in follower.data]


def steps(follower: Follower) -> list[tuple[int, str]]:
    """The step and the state of each event of a job."""
    states = map(json.loads, follower.data)
    return [(state["step"], state["state"]) for state in states]
