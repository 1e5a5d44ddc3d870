"""Answers that are problems, as a client hears them."""

import json
import re

from support.asking import Answered
from support.rawsocket import RawClient
from support.requests import GET

SECRET = "s3cr3t-k3y"
"""Injected into requests, and to be heard by nobody but the upstream."""
INJECTED = {"Authorization": f"Bearer {SECRET}"}

# Where the upstream is, is nobody's business: no address, no port, no path of a socket.
_GIVEN_AWAY = re.compile(rf"127\.0\.0|::1|localhost|/tmp|\.sock|errno|{SECRET}", re.IGNORECASE)


async def refused(client: RawClient, sent: bytes = GET) -> tuple[int, str]:
    """Send a request whose answer is a problem: its status, and what it says.

    AssertionError when it says more than it should.
    """
    client.received = b""
    await client.send(sent)
    return await problem(client)


async def problem(client: RawClient) -> tuple[int, str]:
    """The problem that is the answer to what was sent."""
    received = (await client.read_until(b"}\n")).decode("latin-1")
    assert not _GIVEN_AWAY.search(received), received
    head, _, body = received.partition("\r\n\r\n")
    assert "\r\ncontent-type: application/problem+json" in head
    assert ("\r\nretry-after: 1" in head.lower()) == head.startswith("HTTP/1.1 503 ")
    document = json.loads(body)
    assert head.startswith(f"HTTP/1.1 {document['status']} ")
    return document["status"], document["detail"]


def check_refusal(answer: Answered, name: str, allowed: str) -> None:
    """AssertionError unless it refuses a parameter of this name, and says what is allowed."""
    told = json.loads(answer.body)
    assert (answer.status, told["parameter"], told["allowed"]) == (400, name, allowed)
    assert told["detail"].startswith(name)
    assert allowed in told["detail"]
