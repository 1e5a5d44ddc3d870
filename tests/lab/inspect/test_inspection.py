"""All verdicts of one inspection, and what to change."""

from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.inspection import judge
from streamserver.lab.inspect.remedies import BUFFERING
from support.judging import verdict
from support.paths import CHUNKED, TYPE, Write, event, filled, head, response

TICKS = [Write(0.02 * n, event(n)) for n in range(300)]
NAMES = [
    *("status", "type", "caching", "head", "framing", "compression", "buffering", "heartbeats"),
    *("cut", "end", "reconnection", "second request", "cors", "versions"),
]


def test_the_names_never_change() -> None:
    for message in (response(TICKS), response([], start=head(status="404 Not Found"))):
        assert [one.name for one in judge(Evidence(message))] == NAMES


def test_a_healthy_stream_is_praised() -> None:
    found = {one.name: one.status for one in judge(Evidence(response(TICKS)))}
    praised = {name for name, status in found.items() if status == "ok"}
    assert praised == {"status", "type", "caching", "framing", "compression", "buffering", "end"}
    assert "wrong" not in found.values()


def test_what_the_hops_name_is_changed_first() -> None:
    held = filled(TICKS, 4096, 6.0)
    fields = (TYPE, CHUNKED, "Via: 1.1 Caddy", "Server: nginx/1.22.1")
    found = verdict("buffering", response(held, start=head(*fields)))
    places = [one.where for one in found.remedies]
    assert places[:3] == ["server", "nginx", "Caddy"]
    assert sorted(places) == sorted(one.where for one in BUFFERING)
