"""The second request: what it gets, and when that is the fault of the first."""

import pytest

from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.recording import Message
from streamserver.lab.inspect.verdicts.second_request import judge_second_request
from streamserver.wire.sse import Event
from support.inspected import message, no_response

EVENTS = [Event(str(n)) for n in range(10)]
MAIN = message(EVENTS, head_at=0.01)


@pytest.mark.parametrize(
    ("repeated", "status", "seen"),
    [
        (message(EVENTS[:1], end="stopped"), "ok", "got a 200, and its head after 0 ms"),
        (message(EVENTS[:1], head_at=0.9, end="stopped"), "ok", "its head after 0.90 s"),
        (message(EVENTS[:1], head_at=1.5, end="stopped"), "wrong", "got its head after 1.50 s"),
        (message(EVENTS[:1], head_at=1.5, stalled=1.0), "ok", "1.50 s"),
        (no_response("timeout"), "wrong", "got no response within 3.00 s"),
        (no_response("failed", detail="refused"), "wrong", "failed: refused"),
        (message(status=409), "wrong", "got a 409; the first one got a 200"),
        (message(status=503), "wrong", "got a 503; the first one got a 200"),
        (message(status=429), "not seen", "got a 429"),
        (message(end="stopped", ended=3.0), "wrong", "no event within 3.00 s"),
        (message(end="stopped", ended=0.1), "not seen", "no event within 0.10 s"),
    ],
)
def test_the_repeated_request(repeated: Message, status: str, seen: str) -> None:
    verdict = judge_second_request(Evidence(MAIN, repeated=repeated))
    assert verdict.status == status
    assert seen in verdict.evidence
    assert bool(verdict.remedies) == (status == "wrong")


def test_a_rare_event_is_not_expected_soon() -> None:
    main = message(EVENTS[:1], end="stopped", ended=10.0)
    repeated = message(end="stopped", ended=3.0)
    assert judge_second_request(Evidence(main, repeated=repeated)).status == "not seen"


def test_a_slow_server_is_as_slow_as_before() -> None:
    main, repeated = message(EVENTS, head_at=5.0), message(EVENTS, head_at=7.0)
    assert judge_second_request(Evidence(main, repeated=repeated)).status == "ok"


def test_what_was_not_sent_is_not_judged() -> None:
    assert judge_second_request(Evidence(MAIN)).status == "not seen"
    assert judge_second_request(Evidence(MAIN, may_repeat=False)).status == "not asked"
