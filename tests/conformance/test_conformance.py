"""The tables, put to a running server: whole, line by line and byte by byte.

A refusal is always tried with a request right behind it that must not run, and an answer
with a request behind it that must be understood, so that each case also proves where the
server thinks the message ended.
"""

import contextlib
from collections.abc import Iterable

import pytest

from conformance import answered, answered_connections, refused_fields, refused_framing
from conformance import refused_request_lines as request_lines
from conformance.cases import BEHIND, Answered, Refused, Seen
from conformance.talking import (
    CUTS,
    MOST_PIECES,
    Answer,
    Echo,
    check_refusal,
    check_sound,
    read_answers,
    talk,
)
from streamserver.server.settings import Settings
from streamserver.wire.problem import HTTPError
from streamserver.wire.request_heads import read_request_head
from support.inprocess import Serve
from support.requests import LAST

REFUSED = (
    *request_lines.REQUEST_LINES,
    *request_lines.TARGETS,
    *refused_fields.LINE_ENDS,
    *refused_fields.FIELDS,
    *refused_fields.HOSTS,
    *refused_framing.LENGTHS,
    *refused_framing.CODINGS,
    *refused_framing.CHUNKS,
    *refused_framing.TOO_LARGE,
)
ANSWERED = (
    *answered.REQUEST_LINES,
    *answered.VERSIONS,
    *answered.FIELDS,
    *answered.BODIES,
    *answered_connections.STAYS,
    *answered_connections.CLOSES,
    *answered_connections.PIPELINED,
)
LIMITS = Settings()


def behind(data: bytes, next_request: bytes, cut: str) -> Iterable[bytes]:
    """``data`` cut up, and the next request in one packet with its end."""
    *pieces, last = CUTS[cut](data)
    return (*pieces, last + next_request)


@pytest.mark.parametrize("case", REFUSED, ids=str)
async def test_refused(case: Refused, serve: Serve) -> None:
    """One error that can be read to its end, and nothing behind it runs."""
    echo = Echo()
    server = await serve(echo)
    for cut in CUTS:
        echo.ran.clear()
        received = await talk(server.port, behind(case.sent, BEHIND, cut))
        [answer] = read_answers(received, ["POST"])
        check_refusal(answer, case.statuses)
        assert len(echo.ran) <= case.in_body, cut


@pytest.mark.parametrize("case", ANSWERED, ids=str)
async def test_answered(case: Answered, serve: Serve) -> None:
    """The handler is given what was meant, and the connection is in step afterwards."""
    echo = Echo()
    server = await serve(echo)
    expected = case.seen if case.closes else (*case.seen, Seen(target="/last"))
    for cut in CUTS:
        echo.ran.clear()
        received = await talk(server.port, behind(case.sent, BEHIND if case.closes else LAST, cut))
        answers = read_answers(received, [seen.method for seen in expected])
        for answer, seen in zip(answers, expected, strict=True):
            check_answer(answer, seen)
            # A client that waits for a 100 may get one; nobody else does, and 1.0 never.
            assert not answer.interim or (b"Expect:" in case.sent and b"/1.1" in case.sent)
        assert answers[-1].fields["connection"] == "close"
        assert echo.ran == [f"{seen.method} {seen.target}" for seen in expected], cut


def check_answer(answer: Answer, seen: Seen) -> None:
    """The answer tells that the handler was given this."""
    assert answer.status == 200
    check_sound(answer)
    if seen.method == "HEAD":
        assert answer.body == b""
        return
    told = answer.json()
    assert told["method"] == seen.method
    assert told["target"] == seen.target
    assert told["host"] == seen.host
    assert told["body"].encode("latin-1") == seen.body
    assert [field for field in seen.fields if list(field) not in told["fields"]] == []


HEADS = [case for case in REFUSED if not case.in_body]


@pytest.mark.parametrize("case", HEADS, ids=str)
def test_no_beginning_of_a_refused_head_is_a_head(case: Refused) -> None:
    """Wherever the network cuts it, the reader waits or refuses."""
    with pytest.raises(HTTPError) as refusal:
        read_request_head(case.sent + BEHIND, LIMITS.max_head, LIMITS.max_target)
    assert refusal.value.status in case.statuses
    for end in range(0, len(case.sent), 1 + len(case.sent) // MOST_PIECES):
        with contextlib.suppress(HTTPError):
            head, rest = read_request_head(case.sent[:end], LIMITS.max_head, LIMITS.max_target)
            assert head is None
            assert rest == case.sent[:end].lstrip(b"\r\n") or rest == case.sent[:end]


@pytest.mark.parametrize("case", ANSWERED, ids=str)
def test_no_beginning_of_a_sound_head_is_a_head(case: Answered) -> None:
    """Wherever the network cuts it, the reader waits, and never refuses."""
    end = case.sent.index(b"\r\n\r\n", len(case.sent) - len(case.sent.lstrip(b"\r\n"))) + 4
    for cut in range(0, end, 1 + end // MOST_PIECES):
        assert read_request_head(case.sent[:cut], LIMITS.max_head, LIMITS.max_target)[0] is None
    head, rest = read_request_head(case.sent, LIMITS.max_head, LIMITS.max_target)
    assert head is not None
    assert rest == case.sent[end:]
