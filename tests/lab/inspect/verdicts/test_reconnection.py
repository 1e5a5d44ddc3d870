"""Reconnection: which evidence proves a repetition or a hole, and which proves nothing."""

import pytest

from streamserver.lab.inspect.evidence import Evidence, Resumption
from streamserver.lab.inspect.recording import Message
from streamserver.lab.inspect.verdict import Finding
from streamserver.lab.inspect.verdicts.reconnection import judge_reconnection
from streamserver.wire.sse import Event
from support.inspected import message, no_response


def events(*ids: object, data: str = "") -> list[Event]:
    """Events with these ids; the data is the id, or the same for all."""
    return [Event(data or f"of {id}", id=str(id)) for id in ids]


def judged(
    first: list[Event], reply: list[Event] | Message, after: list[Event], waiting: int = 1
) -> Finding:
    """The verdict on a stream that was cut after ``first``."""
    cut = message(first, end="stopped")
    got = reply if isinstance(reply, Message) else message(reply, end="stopped")
    following = message(after).events
    resumption = Resumption(cut, str(first[-1].id), got, following, min(waiting, len(after)))
    return judge_reconnection(Evidence(cut, resumption=resumption))


FIRST = events(0, 1, 2)
REST = events(3, 4, 5, 6)


@pytest.mark.parametrize(
    ("reply", "seen"),
    [
        (events(0, 1, 2, 3), "the events 0 to 2, which had arrived before"),
        (events(2, 3, 4), "the event 2, which had arrived before"),
        (events(1, 3), "the event 1, which had arrived before"),
        (events(0, 1, data="new"), "the events 0 to 1, which other events had before"),
        (events(3, 4, 3), "the event 3 twice"),
    ],
)
def test_a_repetition_is_wrong(reply: list[Event], seen: str) -> None:
    verdict = judged(FIRST, reply, REST)
    assert verdict.status == "wrong"
    assert seen in verdict.evidence
    assert "Last-Event-ID: 2" in verdict.evidence
    assert verdict.remedies


@pytest.mark.parametrize(
    ("reply", "missing"),
    [
        (events(4, 5), "the event 3"),
        (events(6), "the events 3 to 5"),
        (events(3, 5), "the event 4"),
        (events(6, 7, 8), "the events 3 to 5"),
    ],
)
def test_events_that_only_another_response_has_are_missing(
    reply: list[Event], missing: str
) -> None:
    verdict = judged(FIRST, reply, REST)
    assert verdict.status == "wrong"
    assert f"{missing}, which another response has, did not come" in verdict.evidence


@pytest.mark.parametrize(
    "reply", [events(3), events(3, 4, 5, 6, 7, 8), [Event("of 2x", id="2"), *events(3, 4)]]
)
def test_a_reply_that_continues_is_ok(reply: list[Event]) -> None:
    verdict = judged(FIRST, reply, REST)
    assert verdict.status == "ok"
    assert "begins with the event 3, without a hole or a repetition" in verdict.evidence
    assert not verdict.remedies


def test_ids_that_are_no_numbers_are_compared() -> None:
    first, rest = events("x9", "b2"), events("q7", "a1", "c3")
    assert judged(first, events("q7", "a1"), rest).status == "ok"
    assert judged(first, events("a1", "c3"), rest).status == "wrong"


def test_a_gap_that_the_server_reports_is_no_hole() -> None:
    verdict = judged(FIRST, [Event("lost 3", "gap", "4"), *events(5)], REST)
    assert verdict.status == "ok"
    assert "reports a gap" in verdict.evidence


def test_a_snapshot_may_replace_the_events_before_it() -> None:
    verdict = judged(FIRST, [Event("all", "snapshot", "5"), *events(6)], REST)
    assert verdict.status == "not seen"
    assert "whose type is another one" in verdict.evidence


# Without another response


