"""The forms of an inspection: a table of 80 columns, and JSON that programs can rely on."""

import json
import re

from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.inspection import Inspection
from streamserver.lab.inspect.recording import Message
from streamserver.lab.inspect.report import coloured, table, to_json
from streamserver.lab.inspect.verdict import Remedy, Verdict
from streamserver.wire.json_text import to_indented_json
from support.messages import timed_message

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nset-cookie: a=b\r\n\r\n"
REMEDIES = (
    Remedy("server", "flush after each event " * 5),
    Remedy("nginx", "proxy_buffering off;"),
)
OK = Verdict("type", "ok", "Content-Type is text/event-stream", "RFC 9110, section 8.3")
WRONG = Verdict("buffering", "wrong", "20 events came at once " * 4, "", REMEDIES)
UNASKED = Verdict("heartbeats", "not asked", "--idle SECONDS asks")


def main() -> Message:
    reads = [(0.25, HEAD), (0.5, b"data: 1\n\n:\n\ndata: 2\n\n"), (1.0, b"data: 3\n\n")]
    return timed_message(reads, "closed", 1.5)


def inspection(*verdicts: Verdict, title: str = "GET http://a/") -> Inspection:
    return Inspection(title, Evidence(main()), list(verdicts))


def test_the_table() -> None:
    assert table(inspection(OK, WRONG, UNASKED)).splitlines() == [
        "GET http://a/",
        "HTTP/1.1 200, text/event-stream, 30 bytes in 2 pieces, 3 events at 2 moments, 1",
        "heartbeat, closed after 1.50 s",
        "",
        "type        ok         Content-Type is text/event-stream (RFC 9110, section 8.3)",
        "buffering   wrong      20 events came at once 20 events came at once 20 events",
        "                       came at once 20 events came at once",
        "heartbeats  not asked  --idle SECONDS asks",
        "",
        "What to change",
        "",
        "buffering",
        "  server  flush after each event flush after each event flush after each event",
        "          flush after each event flush after each event",
        "  nginx   proxy_buffering off;",
    ]


def test_the_table_of_a_hop() -> None:
    lines = table(inspection(OK), inspection(WRONG, title="GET http://b/")).splitlines()
    assert [line for line in lines if line.startswith("GET")] == ["GET http://a/", "GET http://b/"]
    assert lines[-4:] == [
        "What changes on the way",
        "",
        "verdict type              ok -> none",
        "verdict buffering  worse  none -> wrong",
    ]
    assert table(inspection(OK), inspection(OK)).endswith("\n\nNothing changes on the way\n")


def test_colours_are_only_added() -> None:
    plain = table(inspection(OK, WRONG), inspection(WRONG, OK))
    shown = coloured(plain)
    assert re.sub("\x1b[^m]*m", "", shown) == plain
    assert "\ntype       \x1b[32mok\x1b[0m         Content-Type" in shown
    assert "\nbuffering  \x1b[1;31mwrong\x1b[0m      20 events" in shown
    assert "\nverdict buffering  \x1b[1;31mworse\x1b[0m  none" in coloured(
        table(inspection(OK), inspection(WRONG))
    )
    assert shown.count("\x1b[0m") == 4


def test_no_line_is_wider_than_the_terminal_and_none_controls_it() -> None:
    hostile = Verdict("type", "ok", "\x1b[2J\x07" + "x" * 500 + "\u202e ö")
    lines = table(inspection(hostile, WRONG), width=60).splitlines()
    assert max(map(len, lines)) <= 60
    assert all(line.isprintable() for line in lines)
    assert "ö" in "".join(lines)


def test_no_response() -> None:
    one = Inspection("GET http://a/", Evidence(timed_message([], "failed")), [])
    assert table(one).splitlines() == ["GET http://a/", "no response: failed: why"]
    found = to_json(one)
    assert (found["status"], found["response"]) == (3, None)


def test_the_json() -> None:
    found = json.loads(to_indented_json(to_json(inspection(OK, WRONG), inspection(OK))))
    assert list(found) == [
        *("version", "request", "status", "verdicts", "response", "through", "changes")
    ]
    assert (found["version"], found["request"], found["status"]) == (1, "GET http://a/", 1)
    assert found["verdicts"][0] == {
        "name": "type",
        "status": "ok",
        "evidence": "Content-Type is text/event-stream",
        "section": "RFC 9110, section 8.3",
        "remedies": [],
    }
    assert found["verdicts"][1]["remedies"][1] == {"where": "nginx", "change": REMEDIES[1].change}
    assert found["response"] == {
        "version": "HTTP/1.1",
        "status": 200,
        "fields": [["content-type", "text/event-stream"], ["set-cookie", "REDACTED"]],
        "framing": "close",
        "alpn": None,
        "connected": 0.0,
        "head": 250.0,
        "bytes": 30,
        "pieces": 2,
        "reads": 3,
        "events": 3,
        "heartbeats": 1,
        "arrivals": [500.0, 500.0, 1000.0],
        "ended": 1500.0,
        "end": "closed",
        "complete": False,
        "problem": "",
    }
    assert list(found["through"]) == ["request", "status", "verdicts", "response"]
    change = {"name": "verdict buffering", "direct": "wrong", "through": None, "worse": False}
    assert found["changes"] == [change]


def test_the_exit_status() -> None:
    assert inspection(OK, UNASKED).status == 0
    assert inspection(OK, WRONG).status == 1
    assert inspection(UNASKED).status == inspection().status == 3
