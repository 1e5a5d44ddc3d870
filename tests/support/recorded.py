"""Short answers in the form of each service, after its public documentation, and what they mean."""

from typing import NamedTuple

SSE, LINES = "text/event-stream; charset=utf-8", "application/x-ndjson"


class Recorded(NamedTuple):
    """One answer. Milestones are numbers of events, from 0; -1 for one that is not reached."""

    name: str
    body: str
    first_token: int
    last_token: int
    tokens: tuple[int, int, int, int]
    """Input, cached, output and reasoning tokens."""
    pieces: int
    """Events with a piece of reasoning, of text or of a tool call."""
    first_reasoning: int = -1
    first_tool_call: int = -1
    kind: str = SSE
    tokens_from: str = "usage"


def sse(*events: str, end: str = "\n") -> str:
    """Events of one data line each."""
    return "".join(f"data: {data}{end}{end}" for data in events)


def named(*events: str) -> str:
    """Events whose name is also their type, as in Anthropic's and the Responses API."""
    return "".join(["event: {}\ndata: {}\n\n".format(one.split('"')[3], one) for one in events])


def lines(*events: str) -> str:
    """JSON lines."""
    return "\n".join(events) + "\n"
