"""Notifications and jobs with the clients that people have: npm's EventSource and curl."""

import json
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from clients.conftest import Node
from support import peers
from support.demo import Demo
from support.waiting import block_until

Post = Callable[..., Any]
CLIENT = "api/notifications?start=beginning&client=page"


@pytest.fixture
def post(peer: Callable[[str], str], demo: Demo) -> Post:
    """POST a JSON object with curl; the JSON of the answer, if it has any."""

    def run(target: str, **members: object) -> Any:
        command = [peer("curl"), "-sS", "--fail", "--json", json.dumps(members), demo / target]
        done = subprocess.run(command, capture_output=True, check=True, timeout=30)
        return json.loads(done.stdout) if done.stdout else None

    return run


def test_event_source_follows_a_job_to_its_end_and_learns_that_it_is_the_end(
    node: Node, demo: Demo, post: Post
) -> None:
    """It comes back with the id of the last state, and is told that there is no more."""
    job = post("api/jobs", steps=5, interval=0.02)
    url = demo / f"api/jobs/{job['id']}/events"
    told = node("eventsource.mjs", url, NODE_PATH=peers.node_package("eventsource"))
    steps = [(event["step"], event["state"]) for event in told["events"]]
    assert steps == [(n, "running") for n in range(5)] + [(5, "done")]
    assert (told["opened"], told["code"]) == (1, 204)


def test_event_source_is_cut_comes_back_by_itself_and_misses_nothing(
    node: Node, demo: Demo, post: Post
) -> None:
    ids = [post("api/notifications", text="heard")["id"]]
    packages = peers.node_package("eventsource")

    def is_cut() -> bool:
        post("api/notifications/cut", client="page")
        return bool(demo.outcomes(CLIENT))

    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(node, "eventsource.mjs", demo / CLIENT, 2, NODE_PATH=packages)
        block_until(is_cut, timeout=20)
        ids.append(post("api/notifications", text="missed")["id"])
        told = following.result()
    assert [(event["text"], event["id"]) for event in told["events"]] == [
        ("heard", ids[0]),
        ("missed", ids[1]),
    ]
    assert told["opened"] == 2
    assert demo.outcomes(CLIENT)[0] == "truncated"


def test_curl_begins_a_job_follows_it_and_is_told_of_a_cut(
    peer: Callable[[str], str], demo: Demo, post: Post
) -> None:
    job = post("api/jobs", steps=3, interval=0.02)
    command = [peer("curl"), "-sS", "--fail", "--no-buffer", demo / f"api/jobs/{job['id']}/events"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=30)
    last = [line for line in done.stdout.splitlines() if line.startswith(b"data: ")][-1]
    assert json.loads(last[6:]) == job | {"state": "done", "step": 3}
    target = "api/notifications?client=curl"
    command[-1] = demo / target
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        next(line for line in process.stdout if line.startswith(b"id:"))
        post("api/notifications/cut", client="curl")
        assert process.wait(20) == 18  # CURLE_PARTIAL_FILE: it knows that the end is missing
    assert block_until(lambda: demo.outcomes(target)) == ["truncated"]
