"""node: fetch as browsers have it, and the EventSource that npm has for it."""

from clients.conftest import Node
from support import peers
from support.demo import CONTENT, UPLOADED, Demo, counts
from support.waiting import block_until


def test_fetch_reads_a_stream_to_its_end(node: Node, demo: Demo) -> None:
    told = node("fetch.mjs", demo / "api/counter?count=3&interval=0.02")
    assert (told["status"], told["type"]) == (200, "text/event-stream")
    assert counts("".join(told["parts"]).encode()) == [0, 1, 2]


def test_fetch_sees_events_at_once_and_ends_the_stream_by_leaving(node: Node, demo: Demo) -> None:
    """The whole stream would take 100 s, longer than the script is given."""
    target = "api/counter?count=1000&interval=0.1"
    assert len(node("fetch.mjs", demo / target, 2)["parts"]) == 2
    assert block_until(lambda: demo.outcomes(target)) == ["client_gone"]


def test_fetch_sends_a_stream(node: Node, demo: Demo) -> None:
    assert node("upload.mjs", demo / "api/upload", send=CONTENT) == UPLOADED


def test_event_source_reads_all_comes_back_and_learns_that_there_is_no_more(
    node: Node, demo: Demo
) -> None:
    """It comes back with the last event's id, by which the counter knows that it has them all."""
    url = demo / "api/counter?count=5&interval=0.02"
    told = node("eventsource.mjs", url, NODE_PATH=peers.node_package("eventsource"))
    assert [(event["count"], event["id"]) for event in told["events"]] == [
        (n, str(n)) for n in range(5)
    ]
    assert (told["opened"], told["code"]) == (1, 204)