@pytest.mark.parametrize(
    ("first", "reply", "status"),
    [
        (events(1, 2, 3, 4), events(5, 6), "ok"),
        (events(1, 2, 3, 4), events(7, 8), "wrong"),
        (events("a-1", "a-2", "a-3"), events("a-5", "a-6", "a-7"), "wrong"),
        (events("a-1", "a-2", "a-3"), events("b-5", "b-6", "b-7"), "not seen"),
        (events(1, 2, 3), events(7, 8), "not seen"),  # too few
        (events(1, 2, 4), events(7, 8, 9), "not seen"),  # not consecutive
        (events(1, 2, 3), events(7, 9, 10), "not seen"),
        (events(*"abc"), events(*"fgh"), "not seen"),
        (events(7, 8, 9), events(1, 2, 3), "not seen"),
        (events(10**30, 10**30 + 1, 10**30 + 2), events(*range(10**31, 10**31 + 3)), "not seen"),
    ],
)
def test_consecutive_numbers_are_evidence_if_there_are_enough(
    first: list[Event], reply: list[Event], status: str
) -> None:
    assert judged(first, reply, []).status == status


@pytest.mark.parametrize(
    ("reply", "status", "seen"),
    [
        (message(status=204), "wrong", "ended the stream (204), though 4 events followed"),
        (message(), "wrong", "got no event, though 4 events followed"),
        (message(end="stopped"), "not seen", "no event came"),
        (message(end="timeout"), "not seen", "no event came"),
        (message(status=400), "wrong", "got a 400"),
        (message(status=500), "wrong", "got a 500"),
        (message(status=503), "not seen", "got a 503"),
        (message(status=429), "not seen", "got a 429"),
        (no_response("timeout", detail="no head"), "not seen", "no response: no head"),
    ],
)
def test_a_reply_without_events(reply: Message, status: str, seen: str) -> None:
    verdict = judged(FIRST, reply, REST)
    assert verdict.status == status
    assert seen in verdict.evidence


def test_nothing_followed_and_nothing_came() -> None:
    assert judged(FIRST, message(status=204), []).status == "not seen"


# Not judged


def test_what_has_no_ids_cannot_be_resumed_and_is_no_fault() -> None:
    verdict = judge_reconnection(Evidence(message([Event("a"), Event("b")])))
    assert verdict.status == "not seen"
    assert "no event has an id" in verdict.evidence


def test_ids_that_are_no_places_are_no_fault() -> None:
    main = message(events("user-1", "user-2", "user-1"))
    verdict = judge_reconnection(Evidence(main, resumption=None))
    assert verdict.status == "not seen"
    assert "two events of one response have the id user-1" in verdict.evidence


def test_lines_of_json_have_no_ids() -> None:
    main = message([], ("content-type", "application/x-ndjson"))
    assert "no event stream" in judge_reconnection(Evidence(main)).evidence


def test_an_unsafe_request_is_not_sent_again_unasked() -> None:
    verdict = judge_reconnection(Evidence(message(FIRST), may_repeat=False))
    assert verdict.status == "not asked"
    assert "--repeat" in verdict.evidence


def test_a_stream_that_could_not_be_cut_is_not_seen() -> None:
    assert judge_reconnection(Evidence(message(FIRST))).status == "not seen"


@pytest.mark.parametrize(
    ("main", "seen"),
    [
        ([Event("a", retry=1500)], "; retry: clients wait for 1.50 s"),
        ([Event(retry=300), Event("a")], "; retry: clients wait for 0.30 s"),
        ([Event("a")], "; no retry: clients wait for some seconds"),
    ],
)
def test_the_reconnection_time_is_evidence(main: list[Event], seen: str) -> None:
    assert seen in judge_reconnection(Evidence(message(main))).evidence


def test_a_long_id_is_shortened() -> None:
    verdict = judged(events("x" * 5000), events("y" * 5000), events("y" * 5000))
    assert len(verdict.evidence) < 300
